"""Matched runs of output prediction, ready to be shown: answer, tables, figures, items.

Called by :mod:`probe.report.document`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probe.report.browse import Browser, browser
from probe.report.compare import Comparison, Margin, best_baseline
from probe.report.figures import Picture
from probe.report.headline import (
    answer,
    apart_note,
    main_run,
)
from probe.report.inputs import estimate
from probe.report.labels import Labels, baseline_name, set_titles
from probe.report.matching import Cohort
from probe.report.numbers import count, visible
from probe.report.plots import Mark, TypeRow, scores_picture, types_picture
from probe.report.protocol import protocol_tables
from probe.report.sections import Finding
from probe.report.tables import (
    Table,
    baseline_table,
    comparison_table,
    ending_table,
    group_table,
    headline_table,
)

__all__ = ["Group", "make_group"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One cohort, ready to be shown.

    Attributes:
        key: Prefix of identifiers inside the page.
        title: Heading suffix, empty for the only cohort.
        cohort: The runs.
        finding: The answer in sentences.
        apart: Why a later cohort is not compared with the first.
        remarks: What else there is to say, in sentences.
        notes: Comparisons that were refused.
        headline: Runs and the best trivial baseline.
        scores: The same as a figure.
        paired: Paired differences, if there are two runs.
        by_type: Scores by output type.
        types: The same as a figure.
        by_origin: Scores by origin.
        baselines: Trivial baselines.
        endings: How completions ended.
        protocol: The protocol card.
        browser: The items.
    """

    key: str
    title: str
    cohort: Cohort
    finding: Finding
    apart: str
    remarks: tuple[str, ...]
    notes: tuple[str, ...]
    headline: Table
    scores: Picture
    paired: Table | None
    by_type: Table
    types: Picture
    by_origin: Table
    baselines: Table
    endings: Table
    protocol: tuple[Table, ...]
    browser: Browser


def _facts(cohort: Cohort) -> list[str]:
    """Return in words what is asked, and whether answers come after a scratchpad."""
    return [
        count(cohort.n_items, "item"),
        count(cohort.n_programs, "program"),
        "after a scratchpad" if cohort.runs[0].scratchpad else "at once",
    ]


def make_group(
    place: int,
    matched: Sequence[Cohort],
    comparisons: Sequence[Comparison],
    margins: dict[str, tuple[Margin, ...]],
    labels: Labels,
    *,
    notes: Sequence[str],
    shown: int,
) -> Group:
    """Make ready one cohort.

    Args:
        place: Its place among ``matched``.
        matched: All cohorts.
        comparisons: All comparisons.
        margins: Each run against each trivial baseline, by run name.
        labels: Names of the runs.
        notes: Comparisons that were refused.
        shown: So many items can be opened.
    """
    cohort = matched[place]
    names = {run.name for run in cohort.runs}
    own = [pair for pair in comparisons if pair.second.name in names]
    best = best_baseline(cohort.runs[0])
    about = main_run(cohort, own)
    told, remarks = answer(
        cohort, own, [m for m in margins[about.name] if m.baseline == best], labels
    )
    key = f"set{place + 1}"
    title = set_titles([_facts(one) for one in matched])[place]
    return Group(
        key=key,
        title=title,
        cohort=cohort,
        finding=Finding(
            anchor=key, label=f"Predicting outputs{title}", sentences=tuple(map(visible, told))
        ),
        apart=visible(apart_note(cohort, matched[0], labels)) if place else "",
        remarks=tuple(map(visible, remarks)),
        notes=tuple(visible(note) for note in notes),
        headline=headline_table(cohort, labels, best, f"{key}-headline"),
        scores=_scores_picture(cohort, labels, best, f"{key}-scores"),
        paired=comparison_table(own, labels, f"{key}-paired") if own else None,
        by_type=group_table(
            cohort, labels, "by_output_type", "Scores by type of the true output", f"{key}-types"
        ),
        types=_types_picture(cohort, labels, f"{key}-types-figure"),
        by_origin=group_table(
            cohort, labels, "by_origin", "Scores by where the call comes from", f"{key}-origins"
        ),
        baselines=baseline_table(
            cohort, labels, [m for n in names for m in margins[n]], f"{key}-baselines"
        ),
        endings=ending_table(cohort, labels, f"{key}-endings"),
        protocol=protocol_tables(cohort.runs, labels, f"{key}-protocol"),
        browser=browser(cohort, own, labels, f"item{f'-{key}' if place else ''}-", shown),
    )


def _scores_picture(cohort: Cohort, labels: Labels, best: str | None, key: str) -> Picture:
    marks = [
        Mark(label=labels[run], score=run.score("exact_text"), series=place)
        for place, run in enumerate(cohort.runs)
    ]
    if best is not None:
        score = estimate(cohort.runs[0].results["baselines"][best]["exact_text"])
        marks.append(Mark(label=f"Baseline: {baseline_name(best)}", score=score, series=None))
    return scores_picture(marks, key)


def _types_picture(cohort: Cohort, labels: Labels, key: str) -> Picture:
    first = cohort.runs[0].results["by_output_type"]
    rows = [
        TypeRow(
            label=visible(
                f"{name}: {count(first[name]['n_items'], 'item')}, "
                f"{count(first[name]['n_programs'], 'program')}"
            ),
            scores=tuple(
                estimate(run.results["by_output_type"][name]["exact_text"]) for run in cohort.runs
            ),
        )
        for name in sorted(first, key=lambda name: (-first[name]["n_items"], name))
    ]
    return types_picture(rows, [labels[run] for run in cohort.runs], key)
