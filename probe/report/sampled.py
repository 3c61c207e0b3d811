"""Tables and figures of runs whose samples are programs: shared by synthesis and MathQA.

Called by :mod:`probe.report.synthesis` and :mod:`probe.report.mathqa`. Numbers of single runs are
those of their results; differences are taken from samples, problem by problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from probe.analysis.ablations import Counts
from probe.report.figures import Picture
from probe.report.inputs import ReportRun, estimate
from probe.report.labels import Labels
from probe.report.matching import Cohort
from probe.report.numbers import (
    could_find,
    count,
    p_value,
    percent_interval,
    points_interval,
    visible,
)
from probe.report.plots import TypeRow, types_picture
from probe.report.tables import Cell, Table, score_cell
from probe.statistics import Estimate, corrected, pair, wilson
from probe.tasks.sampled import passed

__all__ = [
    "outcomes_picture",
    "outcomes_table",
    "pairs_table",
    "sample_counts",
    "sample_notes",
    "scores_table",
    "solved_by",
    "way_of_asking",
]


def scores_table(cohort: Cohort, labels: Labels, key: str) -> Table:
    """Make the table of problems solved and samples right."""
    ks = [k for k in ("1", "10", "80") if k in cohort.runs[0].results["pass_at_k"]]
    return Table(
        key=f"{key}-scores",
        caption="Problems solved and samples right, with 95% intervals over problems.",
        columns=("Run", "Solved by any", "Samples right", *(f"pass@{k}" for k in ks), "Cut off"),
        rows=tuple(
            (
                Cell(text=labels[run], note=visible(run.name)),
                *(
                    score_cell(estimate(run.results["scores"][name]))
                    for name in ("solved", "samples_right")
                ),
                *(score_cell(estimate(run.results["pass_at_k"][k])) for k in ks),
                Cell(
                    text=str(run.results["counts"]["finish"].get("length", 0)), note=f"of {run.n}"
                ),
            )
            for run in cohort.runs
        ),
        foot="pass@k: the chance that any of k samples is right, estimated without bias. Cut off: "
        "the program ran into the token budget.",
    )


def outcomes_table(cohort: Cohort, labels: Labels, key: str, names: Mapping[str, str]) -> Table:
    """Make the table of what becomes of samples; ``names`` has every outcome, in order."""
    return Table(
        key=f"{key}-outcomes",
        caption="What becomes of samples.",
        columns=("Outcome", *(labels[run] for run in cohort.runs)),
        rows=tuple(
            (
                Cell(text=names[name]),
                *(score_cell(_share(run, name)) for run in cohort.runs),
            )
            for name in names
            if any(name in run.results["outcomes"] for run in cohort.runs)
        ),
    )


def outcomes_picture(cohort: Cohort, labels: Labels, key: str, names: Mapping[str, str]) -> Picture:
    """Draw what becomes of samples."""
    return types_picture(
        [
            TypeRow(label=names[name], scores=tuple(_share(run, name) for run in cohort.runs))
            for name in names
            if any(name in run.results["outcomes"] for run in cohort.runs)
        ],
        [labels[run] for run in cohort.runs],
        f"{key}-outcomes-figure",
        title="What becomes of samples",
        caption="Point: share of samples. Line: 95% interval.",
        axis="Samples, %",
    )


def _share(run: ReportRun, outcome: str) -> Estimate:
    """Return the share of an outcome; one that never came has Wilson's interval over problems."""
    found = run.results["outcomes"].get(outcome)
    if found is not None:
        return estimate(found)
    right = run.results["scores"]["samples_right"]
    none = wilson(0, right["clusters"])
    return Estimate(**{**right, "estimate": 0.0, "low": 0.0, "high": none.high})


def sample_counts(run: ReportRun) -> Counts:
    """Return by problem how many samples it has, and how many are right."""
    found: dict[int, tuple[int, int]] = {}
    for row in run.rows:
        n, c = found.get(row["task_id"], (0, 0))
        found[row["task_id"]] = (n + 1, c + passed(row))
    return found


def solved_by(run: ReportRun) -> dict[int, bool]:
    """Return by problem whether any sample solves it."""
    return {task: right > 0 for task, (_, right) in sample_counts(run).items()}


def pairs_table(cohort: Cohort, labels: Labels, key: str, cluster: str = "task_id") -> Table | None:
    """Make the table of paired differences with the first run, ``None`` for a single run.

    Args:
        cohort: Matched runs.
        labels: Their names.
        key: Beginning of the table's key.
        cluster: Field of a sample that is the same for problems resampled together.
    """
    base, *others = cohort.runs
    if not others:
        return None
    clusters = {row["task_id"]: row[cluster] for row in base.rows}
    before = solved_by(base)
    family = []
    for run in others:
        after = solved_by(run)
        family.append(
            pair(
                list(before.values()),
                [after[task] for task in before],
                [clusters[task] for task in before],
            )
        )
    return Table(
        key=f"{key}-pairs",
        caption="Paired differences of problems solved, in percentage points.",
        columns=("Runs", "Difference", "Only the first named", "Only the other", "p", "p (Holm)"),
        rows=tuple(
            (
                Cell(text=f"{labels[run]} minus {labels.inline(base)}"),
                Cell(text=points_interval(paired.difference)),
                Cell(text=str(paired.only_second)),
                Cell(text=str(paired.only_first)),
                Cell(text=p_value(paired.p).removeprefix("= ")),
                Cell(text=p_value(paired.p_holm).removeprefix("= ")),
            )
            for run, paired in zip(others, corrected(family), strict=True)
        ),
        foot="p: exact McNemar test on problems; Holm's correction is over this table. "
        + could_find(family),
    )


def way_of_asking(run: ReportRun) -> str:
    """Return how samples were drawn, in words."""
    config = run.config
    if config["decoding"] == "greedy":
        return "greedy"
    return f"temperature {config['temperature']:g}, top-p {config['top_p']:g}"


def sample_notes(cohort: Cohort, labels: Labels) -> Iterator[str]:
    """Yield a sentence for each run about what it solves."""
    for run in cohort.runs:
        scores, each = run.results["scores"], run.results["samples_per_problem"]
        told = f"{labels[run]}: solves {percent_interval(estimate(scores['solved']))} of "
        if each == 1:
            yield f"{told}{count(len(solved_by(run)), 'problem')}, with one program each."
        else:
            yield (
                f"{told}the problems with any of {each} samples; "
                f"{percent_interval(estimate(scores['samples_right']))} of the samples are right."
            )
