"""Tables as data: made once, shown by the page and by the Markdown file with the same text.

Called by :mod:`probe.report.build`. Cells hold plain text; escaping is the renderers' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probe.report.compare import Comparison, Margin
from probe.report.inputs import POLICIES, ReportRun, estimate
from probe.report.labels import (
    FINISH_NAMES,
    POLICY_NAMES,
    Labels,
    baseline_name,
    finish_name,
    reason_name,
)
from probe.report.matching import Cohort
from probe.report.numbers import could_find, count, interval, p_value, percent
from probe.report.numbers import points_interval as points
from probe.statistics import Estimate

__all__ = [
    "NOTHING",
    "Cell",
    "Table",
    "baseline_table",
    "comparison_table",
    "ending_table",
    "group_table",
    "headline_table",
    "score_cell",
]

NOTHING = "\N{EN DASH}"


_TWO_POLICIES = 2
"""Tables by group show both policies for so many runs; of more, exact text alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        text: What it says.
        note: Smaller second part, such as an interval.
        code: Whether ``text`` is code.
    """

    text: str
    note: str = ""
    code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table whose first column names its rows.

    Attributes:
        key: Identifier, unique in a report.
        caption: What the table shows, with its n.
        columns: Column heads.
        numeric: Whether the columns after the first hold numbers.
        rows: Cells by row; each row is as long as ``columns``.
        foot: A remark below the table, or an empty text.
    """

    key: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: bool = True
    foot: str = ""


def score_cell(score: Estimate) -> Cell:
    """Return a share with its interval as a cell."""
    return Cell(text=percent(score.estimate), note=interval(score))


def _size(cohort: Cohort) -> str:
    return f"{count(cohort.n_items, 'item')} of {count(cohort.n_programs, 'program')}"


def _level(cohort: Cohort) -> str:
    return f"{cohort.runs[0].score('exact_text').level:.0%}"


def headline_table(cohort: Cohort, labels: Labels, baseline: str | None, key: str) -> Table:
    """Make the table of all runs of a cohort and the best trivial baseline."""
    rows = []
    for run in cohort.runs:
        cut = run.results["counts"]["finish"].get("length", 0)
        scores = [score_cell(run.score(policy)) for policy in POLICIES]
        rows.append((Cell(text=labels[run]), *scores, Cell(text=f"{cut}", note=f"of {run.n}")))
    if baseline is not None:
        scores = [score_cell(e) for e in _baseline_scores(cohort.runs[0], baseline)]
        name = Cell(text=f"Best trivial baseline: {baseline_name(baseline)}")
        rows.append((name, *scores, Cell(text=NOTHING)))
    return Table(
        key=key,
        caption=f"Share of outputs predicted right, with {_level(cohort)} intervals; "
        f"{_size(cohort)}.",
        columns=("System", *(POLICY_NAMES[policy] for policy in POLICIES), "Cut off"),
        rows=tuple(rows),
        foot="Exact text: the same characters as the canonical output. Exact value: the same type "
        "and value, however spelled. Cut off: the answer ran into the token budget. Programs are "
        "resampled for the intervals, since items of one program are not independent.",
    )


def _baseline_scores(run: ReportRun, baseline: str) -> list[Estimate]:
    return [estimate(run.results["baselines"][baseline][policy]) for policy in POLICIES]


def comparison_table(comparisons: Sequence[Comparison], labels: Labels, key: str) -> Table:
    """Make the table of paired differences, one row for a pair of runs and a policy."""
    rows = []
    for pair in comparisons:
        for policy in POLICIES:
            paired = pair.scores[policy]
            rows.append(
                (
                    Cell(
                        text=f"{labels[pair.second]} against {labels.inline(pair.first)}",
                        note=POLICY_NAMES[policy].lower(),
                    ),
                    Cell(text=points(paired.difference)),
                    Cell(text=f"{paired.only_second}"),
                    Cell(text=f"{paired.only_first}"),
                    Cell(text=f"{paired.both}"),
                    Cell(text=f"{paired.neither}"),
                    *(Cell(text=p_value(p).removeprefix("= ")) for p in (paired.p, paired.p_holm)),
                )
            )
    first = comparisons[0].scores["exact_text"].difference
    return Table(
        key=key,
        caption="Paired differences in percentage points on the same "
        f"{count(first.n, 'item')} of {count(first.clusters, 'program')}.",
        columns=(
            "Second run against first",
            "Difference",
            "Only second right",
            "Only first right",
            "Both",
            "Neither",
            "p",
            "p (Holm)",
        ),
        rows=tuple(rows),
        foot=f"Differences: {first.method}, {first.level:.0%}. p: exact McNemar test, which treats "
        "items as independent; where the two disagree, the interval is the safer guide. Holm's "
        "correction is over all comparisons of this report under the same policy. "
        + could_find([paired for pair in comparisons for paired in pair.scores.values()]),
    )


