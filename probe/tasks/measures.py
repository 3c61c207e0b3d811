"""What of two runs can be compared item by item: who is right on what, by kind of run.

Called by ``probe compare``. A new kind of run adds its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from generators.records import Verdict
from probe.metrics import PREDICTION_POLICIES
from probe.tasks.grid_results import programs_right
from probe.tasks.names import COUNTERFACTUAL, EXECUTION, GRADING, GRID, MATHQA, STEPS, SYNTHESIS

__all__ = ["MEASURES", "Measure", "Measured"]

_Row: TypeAlias = dict[str, Any]
_POLICIES = tuple(map(str, PREDICTION_POLICIES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One thing that two runs can be compared by.

    Attributes:
        name: What is right, such as ``exact_text``.
        right: Whether each unit is right, by ``(task_id, key)``; what shares a task is a cluster.
    """

    name: str
    right: Mapping[tuple[int, str], bool]


Measure: TypeAlias = Callable[[Sequence[_Row]], list[Measured]]
"""From the samples of a run to all that it can be compared by."""


def _grouped(rows: Sequence[_Row], *fields: str) -> dict[tuple[str, ...], list[_Row]]:
    groups: dict[tuple[str, ...], list[_Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[field] for field in fields), []).append(row)
    return groups


def _answers(rows: Iterable[_Row], policy: str, name: str) -> Measured:
    return Measured(
        name=name, right={(row["task_id"], row["key"]): bool(row[policy]) for row in rows}
    )


def _by_item(rows: Sequence[_Row]) -> list[Measured]:
    return [_answers(rows, policy, policy) for policy in _POLICIES]


def _by_item_within(field: str) -> Measure:
    def measure(rows: Sequence[_Row]) -> list[Measured]:
        return [
            _answers(group, policy, f"{value}, {policy}")
            for (value,), group in _grouped(rows, field).items()
            for policy in _POLICIES
        ]

    return measure


def _by_cell(rows: Sequence[_Row]) -> list[Measured]:
    """Programs of each cell of the grid: with two calls held out both have to be right."""
    return [
        Measured(
            name=f"{', '.join(cell)}, {policy}",
            right={(task, ""): right for task, right in programs_right(group, policy).items()},
        )
        for cell, group in _grouped(rows, "content", "setting", "inputs").items()
        for policy in _POLICIES
    ]


def _by_problem(rows: Sequence[_Row]) -> list[Measured]:
    passed = {(row["task_id"], row["key"]): row["verdict"] == Verdict.PASS for row in rows}
    solved: dict[tuple[int, str], bool] = {}
    for (task, _), right in passed.items():
        solved[task, ""] = solved.get((task, ""), False) or right
    if len(solved) == len(passed):
        return [Measured(name="solved", right=solved)]
    return [
        Measured(name="solved by any sample", right=solved),
        Measured(name="samples right", right=passed),
    ]


MEASURES: Mapping[str, Measure] = {
    EXECUTION: _by_item,
    GRID: _by_cell,
    SYNTHESIS: _by_problem,
    GRADING: _by_problem,
    MATHQA: _by_problem,
    COUNTERFACTUAL: _by_item_within("family"),
    STEPS: _by_item_within("kind"),
}
"""By the ``task`` of a results document."""
