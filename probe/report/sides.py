"""The three sides of one model on the same problems: writes it, repairs it, predicts it.

Called by :mod:`probe.report.document` where a model (the same weights, the same adapter) has runs
of two sides or more. Problems are matched by number; the wording of a problem, the prompt and the
decoding belong to a side, and where they differ that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import product
from typing import Any

from probe.report.inputs import Inputs, ReportRun
from probe.report.matching import same_weights
from probe.statistics import (
    Association,
    Estimate,
    Paired,
    associate,
    associations_corrected,
    corrected,
    pair,
)
from probe.tasks.dialog.results import Kind
from probe.tasks.names import DIALOG, GRID, SYNTHESIS
from probe.tasks.sampled import mean, passed

__all__ = [
    "Meeting",
    "Side",
    "SideKind",
    "meetings_of",
    "models_with_sides",
    "sides_json",
    "sides_of",
]


class SideKind(StrEnum):
    """What is asked of a model about a problem."""

    WRITES = "writes"
    SOLVES = "solves in dialog"
    REPAIRS = "repairs"
    PREDICTS = "predicts"


_MEETINGS = (
    (SideKind.WRITES, SideKind.PREDICTS),
    (SideKind.SOLVES, SideKind.PREDICTS),
    (SideKind.REPAIRS, SideKind.PREDICTS),
    (SideKind.WRITES, SideKind.SOLVES),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a model: of each problem, whether it can.

    Attributes:
        kind: Which side.
        run: The run that it is taken from.
        right: By problem.
    """

    kind: SideKind
    run: ReportRun
    right: dict[int, bool]

    @property
    def share(self) -> Estimate:
        """Share of the problems, resampled."""
        return Estimate(**mean(list(self.right.values()), list(self.right)))

    @property
    def giver(self) -> str:
        """Whose feedback it is, for the sides of a dialog."""
        found = self.run.identity.get("feedback")
        return str(found["kind"]) if found else ""

    @property
    def name(self) -> str:
        """The side in a word or two, with the giver of a dialog's feedback."""
        return f"{self.kind} ({self.giver} feedback)" if self.giver else str(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """Two sides of a model on the problems that both were asked about.

    Attributes:
        first: One side.
        second: The other.
        paired: Which of them is more frequent.
        association: Whether they come on the same problems.
    """

    first: Side
    second: Side
    paired: Paired
    association: Association


def sides_of(runs: Sequence[ReportRun]) -> list[Side]:
    """Return the sides that runs of one model show.

    Of several runs that write, or predict, the one with most problems, then most
    samples, counts; each dialog counts.
    """
    writes = [
        Side(kind=SideKind.WRITES, run=run, right=_written(run)) for run in runs if _greedy(run)
    ]
    predicts = [
        Side(kind=SideKind.PREDICTS, run=run, right=right)
        for run in runs
        if (right := _predicted(run))
    ]
    found = _largest(writes)
    for run in runs:
        if run.task == DIALOG:
            solved, repaired = _solved(run)
            found.append(Side(kind=SideKind.SOLVES, run=run, right=solved))
            if repaired:
                found.append(Side(kind=SideKind.REPAIRS, run=run, right=repaired))
    return found + _largest(predicts)


def _largest(sides: Sequence[Side]) -> list[Side]:
    return sorted(sides, key=lambda s: (-len(s.right), -len(s.run.rows), s.run.name))[:1]


def _greedy(run: ReportRun) -> bool:
    return run.task == SYNTHESIS and run.config.get("decoding") == "greedy"


def _written(run: ReportRun) -> dict[int, bool]:
    return {row["task_id"]: passed(row) for row in run.rows}


def _solved(run: ReportRun) -> tuple[dict[int, bool], dict[int, bool]]:
    """Return what is solved by the last turn, and of what failed at first."""
    replies = [row for row in run.rows if row["kind"] == Kind.REPLY]
    solved: dict[int, bool] = {}
    for row in replies:
        solved[row["task_id"]] = solved.get(row["task_id"], False) or passed(row)
    first = {row["task_id"]: passed(row) for row in replies if row["turn"] == 0}
    return solved, {task: solved[task] for task, right in first.items() if not right}


def _predicted(run: ReportRun) -> dict[int, bool]:
    """Return of each program whether its one held-out call is predicted from the code alone."""
    return {
        row["task_id"]: row["exact_text"]
        for row in (run.rows if run.task == GRID else ())
        if (row["content"], row["setting"], row["inputs"]) == ("code", "L", "public")
    }


def meetings_of(sides: Sequence[Side]) -> list[Meeting]:
    """Return how the sides of a model go together, corrected over all of them."""
    found = []
    for one, other in _MEETINGS:
        for first, second in product(sides, sides):
            if (first.kind, second.kind) != (one, other):
                continue
            common = sorted(first.right.keys() & second.right.keys())
            if common:
                a, b = ([side.right[task] for task in common] for side in (first, second))
                found.append((first, second, pair(a, b, common), associate(a, b)))
    paired = corrected([one[2] for one in found])
    together = associations_corrected([one[3] for one in found])
    return [
        Meeting(first=first, second=second, paired=p, association=a)
        for (first, second, _, _), p, a in zip(found, paired, together, strict=True)
    ]


def models_with_sides(inputs: Inputs) -> list[list[Side]]:
    """Return the sides of each model that shows at least two of the three."""
    groups: list[list[ReportRun]] = []
    for run in inputs.runs:
        if run.task not in (SYNTHESIS, DIALOG, GRID):
            continue
        for group in groups:
            if same_weights(group[0], run) and group[0].adapter == run.adapter:
                group.append(run)
                break
        else:
            groups.append([run])
    found = map(sides_of, groups)
    return [sides for sides in found if len({side.run.task for side in sides}) > 1]


def sides_json(models: Sequence[Sequence[Side]]) -> list[dict[str, Any]]:
    """Return the numbers of the sections as JSON, with what each side can do by problem."""
    return [
        {
            "sides": [
                {
                    "side": str(side.kind),
                    "feedback": side.giver or None,
                    "run": side.run.name,
                    "share": asdict(side.share),
                    "right": {str(task): right for task, right in sorted(side.right.items())},
                }
                for side in sides
            ],
            "pairs": [
                {
                    "first": [str(met.first.kind), met.first.run.name],
                    "second": [str(met.second.kind), met.second.run.name],
                    "paired": met.paired.to_json(),
                    "association": met.association.to_json(),
                }
                for met in meetings_of(sides)
            ],
        }
        for sides in models
    ]
