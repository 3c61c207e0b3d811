"""The section about programs that models wrote: how many are right, and what the others are.

Called through :mod:`probe.report.probes`. Numbers of single runs are those of their results;
differences and the line over sizes are taken from samples, problem by problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from generators.records import Verdict
from probe.analysis.scaling import ScalingFit, fit_scaling
from probe.report.curves import CurvePoint, curve_picture
from probe.report.inputs import ReportRun, estimate
from probe.report.labels import Labels
from probe.report.matching import Cohort, cohorts
from probe.report.numbers import count, percent_interval, points_interval, visible
from probe.report.plots import TypeRow, types_picture
from probe.report.sections import Section
from probe.report.tables import Cell, Table, score_cell
from probe.statistics import Estimate, pair
from probe.tasks.synthesis_results import CLASSES

__all__ = ["synthesis_sections"]

_OUTCOMES = {
    "passed": "Passed all tests",
    "failed_assert": "Failed an assert",
    "syntax_error": "Syntax error",
    "type_error": "Type error",
    "other_error": "Other error",
    "timeout": "Timeout",
    "no_code": "No code",
}


def synthesis_sections(runs: Sequence[ReportRun]) -> list[Section]:
    """Return a section for each cohort of matched runs, and one on sizes where there are three."""
    groups = cohorts(runs)
    found = []
    for place, cohort in enumerate(groups, 1):
        title = "" if len(groups) == 1 else f" (set {place})"
        found.append(_section(cohort, Labels(cohort.runs), f"synthesis-{place}", title))
        scaling = _scaling_section(cohort, f"scaling-{place}", title)
        found += [scaling] if scaling else []
    return found


def _section(cohort: Cohort, labels: Labels, key: str, title: str) -> Section:
    first = cohort.runs[0]
    problems, each = first.results["n_programs"], first.results["samples_per_problem"]
    tables = [_scores_table(cohort, labels, key), _outcomes_table(cohort, labels, key)]
    pairs = _pairs_table(cohort, labels, key)
    tables += [pairs] if pairs else []
    told = tuple(visible(note) for note in _notes(cohort, labels))
    return Section(
        key=key,
        title=f"Writing programs{title}",
        text=f"{count(problems, 'problem')}, {count(each, 'sample')} each, graded by running the "
        f"tests in the sandbox; {_protocol(first)}.",
        notes=told,
        headlines=told,
        tables=tuple(tables),
        picture=types_picture(
            [
                TypeRow(
                    label=_OUTCOMES[name],
                    scores=tuple(_share(run, name) for run in cohort.runs),
                )
                for name in CLASSES
                if any(name in run.results["outcomes"] for run in cohort.runs)
            ],
            [labels[run] for run in cohort.runs],
            f"{key}-outcomes-figure",
            title="What becomes of samples",
            caption="Point: share of samples. Line: 95% interval.",
            axis="Samples, %",
        ),
    )


def _protocol(run: ReportRun) -> str:
    config = run.config
    asserts = int(config["asserts"])
    shown = count(asserts, "test") + " shown" if asserts else "no test shown, the name given"
    how = (
        "greedy"
        if config["decoding"] == "greedy"
        else f"temperature {config['temperature']:g}, top-p {config['top_p']:g}"
    )
    return f"preset {config['preset']}, {count(run.shots, 'shot')}, {shown}, {how}"


def _share(run: ReportRun, outcome: str) -> Estimate:
    """Return the share of an outcome; one that never came has Wilson's interval over problems."""
    found = run.results["outcomes"].get(outcome)
    if found is not None:
        return estimate(found)
    right = run.results["scores"]["samples_right"]
    z = 3.8414588  # the 95% quantile of chi squared with one degree of freedom
    high = z / (right["clusters"] + z)
    return Estimate(**{**right, "estimate": 0.0, "low": 0.0, "high": high})


def _scores_table(cohort: Cohort, labels: Labels, key: str) -> Table:
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


