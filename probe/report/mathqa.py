"""The section about word problems: numbers that programs and formulas gave.

Called through :mod:`probe.report.probes`. Numbers of single runs are those of their results;
differences are taken from samples, problem by problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from probe.report.compare import verdict
from probe.report.inputs import ReportRun, estimate
from probe.report.labels import Labels, set_titles
from probe.report.listing import Asked
from probe.report.matching import Cohort, cohorts
from probe.report.numbers import count, p_value, percent_interval, points_interval, visible
from probe.report.paper import paper_math_table
from probe.report.sampled import (
    outcomes_picture,
    outcomes_table,
    pairs_table,
    sample_notes,
    scores_table,
    way_of_asking,
)
from probe.report.sections import Section
from probe.report.tables import NOTHING, Cell, Table, score_cell

__all__ = ["mathqa_sections"]

_OUTCOMES = {
    "right": "Right number",
    "wrong_number": "Wrong number",
    "no_number": "No number",
    "no_answer": "No answer",
    "syntax_error": "Syntax error",
    "type_error": "Type error",
    "other_error": "Other error",
    "timeout": "Timeout",
    "no_code": "Nothing written",
}
_TARGETS = {"python": "a Python program", "dsl": "a formula"}
_TOLERANCES = {
    "exact8": "within 1e-8",
    "abs1e-4": "within 1e-4",
    "rel1pct": "within 1%",
}
_GUESSES = {
    "most_common": "The most common answer",
    "nearest_question": "Formula of the most similar question",
}
_RELATIONS = {
    "question": "Same question but for its numbers",
    "formula": "Same formula",
    "template": "Same operations on other numbers",
}


def mathqa_sections(runs: Sequence[ReportRun]) -> list[Section]:
    """Return a section for each cohort of matched runs."""
    groups = cohorts(runs)
    titles = set_titles([_facts(cohort.runs[0]) for cohort in groups])
    found = []
    for place, (cohort, title) in enumerate(zip(groups, titles, strict=True), 1):
        found.append(
            _section(
                cohort, Labels(cohort.runs), f"mathqa-{place}", title, last=place == len(groups)
            )
        )
    return found


def _facts(run: ReportRun) -> list[str]:
    """Return in words how many problems, what is written, how often, and how it is asked for."""
    return [
        count(run.results["n_programs"], "problem"),
        _TARGETS[str(run.config["target"])],
        f"{count(run.results['samples_per_problem'], 'sample')} each",
        way_of_asking(run),
    ]


def _section(cohort: Cohort, labels: Labels, key: str, title: str, *, last: bool) -> Section:
    first = cohort.runs[0]
    results = first.results
    tables = [
        scores_table(cohort, labels, key),
        _tolerances_table(cohort, labels, key),
        _guesses_table(cohort, labels, key),
        _copies_table(cohort, labels, key),
        outcomes_table(cohort, labels, key, _OUTCOMES),
        pairs_table(cohort, labels, key, "group"),
        paper_math_table() if last else None,
    ]
    problems, written, each, way = _facts(first)
    return Section(
        key=key,
        title=f"Word problems{title}",
        text=f"{problems} of MathQA-Python, split {first.config['split']}; the model writes "
        f"{written}, {each}, {way}. The "
        "number that comes out is compared with what the reference program gives; right means "
        f"{_TOLERANCES[results['tolerance']]}. Near-copies "
        f"({count(results['n_groups'], 'group')}) are resampled together.",
        notes=tuple(map(visible, (*sample_notes(cohort, labels), *_notes(cohort, labels)))),
        headlines=tuple(map(visible, sample_notes(cohort, labels))),
        tables=tuple(table for table in tables if table),
        picture=outcomes_picture(cohort, labels, key, _OUTCOMES),
        asked=Asked(runs=tuple(cohort.runs), labels=labels),
    )


def _tolerances_table(cohort: Cohort, labels: Labels, key: str) -> Table:
    return Table(
        key=f"{key}-tolerances",
        caption="Problems solved by any sample, by when a number counts as right.",
        columns=("Right means", *(labels[run] for run in cohort.runs)),
        rows=(
            *(
                (
                    Cell(text=words),
                    *(
                        score_cell(estimate(run.results["by_tolerance"][name]))
                        for run in cohort.runs
                    ),
                )
                for name, words in _TOLERANCES.items()
            ),
            (
                Cell(text="the option that MathQA calls correct"),
                *(score_cell(estimate(run.results["by_option"])) for run in cohort.runs),
            ),
        ),
        foot="The paper does not say when a number is right. Options are rounded in one of eight "
        "problems; they are compared under the tolerance of the run.",
    )


def _guesses_table(cohort: Cohort, labels: Labels, key: str) -> Table | None:
    first = cohort.runs[0].results["guesses"]
    if not first:
        return None
    return Table(
        key=f"{key}-guesses",
        caption="Trivial answers, and each run minus them, in percentage points.",
        columns=("Answer", "Solved", *(f"{labels[run]} minus it" for run in cohort.runs)),
        rows=tuple(
            (
                Cell(text=_GUESSES[name]),
                score_cell(estimate(found["score"])),
                *(_difference_cell(run.results["guesses"][name]) for run in cohort.runs),
            )
            for name, found in first.items()
        ),
        foot="Learned from the problems that models are tuned on. The most similar question is "
        "found by its words; its formula is worked out with the numbers of the question asked.",
    )


def _difference_cell(found: dict[str, Any]) -> Cell:
    return Cell(
        text=points_interval(estimate(found["difference"])), note=f"p {p_value(found['p'])}"
    )


def _copies_table(cohort: Cohort, labels: Labels, key: str) -> Table:
    def cell(found: dict[str, Any] | None) -> Cell:
        return Cell(text=NOTHING) if found is None else score_cell(estimate(found))

    def size(found: dict[str, Any] | None) -> int:
        return 0 if found is None else int(found["n"])

    first = cohort.runs[0].results["near_copies"]
    return Table(
        key=f"{key}-copies",
        caption="Problems solved, by whether learning gives them away.",
        columns=(
            "Shared with a problem that models are tuned on",
            *(labels[r] for r in cohort.runs),
        ),
        rows=tuple(
            (
                Cell(
                    text=words if part == "seen" else f"not: {words[0].lower()}{words[1:]}",
                    note=count(size(first[relation][part]), "problem"),
                ),
                *(cell(run.results["near_copies"][relation][part]) for run in cohort.runs),
            )
            for relation, words in _RELATIONS.items()
            for part in ("seen", "unseen")
        ),
        foot="For a model that was not tuned this tells how hard the two kinds of problems are.",
    )


def _notes(cohort: Cohort, labels: Labels) -> Iterator[str]:
    for run in cohort.runs:
        found = run.results["guesses"].get("nearest_question")
        if not found:
            continue
        difference = estimate(found["difference"])
        told = verdict(difference)
        yield (
            f"{labels[run]}: {told} {'from' if told == 'not told apart' else ''} the formula of "
            f"the most similar question, which solves {percent_interval(estimate(found['score']))} "
            f"({points_interval(difference)} points)."
        ).replace("  ", " ")
