"""The sections about what is behind a score of written programs.

Called through :mod:`probe.report.probes`; every number is one of the analysis's results, examples
are taken from its samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from probe.report.inputs import ReportRun, estimate
from probe.report.numbers import count, percent_interval, visible
from probe.report.sections import Section
from probe.report.tables import NOTHING, Cell, Table, score_cell

__all__ = ["analysis_sections"]

_LINES = 6
_FEATURES = 8
_Results = dict[str, Any]


def analysis_sections(runs: Sequence[ReportRun]) -> list[Section]:
    """Return a section for each analysed run."""
    return [
        _section(run, f"analysis-{place}", run.model_name if len(runs) > 1 else "")
        for place, run in enumerate(runs, 1)
    ]


def _section(run: ReportRun, key: str, model: str) -> Section:
    results = run.results
    tables = [
        _generalising_table(results, f"{key}-generalises"),
        _bleu_table(results["bleu"], f"{key}-bleu"),
        _importance_table(results["difficulty"]["model"], f"{key}-difficulty"),
        _problems_table(results["difficulty"], f"{key}-problems"),
        _examples_table(run, f"{key}-examples"),
    ]
    notes = tuple(map(visible, _notes(results)))
    tuned = "a tuned model" if run.tuned else "a base model"
    who = f"{visible(run.model_name)}, {tuned}" if run.model_name else "samples from a file"
    return Section(
        key=key,
        title="Behind the score" + (f": {visible(model)}" if model else ""),
        text=f"{count(results['n_items'], 'sample')} of {count(results['n_programs'], 'problem')} "
        f"({who}), {results['n_right']:,} of them right by their tests.",
        notes=notes,
        headlines=notes[:1] if results["generalises"]["fresh"] else (),
        tables=tuple(table for table in tables if table),
    )


def _notes(results: _Results) -> Iterator[str]:
    fresh = results["generalises"]["fresh"]
    if fresh:
        yield (
            f"{percent_interval(estimate(fresh['samples']))} of the programs that pass their tests "
            "give something else than the reference on inputs that no test shows; "
            f"{percent_interval(estimate(fresh['problems']))} of the solved problems lose all "
            "their solutions."
        )
    model = results["difficulty"]["model"]
    if model is None:
        yield (
            f"{results['difficulty']['solved']} problems are solved: too few, solved or unsolved, "
            "to say which kinds are hard."
        )
    elif model["area"]:
        area = estimate(model["area"])
        told = "better than chance" if area.low > 0.5 else "not told apart from chance"
        yield (
            f"From the problem alone, whether it is solved is predicted {told}: area under the ROC "
            f"curve {_number(area)}, on problems not learned from."
        )


def _number(found: Any) -> str:
    return f"{found.estimate:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _generalising_table(results: _Results, key: str) -> Table:
    hard = results["hard_coded"]
    rows = []
    for name, words in (("fresh", "on fresh inputs"), ("challenge", "by challenge tests")):
        found = results["generalises"][name]
        if found:
            rows.append(
                (
                    Cell(
                        text=f"Right, but not on: {words}", note=count(found["n_samples"], "sample")
                    ),
                    score_cell(estimate(found["samples"])),
                    score_cell(estimate(found["problems"])),
                )
            )
    of_right = hard["of_right"]
    rows.append(
        (
            Cell(text="Right, and spell out their tests"),
            score_cell(estimate(of_right)) if of_right else Cell(text=NOTHING),
            Cell(text=NOTHING),
        )
    )
    rows.append(
        (
            Cell(text="All samples that spell out their tests"),
            score_cell(estimate(hard["samples"])),
            Cell(text=NOTHING),
        )
    )
    return Table(
        key=key,
        caption="Do programs that pass their tests solve the problem?",
        columns=("Which", "Samples", "Solved problems that lose all solutions"),
        rows=tuple(rows),
        foot="Spelled out: two of the tests shown, argument and value, stand in the program as "
        f"constants that are compared. Of those, {hard['fail_on_fresh']} of "
        f"{hard['checked_on_fresh']} that pass fail on fresh inputs.",
    )


def _bleu_table(found: _Results, key: str) -> Table:
    def mean(part: _Results | None) -> Cell:
        return Cell(text=percent_interval(estimate(part)).replace("%", "") if part else NOTHING)

    def plain(part: _Results | None) -> Cell:
        return Cell(text=_number(estimate(part)) if part else NOTHING)

    return Table(
        key=key,
        caption="BLEU against being right.",
        columns=("What", "Value"),
        rows=(
            (Cell(text="Mean BLEU of right samples"), mean(found["right"])),
            (Cell(text="Mean BLEU of wrong samples"), mean(found["wrong"])),
            (
                Cell(text="Chance that a right sample has more than a wrong one"),
                plain(found["area"]),
            ),
            (
                Cell(text="Rank correlation with the share right, over problems"),
                plain(found["rank_correlation"]),
            ),
        ),
        foot=f"sacrebleu, {found['signature']}, against one reference.",
    )


def _importance_table(model: _Results | None, key: str) -> Table | None:
    if model is None:
        return None
    return Table(
        key=key,
        caption="What tells solved from unsolved problems.",
        columns=("Feature", "Area lost when shuffled", "More of it means"),
        rows=tuple(
            (
                Cell(text=one["feature"]),
                Cell(text=f"{one['loss']:+.3f} ± {one['spread']:.3f}"),
                Cell(text="easier" if one["direction"] > 0 else "harder"),
            )
            for one in model["importances"][:_FEATURES]
        ),
        foot=f"Logistic regression on {len(model['importances'])} features, {model['folds']} folds "
        "with twins kept together; ± standard deviation over shuffles. Features that go together "
        "share their worth.",
    )


def _problems_table(found: _Results, key: str) -> Table:
    rows = [
        (
            Cell(text=str(one["task_id"])),
            Cell(text=visible(one["text"])),
            Cell(text=f"{100 * one['share']:.0f}%"),
        )
        for part in ("easiest", "hardest")
        for one in found[part]
    ]
    return Table(
        key=key,
        caption="The problems solved most often and least often.",
        columns=("Task", "Statement", "Samples right"),
        rows=tuple(rows),
        foot="Equals are in an order drawn by hash.",
        numeric=False,
    )


def _examples_table(run: ReportRun, key: str) -> Table:
    rows = {row["key"]: row for row in run.rows}
    return Table(
        key=key,
        caption="Examples of each outcome, drawn by hash.",
        columns=("Outcome", "Sample", "Program", "What came of it"),
        rows=tuple(
            (
                Cell(text=outcome.replace("_", " ")),
                Cell(text=name),
                Cell(text=visible(_beginning(rows[name]["code"]))),
                Cell(text=visible(rows[name]["message"])),
            )
            for outcome, names in run.results["examples"].items()
            for name in names
        ),
        numeric=False,
    )


def _beginning(code: str) -> str:
    lines = [line.strip() for line in code.strip().splitlines()]
    return " \u23ce ".join(lines[:_LINES]) + (" ..." if len(lines) > _LINES else "")