def _outcomes_table(cohort: Cohort, labels: Labels, key: str) -> Table:
    return Table(
        key=f"{key}-outcomes",
        caption="What becomes of samples.",
        columns=("Outcome", *(labels[run] for run in cohort.runs)),
        rows=tuple(
            (
                Cell(text=_OUTCOMES[name]),
                *(score_cell(_share(run, name)) for run in cohort.runs),
            )
            for name in CLASSES
            if any(name in run.results["outcomes"] for run in cohort.runs)
        ),
    )


def _solved(run: ReportRun) -> dict[int, bool]:
    found: dict[int, bool] = {}
    for row in run.rows:
        found[row["task_id"]] = found.get(row["task_id"], False) or row["verdict"] == Verdict.PASS
    return found


def _pairs_table(cohort: Cohort, labels: Labels, key: str) -> Table | None:
    rows = []
    base = cohort.runs[0]
    for run in cohort.runs[1:]:
        a, b = _solved(base), _solved(run)
        paired = pair(list(a.values()), [b[task] for task in a], list(a))
        rows.append(
            (
                Cell(text=f"{labels[run]} minus {labels.inline(base)}"),
                Cell(text=points_interval(paired.difference)),
                Cell(text=str(paired.only_second)),
                Cell(text=str(paired.only_first)),
                Cell(text=f"{paired.p:.3g}"),
            )
        )
    if not rows:
        return None
    return Table(
        key=f"{key}-pairs",
        caption="Paired differences of problems solved, in percentage points.",
        columns=("Runs", "Difference", "Only the first named", "Only the other", "p"),
        rows=tuple(rows),
        foot="p: exact McNemar test, not corrected.",
    )


def _scaling_section(cohort: Cohort, key: str, title: str) -> Section | None:
    """Draw problems solved over sizes, if base models of three sizes answered the same."""
    groups = {
        "base": [run for run in cohort.runs if not run.tuned],
        "tuned": [run for run in cohort.runs if run.tuned],
    }
    fits = {name: fit for name, runs in groups.items() if (fit := _fit(runs))}
    if "base" not in fits:
        return None
    slope = fits["base"].slope
    return Section(
        key=key,
        title=f"Problems solved by size{title}",
        text=f"Ten times the parameters: {points_interval(slope)} points, by a line through "
        f"{count(slope.n, 'base model')}. So few models say little about the form of the line.",
        tables=(
            Table(
                key=f"{key}-table",
                caption="Problems solved by any sample.",
                columns=("Model", "Parameters", "Solved"),
                rows=tuple(
                    (
                        Cell(text=visible(run.model_name), note="tuned" if run.tuned else "base"),
                        Cell(text=f"{run.model['parameters']:,}"),
                        score_cell(estimate(run.results["scores"]["solved"])),
                    )
                    for run in sorted(cohort.runs, key=lambda run: run.model["parameters"])
                ),
                foot="Models differ in more than size: data, training and the form of the weights.",
            ),
        ),
        picture=curve_picture(
            {
                name.capitalize(): [
                    CurvePoint(
                        x=run.model["parameters"], score=estimate(run.results["scores"]["solved"])
                    )
                    for run in sorted(groups[name], key=lambda run: run.model["parameters"])
                ]
                for name in fits
            },
            f"{key}-figure",
            title="Problems solved by number of parameters",
            x_label="Parameters",
            y_label="Problems solved, %",
        ),
    )


def _fit(runs: Sequence[ReportRun]) -> ScalingFit | None:
    """Fit a line over sizes, if there are three."""
    sizes = [float(run.model.get("parameters") or 0) for run in runs]
    if len(set(sizes)) < 3 or 0 in sizes:
        return None
    solved = [_solved(run) for run in runs]
    scores = [[found[task] for task in solved[0]] for found in solved]
    return fit_scaling(sizes, scores, rng=np.random.default_rng(0))


def _notes(cohort: Cohort, labels: Labels) -> Iterator[str]:
    for run in cohort.runs:
        scores = run.results["scores"]
        yield (
            f"{labels[run]}: solves {percent_interval(estimate(scores['solved']))} of the problems "
            f"with any of {run.results['samples_per_problem']} samples; "
            f"{percent_interval(estimate(scores['samples_right']))} of the samples are right."
        )
