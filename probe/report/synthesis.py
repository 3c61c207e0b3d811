"""The section about programs that models wrote: how many are right, and what the others are.

Called through :mod:`probe.report.probes`. Numbers of single runs are those of their results;
differences and the line over sizes are taken from samples, problem by problem.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probe.analysis.scaling import ScalingFit, fit_scaling
from probe.report.ablations import ablation_sections
from probe.report.curves import CurvePoint, curve_picture
from probe.report.inputs import ReportRun, estimate
from probe.report.labels import Labels, set_titles
from probe.report.listing import Asked
from probe.report.matching import Cohort, cohorts
from probe.report.numbers import count, points_interval, visible
from probe.report.provenance import source_of
from probe.report.sampled import (
    outcomes_picture,
    outcomes_table,
    pairs_table,
    sample_notes,
    scores_table,
    solved_by,
    way_of_asking,
)
from probe.report.sections import Section
from probe.report.tables import Cell, Table, score_cell

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
    """Return a section for each cohort of matched runs, those on sizes, and the ablations."""
    groups = sorted(cohorts(runs), key=_size)
    titles = set_titles([_facts(cohort.runs[0]) for cohort in groups])
    found = []
    for place, (cohort, title) in enumerate(zip(groups, titles, strict=True), 1):
        found.append(_section(cohort, Labels(cohort.runs), f"synthesis-{place}", title))
        scaling = _scaling_section(cohort, f"scaling-{place}", title)
        found += [scaling] if scaling else []
    return [*found, *ablation_sections(runs)]


def _size(cohort: Cohort) -> tuple[int, int]:
    """Return what sets are sorted by: most problems first, then fewest samples."""
    results = cohort.runs[0].results
    return -results["n_programs"], results["samples_per_problem"]


def _section(cohort: Cohort, labels: Labels, key: str, title: str) -> Section:
    first = cohort.runs[0]
    problems, each, *protocol = _facts(first)
    tables = [scores_table(cohort, labels, key), outcomes_table(cohort, labels, key, _OUTCOMES)]
    pairs = pairs_table(cohort, labels, key)
    tables += [pairs] if pairs else []
    told = tuple(visible(note) for note in sample_notes(cohort, labels))
    return Section(
        key=key,
        title=f"Writing programs{title}",
        text=f"{problems}, {each}, graded by running the tests in the sandbox; "
        f"{', '.join(protocol)}.",
        notes=told,
        headlines=told,
        tables=tuple(tables),
        picture=outcomes_picture(cohort, labels, key, _OUTCOMES),
        asked=Asked(runs=tuple(cohort.runs), labels=labels),
    )


def _facts(run: ReportRun) -> list[str]:
    """Return in words how many programs were written, and how they were asked for."""
    config, results = run.config, run.results
    asserts = int(config["asserts"])
    shown = count(asserts, "test") + " shown" if asserts else "no test shown, the name given"
    return [
        f"{count(results['n_programs'], 'problem')} of {visible(str(source_of(run)['name']))}",
        f"{count(results['samples_per_problem'], 'sample')} each",
        f"preset {config['preset']}",
        count(run.shots, "shot"),
        shown,
        way_of_asking(run),
    ]


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
    solved = [solved_by(run) for run in runs]
    scores = [[found[task] for task in solved[0]] for found in solved]
    return fit_scaling(sizes, scores, rng=np.random.default_rng(0))
