"""New values after a shape, and new arguments after a plan.

Called by :mod:`generators.inputs`. All randomness comes from a
:class:`~generators.shaping.chooser.Chooser`; texts are made in :mod:`generators.shaping.texts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from generators.literals import to_literal
from generators.shaping.chooser import Chooser
from generators.shaping.habits import formed
from generators.shaping.inference import compatible, signature
from generators.shaping.relations import Relation, Tie, measure, members
from generators.shaping.shapes import (
    Either,
    Fields,
    Flag,
    Items,
    Order,
    Pool,
    Real,
    Record,
    Rows,
    Shape,
    Table,
    Text,
    Whole,
)
from generators.shaping.texts import draw_text

__all__ = ["Plan", "draw_arguments", "draw_value", "fits", "keep_ties"]

_LISTED = (list, tuple, set, frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to make up the arguments of one call.

    Attributes:
        rows: The arguments of the example calls.
        shapes: The shape of each argument.
        relations: What ties arguments together.
    """

    rows: tuple[tuple[Any, ...], ...]
    shapes: tuple[Shape, ...]
    relations: tuple[Relation, ...]


def draw_arguments(chooser: Chooser, plan: Plan) -> tuple[Any, ...]:
    """Return new arguments; now and then one of several is an example's own."""
    row: list[Any] = []
    equal = {r.position: r.source for r in plan.relations if r.tie is Tie.EQUAL_LENGTH}
    for i, shape in enumerate(plan.shapes):
        if len(plan.shapes) > 1 and i not in equal and chooser.chance(8):
            row.append(chooser.pick(plan.rows)[i])
        else:
            size = len(row[equal[i]]) if i in equal else None
            row.append(draw_value(chooser, shape, size=size))
    return _settled(chooser, plan, row, plan.relations)


def fits(row: Sequence[Any], plan: Plan) -> bool:
    """Tell whether arguments are of the make that a plan is for."""
    example = plan.rows[0]
    return len(row) == len(example) and all(
        compatible(signature(value), signature(other))
        for value, other in zip(row, example, strict=True)
    )


def keep_ties(chooser: Chooser, plan: Plan, row: Sequence[Any]) -> tuple[Any, ...]:
    """Return arguments made by other means with the ties that hold in all examples restored."""
    strict = [relation for relation in plan.relations if not relation.tie.startswith("often")]
    arranged = [_arranged(value, shape) for value, shape in zip(row, plan.shapes, strict=True)]
    return _settled(chooser, plan, arranged, strict)


def _settled(
    chooser: Chooser, plan: Plan, row: list[Any], relations: Sequence[Relation]
) -> tuple[Any, ...]:
    # Containers first, then the numbers that follow from them.
    ties = sorted(relations, key=lambda r: (not r.tie.startswith("often_s"), r.position))
    for relation in ties:
        i, source = relation.position, relation.source
        if relation.tie is Tie.EQUAL_LENGTH:
            size = min(len(row[i]), len(row[source]))
            row[i], row[source] = row[i][:size], row[source][:size]
        else:
            row[i] = _arranged(_tied(chooser, relation, row[i], row[source]), plan.shapes[i])
    return tuple(row)


def _tied(chooser: Chooser, relation: Relation, value: Any, held: Any) -> Any:
    """Return an argument that keeps to its source, or ``value`` where it cannot."""
    size = measure(held, relation.measure)
    match relation.tie:
        case Tie.LENGTH if size is not None:
            return size
        case Tie.LAST if size:
            return size - 1
        case Tie.NTH if size and size > 1:
            return value if 1 <= value < size else 1 + chooser.below(size - 1)
        case Tie.INDEX if size:
            return value if 0 <= value < size else chooser.below(size)
        case Tie.COUNT if size:
            return value if 1 <= value <= size else 1 + chooser.below(size)
        case Tie.NOT_BELOW:
            return max(value, held)
        case Tie.INDEXES if size:
            return type(value)([item % size for item in value])
        case Tie.MEMBER:
            return _member(chooser, value, held)
        case Tie.OFTEN_MEMBER if chooser.chance(2):
            return _member(chooser, value, held)
        case Tie.OFTEN_SAME if type(value) is type(held) and chooser.chance(4):
            return held
        case Tie.OFTEN_PERMUTED if _like_sequences(value, held) and chooser.chance(4):
            mixed = chooser.shuffled(held)
            return "".join(mixed) if isinstance(held, str) else type(held)(mixed)
        case Tie.OFTEN_SHARING if isinstance(value, _LISTED) and isinstance(held, _LISTED):
            return _sharing(chooser, value, held, one_in=3)
        case Tie.OFTEN_SUBSET if isinstance(value, _LISTED) and isinstance(held, _LISTED):
            return _sharing(chooser, value, held, one_in=1) if chooser.chance(3) else value
    return value


