"""What ties one argument of a call to another, wherever all example calls show it.

Called by :mod:`generators.inputs`, which lets the arguments that it makes up keep these ties.
Reads example values only; nothing here draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from generators.literals import exact_equal, to_literal

__all__ = ["Measure", "Relation", "Tie", "find_relations", "measure", "members"]

_SIZED = (list, tuple, str, bytes, dict, set, frozenset)
_ROWS = (list, tuple)


class Tie(StrEnum):
    """How an argument follows from another one, its source."""

    LENGTH = "length"
    LAST = "last"
    NTH = "nth"
    INDEX = "index"
    INDEXES = "indexes"
    COUNT = "count"
    MEMBER = "member"
    NOT_BELOW = "not_below"
    EQUAL_LENGTH = "equal_length"
    OFTEN_MEMBER = "often_member"
    OFTEN_SAME = "often_same"
    OFTEN_PERMUTED = "often_permuted"
    OFTEN_SHARING = "often_sharing"
    OFTEN_SUBSET = "often_subset"


class Measure(StrEnum):
    """Which length of the source counts: its own, or that of its shortest row."""

    OUTER = "outer"
    INNER = "inner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One tie between two arguments.

    Attributes:
        tie: What holds.
        position: The argument that follows.
        source: The argument that it follows from.
        measure: The length meant by the ties between a number and a container.
    """

    tie: Tie
    position: int
    source: int
    measure: Measure = Measure.OUTER


def measure(value: Any, kind: Measure) -> int | None:
    """Return a length of ``value``, or ``None`` where it has none of that kind."""
    if not isinstance(value, _SIZED):
        return None
    if kind is Measure.OUTER:
        return len(value)
    if isinstance(value, _ROWS) and value and all(isinstance(row, _ROWS) for row in value):
        return min(len(row) for row in value)
    return None


def members(value: Any) -> list[Any]:
    """Return the scalars inside a container, at any depth; for a dict its keys."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=to_literal)
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, list | tuple):
        return [
            scalar
            for item in value
            for scalar in (members(item) if isinstance(item, list | tuple) else [item])
        ]
    return []


def find_relations(rows: Sequence[tuple[Any, ...]]) -> list[Relation]:
    """Return the ties that the example calls show, at most one of each sort per argument.

    Args:
        rows: The arguments of each example call, all rows of one length.
    """
    if len(rows) < 2:
        return []
    columns = list(zip(*rows, strict=True))
    found: list[Relation] = []
    for position, column in enumerate(columns):
        others = [other for other in range(len(columns)) if other != position]
        relation = (
            _scalar_tie(columns, position, others)
            or _indexes(columns, position, others)
            or _container_tie(columns, position)
        )
        if relation is not None:
            found.append(relation)
        elif all(type(value) in (int, float) for value in column):
            found.extend(_not_below(columns, position, found))
    found.extend(_often(columns, {relation.position for relation in found}))
    return found


def _scalar_tie(
    columns: Sequence[tuple[Any, ...]], position: int, others: Sequence[int]
) -> Relation | None:
    column = columns[position]
    if all(type(value) is int for value in column):
        tests: list[tuple[Tie, Callable[[int, int], bool]]] = [
            (Tie.LENGTH, lambda value, size: value == size),
            (Tie.LAST, lambda value, size: value == size - 1),
            (Tie.NTH, lambda value, size: 1 <= value < size),
            (Tie.INDEX, lambda value, size: 0 <= value < size),
            (Tie.COUNT, lambda value, size: 1 <= value <= size),
        ]
        for tie, test in tests:
            for kind in Measure:
                for other in others:
                    sizes = [measure(value, kind) for value in columns[other]]
                    if all(
                        size is not None and test(value, size)
                        for value, size in zip(column, sizes, strict=True)
                    ):
                        return Relation(tie=tie, position=position, source=other, measure=kind)
    if all(isinstance(value, int | float | str) for value in column):
        for other in others:
            if all(
                _inside(value, held) for value, held in zip(column, columns[other], strict=True)
            ):
                return Relation(tie=Tie.MEMBER, position=position, source=other)
    return None


def _indexes(
    columns: Sequence[tuple[Any, ...]], position: int, others: Sequence[int]
) -> Relation | None:
    for other in others:
        pairs = list(zip(columns[position], columns[other], strict=True))
        if all(
            isinstance(value, list | tuple)
            and isinstance(held, list | tuple | str)
            and value
            and all(type(item) is int and 0 <= item < len(held) for item in value)
            for value, held in pairs
        ):
            return Relation(tie=Tie.INDEXES, position=position, source=other)
    return None


def _inside(value: Any, held: Any) -> bool:
    if isinstance(held, str):
        return isinstance(value, str) and 0 < len(value) < len(held) and value in held
    return any(exact_equal(value, item) for item in members(held))


def _container_tie(columns: Sequence[tuple[Any, ...]], position: int) -> Relation | None:
    """Equal lengths: only told from chance when there are two or more elements."""
    column = columns[position]
    if not all(isinstance(value, list | tuple | str) and len(value) > 1 for value in column):
        return None
    for other in range(position):
        pairs = list(zip(column, columns[other], strict=True))
        if all(type(a) is type(b) and len(a) == len(b) for a, b in pairs):
            return Relation(tie=Tie.EQUAL_LENGTH, position=position, source=other)
    return None


def _not_below(
    columns: Sequence[tuple[Any, ...]], position: int, found: Sequence[Relation]
) -> list[Relation]:
    tied = {relation.position for relation in found if relation.tie is not Tie.NOT_BELOW}
    for other in reversed(range(position)):
        pairs = list(zip(columns[other], columns[position], strict=True))
        free = other not in tied and all(type(value) in (int, float) for value, _ in pairs)
        if free:
            if all(low <= high for low, high in pairs):
                return [Relation(tie=Tie.NOT_BELOW, position=position, source=other)]
            return []
    return []


def _often(columns: Sequence[tuple[Any, ...]], tied: set[int]) -> list[Relation]:
    """Ties that some examples show and others do not: kept now and then."""
    tests: list[tuple[Tie, Callable[[Any, Any], bool]]] = [
        (Tie.OFTEN_SAME, exact_equal),
        (Tie.OFTEN_PERMUTED, _permuted),
        (Tie.OFTEN_SHARING, _sharing),
        (Tie.OFTEN_SUBSET, _subset),
        (Tie.OFTEN_MEMBER, _inside),
    ]
    return [
        Relation(tie=tie, position=position, source=other)
        for position, column in enumerate(columns)
        for other in range(len(columns))
        for tie, test in tests
        if position != other
        and (other < position or tie in (Tie.OFTEN_MEMBER, Tie.OFTEN_SUBSET))
        and (position not in tied or tie is not Tie.OFTEN_MEMBER)
        and any(test(value, held) for value, held in zip(column, columns[other], strict=True))
    ]


def _permuted(left: Any, right: Any) -> bool:
    if type(left) is not type(right) or not isinstance(left, list | tuple | str) or len(left) < 2:
        return False
    return sorted(map(to_literal, left)) == sorted(map(to_literal, right))


def _sharing(left: Any, right: Any) -> bool:
    return bool(_elements(left) & _elements(right))


def _subset(left: Any, right: Any) -> bool:
    return len(_elements(left)) > 1 and _elements(left) <= _elements(right)


def _elements(value: Any) -> set[str]:
    containers = (list, tuple, set, frozenset)
    return {to_literal(item) for item in value} if isinstance(value, containers) else set()
