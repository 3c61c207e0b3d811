"""What a report says, as one document: the page and the Markdown file are two prints of it.

Called by :mod:`probe.report.build`. Nothing is generated or scored here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probe.report.browse import Browser, browser
from probe.report.compare import Comparison, Margin, best_baseline, compare, margin
from probe.report.figures import Picture
from probe.report.headline import (
    answer,
    apart_note,
    asked_in_words,
    main_run,
    question,
    refused_note,
)
from probe.report.inputs import Inputs, ReportRun, estimate
from probe.report.labels import Labels, baseline_name
from probe.report.matching import Cohort, cohorts
from probe.report.numbers import count, visible
from probe.report.paper import PAPER_NOTES, paper_table
from probe.report.plots import Mark, TypeRow, scores_picture, types_picture
from probe.report.probes import PROBES
from probe.report.protocol import protocol_tables
from probe.report.provenance import Making, limits, making, source_of, split_of
from probe.report.regimes import regimes_section
from probe.report.sections import Finding, Section, finetune_section, grade_section, traces_section
from probe.report.sides import Side, models_with_sides
from probe.report.sides_section import sides_sections
from probe.report.tables import (
    Table,
    baseline_table,
    comparison_table,
    ending_table,
    group_table,
    headline_table,
)

__all__ = ["Document", "Group", "make_document"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Everything that the page and the Markdown file say.

    Attributes:
        title: Heading of the report.
        subtitle: Source, split and size in one line.
        question: The question that is answered.
        findings: The answer, part by part.
        opening: What each model can do about the same problems.
        groups: Matched execution runs.
        sections: Other kinds of runs, fine-tuning, graded files, trace files.
        making: How each run was made.
        limits: Deviations and limits, as sentences.
        paper: The paper's numbers, marked as recalled.
        paper_notes: What to think of them.
        comparisons: All matched comparisons.
        margins: Each execution run against each trivial baseline, by run name.
        labels: Names of the execution runs.
        sides: Of each model, what it can do about each problem.
    """

    title: str
    subtitle: str
    question: str
    findings: tuple[Finding, ...]
    opening: tuple[Section, ...]
    groups: tuple[Group, ...]
    sections: tuple[Section, ...]
    making: tuple[Making, ...]
    limits: tuple[str, ...]
    paper: Table
    paper_notes: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    margins: dict[str, tuple[Margin, ...]]
    labels: Labels
    sides: tuple[tuple[Side, ...], ...]

    @property
    def answer(self) -> tuple[str, ...]:
        """The sentences of the findings."""
        return tuple(told for finding in self.findings for told in finding.sentences)


def make_document(inputs: Inputs) -> Document:
    """Put together everything a report says about its runs."""
    labels = Labels(inputs.execution)
    matched = cohorts(inputs.execution)
    comparisons, refused = compare(matched)
    margins = {run.name: _margins(run) for run in inputs.execution}
    notes = [refused_note(base, tuned, labels) for base, tuned in refused]
    groups = tuple(
        _group(place, matched, comparisons, margins, labels, notes if place == 0 else [])
        for place in range(len(matched))
    )
    sides = models_with_sides(inputs)
    opening, sections = sides_sections(sides), _sections(inputs)
    found = [section.finding for section in opening]
    found += [group.finding for group in groups]
    found += [section.finding for section in sections]
    findings = tuple(finding for finding in found if finding.sentences)
    return Document(
        title=_title(inputs),
        subtitle=_subtitle(inputs, matched),
        question=question(inputs),
        findings=findings or (_without_execution(inputs),),
        opening=tuple(opening),
        groups=groups,
        sections=sections,
        making=tuple(making(run) for run in inputs.runs),
        limits=limits(inputs, matched, labels),
        paper=paper_table(),
        paper_notes=PAPER_NOTES,
        comparisons=comparisons,
        margins=margins,
        labels=labels,
        sides=tuple(map(tuple, sides)),
    )


def _margins(run: ReportRun) -> tuple[Margin, ...]:
    return tuple(margin(run, name) for name in sorted(run.results["baselines"]))


def _title(inputs: Inputs) -> str:
    names = sorted({run.model_name for run in inputs.runs if run.model})
    what = asked_in_words(inputs) or "Report of runs"
    return visible(f"{what}: {', '.join(names)}" if names else what)


def _subtitle(inputs: Inputs, matched: Sequence[Cohort]) -> str:
    parts = []
    if matched:
        first = matched[0]
        run = first.runs[0]
        name, split = source_of(run).get("name"), split_of(run)
        if name:
            parts.append(f"{name}, {split} split" if split else str(name))
        if len(matched) == 1 and not inputs.probes:
            parts.append(count(first.n_items, "item"))
            parts.append(count(first.n_programs, "program"))
    parts.append(count(len(inputs.runs), "run"))
    return visible(" \N{MIDDLE DOT} ".join(parts))


def _without_execution(inputs: Inputs) -> Finding:
    told = (
        "No run here predicts outputs, so there is no headline score; "
        f"{count(len(inputs.runs), 'run')} and {count(len(inputs.traces), 'trace file')} follow."
    )
    return Finding(anchor="making", label="Runs", sentences=(told,))


def _sections(inputs: Inputs) -> tuple[Section, ...]:
    found: list[Section] = []
    for task, runs in inputs.probes.items():
        found += PROBES[task].sections(runs)
    found += [grade_section(run, n) for n, run in enumerate(inputs.grade, 1)]
    regimes = regimes_section(inputs)
    found += [regimes] if regimes else []
    found += [finetune_section(run, n, inputs) for n, run in enumerate(inputs.finetune, 1)]
    if inputs.traces:
        found.append(traces_section(inputs.traces))
    return tuple(found)


def _group(
    place: int,
    matched: Sequence[Cohort],
    comparisons: Sequence[Comparison],
    margins: dict[str, tuple[Margin, ...]],
    labels: Labels,
    notes: Sequence[str],
) -> Group:
    cohort = matched[place]
    names = {run.name for run in cohort.runs}
    own = [pair for pair in comparisons if pair.second.name in names]
    best = best_baseline(cohort.runs[0])
    about = main_run(cohort, own)
    told, remarks = answer(
        cohort, own, [m for m in margins[about.name] if m.baseline == best], labels
    )
    key = f"set{place + 1}"
    title = f" (set {place + 1})" if len(matched) > 1 else ""
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
        browser=browser(cohort, own, labels, f"item{f'-{key}' if place else ''}-"),
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