def _member(chooser: Chooser, value: Any, held: Any) -> Any:
    if not isinstance(held, str):
        found = [item for item in members(held) if type(item) is type(value)]
        return chooser.pick(found) if found else value
    if not held or not isinstance(value, str):
        return value
    if held.split() and " " in held and len(value) > 1:
        return chooser.pick(held.split())
    size = min(max(len(value), 1), max(len(held) - 1, 1))
    start = chooser.below(len(held) - size + 1)
    return held[start : start + size]


def _sharing(chooser: Chooser, value: Any, held: Any, *, one_in: int) -> Any:
    """Replace one in so many of the elements by elements of the other container."""
    source = _listed(held)
    mixed = []
    for item in _listed(value):
        similar = [other for other in source if signature(other) == signature(item)]
        mixed.append(chooser.pick(similar) if similar and chooser.chance(one_in) else item)
    return type(value)(mixed)


def _like_sequences(left: Any, right: Any) -> bool:
    return type(left) is type(right) and isinstance(left, list | tuple | str)


def _listed(value: Any) -> list[Any]:
    return sorted(value, key=to_literal) if isinstance(value, set | frozenset) else list(value)


def draw_value(chooser: Chooser, shape: Shape, *, size: int | None = None) -> Any:
    """Return a value of a shape; ``size`` asks a text or a sequence for that length."""
    match shape:
        case Pool(values=values):
            return chooser.pick(values)
        case Flag():
            return chooser.chance(2)
        case Whole(ranges=ranges):
            return chooser.between(*chooser.pick(ranges))
        case Real(units=units, decimals=decimals):
            return round(draw_value(chooser, units) / 10**decimals, decimals)
        case Text():
            text = draw_text(chooser, shape, size)
            return text.encode("latin-1", "replace") if shape.binary else text
        case Items():
            return _items(chooser, shape, size)
        case Record(kind=kind, places=places):
            return _arranged(kind([draw_value(chooser, place) for place in places]), shape)
        case Table(key=key, value=value):
            count = chooser.between(*shape.sizes)
            return {draw_value(chooser, key): draw_value(chooser, value) for _ in range(count)}
        case Fields(items=items):
            return {key: draw_value(chooser, value) for key, value in items}
        case Either(options=options):
            return draw_value(chooser, chooser.pick(options), size=size)
    raise TypeError(f"no values of shape {shape!r}")


def _items(chooser: Chooser, shape: Items, size: int | None) -> Any:
    count = chooser.between(*shape.sizes) if size is None else size
    if shape.permutes is not None:
        return shape.kind(chooser.shuffled(range(shape.permutes, shape.permutes + count)))
    width = None
    if shape.rows is Rows.SQUARE:
        width = count
    elif shape.rows is Rows.EQUAL and isinstance(shape.element, Items):
        width = chooser.between(*shape.element.sizes)
    distinct = shape.order is Order.STRICTLY_RISING or shape.kind in (set, frozenset)
    found: list[Any] = []
    for step in range(3 * count if distinct else count):
        if len(found) == count:
            break
        if shape.repeats and found and chooser.chance(4):
            found.append(chooser.pick(found))
            continue
        size = step + 1 if shape.rows is Rows.STAIRS else width
        item = draw_value(chooser, shape.element, size=size)
        while distinct and type(item) is int and item in found:
            item += 1
        if not distinct or item not in found:
            found.append(item)
    if shape.habits and chooser.chance(3):
        found = formed(chooser.pick(shape.habits), found)
    return _arranged(shape.kind(found), shape)


def _arranged(value: Any, shape: Shape) -> Any:
    """Sort a sequence whose examples are sorted."""
    if not isinstance(shape, Items | Record) or shape.order is Order.ANY:
        return value
    try:
        ordered = sorted(value, reverse=shape.order is Order.FALLING)
    except TypeError:
        return value
    if shape.order is Order.STRICTLY_RISING and isinstance(shape, Items):
        ordered = [item for i, item in enumerate(ordered) if i == 0 or item != ordered[i - 1]]
    return type(value)(ordered)