def group_table(cohort: Cohort, labels: Labels, field: str, caption: str, key: str) -> Table:
    """Make the table of a cohort's scores by output type or by origin."""
    first = cohort.runs[0].results[field]
    names = sorted(first, key=lambda name: (-first[name]["n_items"], name))
    policies = POLICIES if len(cohort.runs) <= _TWO_POLICIES else POLICIES[:1]
    heads = [
        f"{labels[run]}, {POLICY_NAMES[policy].lower()}"
        for run in cohort.runs
        for policy in policies
    ]
    rows = []
    for name in names:
        group = first[name]
        size = f"{count(group['n_items'], 'item')}, {count(group['n_programs'], 'program')}"
        scores = [
            score_cell(estimate(run.results[field][name][policy]))
            for run in cohort.runs
            for policy in policies
        ]
        rows.append((Cell(text=_group_name(name), note=size), *scores))
    head = "Output type" if field == "by_output_type" else "Origin of the call"
    return Table(
        key=key,
        caption=f"{caption}; {_size(cohort)}.",
        columns=(head, *heads),
        rows=tuple(rows),
        foot="Groups with few programs have wide and rough intervals.",
    )


def _group_name(name: str) -> str:
    return {"assert": "Public assert", "generated": "Generated input"}.get(name, name)


def baseline_table(cohort: Cohort, labels: Labels, margins: Sequence[Margin], key: str) -> Table:
    """Make the table of trivial baselines with each run's margin over them."""
    by_pair = {(margin.run.name, margin.baseline): margin for margin in margins}
    scores = cohort.runs[0].results["baselines"]
    names = sorted(scores, key=lambda name: (-scores[name]["exact_text"]["estimate"], name))
    rows = []
    for name in names:
        found = [by_pair[run.name, name] for run in cohort.runs]
        verdicts = [Cell(text=points(m.difference), note=m.verdict) for m in found]
        own = [score_cell(score) for score in _baseline_scores(cohort.runs[0], name)]
        rows.append((Cell(text=baseline_name(name)), *own, *verdicts))
    return Table(
        key=key,
        caption=f"Trivial baselines on the same {_size(cohort)}: guesses from types, from other "
        "outputs and from the look of the text.",
        columns=(
            "Baseline",
            *(POLICY_NAMES[policy] for policy in POLICIES),
            *(f"{labels[run]} minus baseline" for run in cohort.runs),
        ),
        rows=tuple(rows),
        foot="Last columns: paired difference in percentage points by exact text; above or below "
        "only where the interval leaves out zero.",
    )


def ending_table(cohort: Cohort, labels: Labels, key: str) -> Table:
    """Make the table of how completions ended and why answers are missing."""
    runs = cohort.runs
    seen = {name for run in runs for name in run.results["counts"]["finish"]}
    endings = [*FINISH_NAMES, *sorted(seen - set(FINISH_NAMES))]
    reasons = sorted({name for run in runs for name in run.results["counts"]["no_answer"]})
    rows = [
        _counts(finish_name(name), runs, [r.results["counts"]["finish"].get(name, 0) for r in runs])
        for name in endings
    ]
    rows += [
        _counts(
            f"No answer: {reason_name(name)}",
            runs,
            [run.results["counts"]["no_answer"].get(name, 0) for run in runs],
        )
        for name in reasons
    ]
    rows += _scratchpad_rows(runs)
    repeated = _invariance_rows(runs)
    rows += repeated
    for name in ("prompt", "completion"):
        totals = [Cell(text=f"{run.results['tokens'][name]:,}") for run in runs]
        rows.append((Cell(text=f"{name.capitalize()} tokens, in all"), *totals))
    return Table(
        key=key,
        caption="How the completions ended, and answers that are no literal.",
        columns=("Count", *(labels[run] for run in runs)),
        rows=tuple(rows),
        foot="Every item counts, also one without an answer: it is wrong."
        + (_REPEATED_FOOT if repeated else ""),
    )


_REPEATED_FOOT = (
    " Some items were decoded once more with nothing beside them; the share that read otherwise "
    "has a Wilson interval."
)


def _invariance_rows(runs: Sequence[ReportRun]) -> list[tuple[Cell, ...]]:
    """Return how often decoding an item alone gave another text, if any run has tried."""
    found = [run.results.get("batch_invariance") for run in runs]
    if not any(found):
        return []
    cells = [
        Cell(
            text=f"{tried['texts_changed']} of {tried['n_items']}",
            note=interval(estimate(tried["flip_rate"])),
        )
        if tried
        else Cell(text=NOTHING)
        for tried in found
    ]
    return [(Cell(text="Answers that read otherwise when decoded alone"), *cells)]


def _scratchpad_rows(runs: Sequence[ReportRun]) -> list[tuple[Cell, ...]]:
    """Return how much of the scratchpads is right, if any run has them."""
    found = [run.results.get("scratchpad") for run in runs]
    if not any(found):
        return []
    shares = [
        score_cell(estimate(one["leading_right"])) if one else Cell(text=NOTHING) for one in found
    ]
    whole = [Cell(text=f"{one['whole_right']}" if one else NOTHING) for one in found]
    return [
        (Cell(text="Events right from the start of the scratchpad"), *shares),
        (Cell(text="Scratchpads right as a whole"), *whole),
    ]


def _counts(name: str, runs: Sequence[ReportRun], counts: Sequence[int]) -> tuple[Cell, ...]:
    cells = [
        Cell(text=f"{n}", note=f"{n / run.n:.1%}") for run, n in zip(runs, counts, strict=True)
    ]
    return (Cell(text=name), *cells)
