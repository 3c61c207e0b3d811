"""The tables of the front page: one row a run, from the results that its report keeps.

Called by :mod:`probe.report.front`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from probe.report.inputs import ReportRun, estimate
from probe.report.labels import baseline_name, who_answered
from probe.report.numbers import percent, visible
from probe.report.paper import content_name
from probe.report.provenance import source_of
from probe.report.tables import NOTHING, Cell, Table, score_cell
from probe.tasks.names import DIALOG, GRID, MATHQA, SYNTHESIS

__all__ = ["Row", "front_tables"]

_CONTENTS = ("code", "code+tests", "tests")
_FEWEST = 20  # problems that two sides share, for a row about the two


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A run of a report: one row of a table.

    Attributes:
        report: Folder of the report.
        run: The run, without samples.
    """

    report: str
    run: ReportRun

    @property
    def who(self) -> str:
        """Who answered."""
        return who_answered(self.run)

    @property
    def head(self) -> Cell:
        """The row's head: who answered, in which run."""
        return Cell(text=self.who, note=visible(f"{self.report}/{self.run.name}"))

    @property
    def size(self) -> Cell:
        """How many parameters the model has."""
        parameters = self.run.parameters
        return Cell(text=f"{parameters / 1e6:,.0f}M" if parameters else NOTHING)


def front_tables(
    rows: Sequence[Row], models: Sequence[tuple[str, dict[str, Any], Sequence[ReportRun]]]
) -> tuple[Table, ...]:
    """Return the tables that have a row.

    Args:
        rows: All runs of all reports.
        models: Report, sides and runs of each model that shows several sides.

    Raises:
        KeyError, TypeError, AttributeError: The results have another form.
    """
    asked = [row for row in rows if row.run.model]
    made = (_predicts(asked), _writes(asked), _repairs(asked), _word_problems(asked))
    return tuple(table for table in (*made, _sides(models)) if table)


def _table(
    key: str, caption: str, columns: Sequence[str], rows: Sequence[tuple[Cell, ...]], foot: str
) -> Table | None:
    if not rows:
        return None
    return Table(
        key=f"front-{key}",
        caption=caption,
        columns=("Model", "Parameters", *columns),
        rows=tuple(rows),
        foot=foot,
    )


def _of(rows: Sequence[Row], task: str) -> list[Row]:
    found = [row for row in rows if row.run.task == task]
    return sorted(found, key=lambda row: (row.run.parameters or 0, row.who))


def _once(rows: Sequence[Row]) -> list[Row]:
    """Return the grids without those whose asserts were asked in a larger grid of the report."""
    largest: dict[tuple[str, str, str | None], Row] = {}
    for row in rows:
        key = (row.report, row.who, row.run.adapter)
        best = largest.setdefault(key, row)
        if len(_public(row.run)) > len(_public(best.run)):
            largest[key] = row
    return list(largest.values())


def _public(run: ReportRun) -> list[dict[str, Any]]:
    """Return the cells of a grid on public asserts, one held out."""
    return [
        cell
        for cell in run.results["cells"]
        if (cell["setting"], cell["inputs"]) == ("L", "public")
    ]


def _predicts(rows: Sequence[Row]) -> Table | None:
    made = []
    for row in _once(_of(rows, GRID)):
        cells = {cell["content"]: cell for cell in _public(row.run)}
        shown = [cells.get(content) for content in _CONTENTS]
        if not any(shown):
            continue
        best = max(
            (found["exact_text"]["estimate"], name)
            for cell in cells.values()
            for name, found in cell["baselines"].items()
        )
        made.append(
            (
                row.head,
                row.size,
                Cell(text=str(max(cell["n_programs"] for cell in cells.values()))),
                *(
                    score_cell(estimate(cell["scores"]["exact_text"]))
                    if cell
                    else Cell(text=NOTHING)
                    for cell in shown
                ),
                Cell(text=percent(best[0]), note=baseline_name(best[1])),
            )
        )
    return _table(
        "predicts",
        "Predicts: the output of one held-out assert, exact text.",
        ("Programs", *(content_name(content) for content in _CONTENTS), "Best trivial baseline"),
        made,
        "Columns: what the prompt shows. 95% intervals, programs resampled.",
    )


def _writes(rows: Sequence[Row]) -> Table | None:
    made = [
        (
            row.head,
            row.size,
            Cell(text=str(row.run.results["n_programs"]), note=str(source_of(row.run)["name"])),
            Cell(text=_drawn(row.run)),
            score_cell(estimate(row.run.results["scores"]["solved"])),
            score_cell(estimate(row.run.results["scores"]["samples_right"])),
        )
        for row in _of(rows, SYNTHESIS)
    ]
    return _table(
        "writes",
        "Writes: programs that pass the problem's tests.",
        ("Problems", "Samples", "Solved by any", "Samples right"),
        made,
        "95% intervals over problems.",
    )


def _drawn(run: ReportRun) -> str:
    if run.config.get("decoding") == "greedy":
        return "greedy"
    each = run.results["samples_per_problem"]
    return f"{each} at temperature {run.config['temperature']:g}"


def _repairs(rows: Sequence[Row]) -> Table | None:
    made = []
    for row in _of(rows, DIALOG):
        found = row.run.results
        again = found["resampled"]
        made.append(
            (
                row.head,
                row.size,
                Cell(text=str(found["n_programs"]), note=str(source_of(row.run)["name"])),
                Cell(text=str(row.run.identity["feedback"]["kind"])),
                score_cell(estimate(found["solved"][0])),
                score_cell(estimate(found["solved"][-1])),
                score_cell(estimate(again["solved"][-1])) if again else Cell(text=NOTHING),
            )
        )
    return _table(
        "repairs",
        "Repairs: problems solved at once, and after feedback.",
        ("Problems", "Feedback", "At once", "After feedback", "After as many tries without"),
        made,
        "95% intervals over problems.",
    )


def _word_problems(rows: Sequence[Row]) -> Table | None:
    made = [
        (
            row.head,
            row.size,
            Cell(text=str(row.run.results["n_programs"])),
            Cell(text=str(row.run.config.get("target"))),
            score_cell(estimate(row.run.results["scores"]["solved"])),
        )
        for row in _of(rows, MATHQA)
    ]
    return _table(
        "mathqa",
        "Word problems: MathQA answered by programs or formulas that are run.",
        ("Problems", "Target", "Solved"),
        made,
        "95% intervals; near-copies resampled together.",
    )


def _sides(models: Sequence[tuple[str, dict[str, Any], Sequence[ReportRun]]]) -> Table | None:
    made = []
    for report, model, runs in models:
        names = {run.name: run.model_name for run in runs}
        given = {side["run"]: side["feedback"] for side in model["sides"]}
        for pair in model["pairs"]:
            found, paired = pair["association"], pair["paired"]
            if found["low"] is None:
                continue
            ratio, low, high = (
                "\N{INFINITY}" if found[name] is None else f"{found[name]:.2f}"
                for name in ("odds_ratio", "low", "high")
            )
            n = sum(paired[name] for name in ("both", "only_first", "only_second", "neither"))
            if n < _FEWEST:
                continue
            sides = " \N{MULTIPLICATION SIGN} ".join(
                f"{side} ({given[run]} feedback)" if given.get(run) else side
                for side, run in (pair["first"], pair["second"])
            )
            made.append(
                (
                    Cell(text=visible(names[pair["first"][1]]), note=report),
                    Cell(text=sides),
                    Cell(text=str(n)),
                    Cell(text=ratio, note=f"[{low}, {high}]"),
                    Cell(text=f"{found['p_holm']:.3g}"),
                )
            )
    if not made:
        return None
    return Table(
        key="front-sides",
        caption="Three sides: do they come on the same problems?",
        columns=("Model", "Sides", "Problems", "Odds ratio", "p (Holm)"),
        rows=tuple(made),
        foot="Above 1: on the same problems. Exact 95% intervals and Fisher's test. Pairs of sides "
        f"that share fewer than {_FEWEST} problems stand in the reports alone.",
    )
