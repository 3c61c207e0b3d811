"""From example values to the shape that all of them fit.

Called by :mod:`generators.inputs`. A shape keeps what a reader of the examples would keep:
types, signs, orders of magnitude, decimals, words and letters, lengths, sorted lists, records of
fixed width, square matrices. It leaves out what ties one argument to another
(:mod:`generators.shaping.relations`). Nothing here draws, and nothing depends on hash order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

from generators.literals import to_literal
from generators.shaping.habits import habits_of
from generators.shaping.scalars import MARGIN, infer_real, infer_text, infer_whole
from generators.shaping.shapes import (
    Either,
    Fields,
    Flag,
    Items,
    Order,
    Pool,
    Record,
    Rows,
    Shape,
    Table,
)

__all__ = ["compatible", "infer", "order_of", "profiles", "signature"]

MAX_SIZE = 12
MIN_PERMUTED = 6
MAX_REAL = 1e12


def signature(value: Any) -> tuple[Any, ...]:
    """Return the nested type names of a value; equal for values of one make."""
    inner: Iterable[Any] = ()
    if isinstance(value, dict):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        inner = value
    return (type(value).__name__, *sorted({signature(item) for item in inner}))


def compatible(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    """Tell whether two signatures are the same, an empty container fitting any of its type."""
    if left[0] != right[0]:
        return False
    if len(left) == 1 or len(right) == 1:
        return True
    return len(left) == len(right) and all(map(compatible, left[1:], right[1:]))


def profiles(rows: Sequence[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """Group values (or rows of arguments) by signature, in order of first appearance."""
    groups: list[tuple[tuple[Any, ...], list[tuple[Any, ...]]]] = []
    for row in rows:
        mark = tuple(signature(item) for item in row)
        for known, members in groups:
            if len(known) == len(mark) and all(map(compatible, known, mark)):
                members.append(row)
                break
        else:
            groups.append((mark, [row]))
    return [members for _, members in groups]


def infer(values: Sequence[Any], *, inner: bool = False, alone: bool = False) -> Shape:
    """Return the shape that fits all of ``values``.

    Args:
        values: At least one literal value.
        inner: The values stood inside a container, so that there are many of them and equal
            lengths are no accident.
        alone: The values are the only argument, so that an int needs a wider range.
    """
    groups = [[row[0] for row in group] for group in profiles([(value,) for value in values])]
    if alone and all(type(value) is int for value in values):
        return infer_whole(_distinct(values), margin=2 * MARGIN)
    shapes = [_infer_one_make(group, inner=inner) for group in groups]
    return shapes[0] if len(shapes) == 1 else Either(options=tuple(shapes))


def _infer_one_make(values: list[Any], *, inner: bool) -> Shape:
    kind = type(values[0])
    distinct = _distinct(values)
    if kind is bool:
        return Flag()
    if kind in (int, float, str) and len(distinct) <= 3 and len(values) >= 4 * len(distinct):
        return Pool(values=distinct)
    if kind is int:
        return infer_whole(distinct)
    if kind is float and all(isfinite(value) and abs(value) < MAX_REAL for value in values):
        return infer_real(distinct)
    if kind in (str, bytes):
        return infer_text(distinct, plenty=inner, binary=kind is bytes)
    if kind in (list, tuple):
        return _infer_sequence(values, kind, inner=inner)
    if kind in (set, frozenset):
        elements = [item for value in values for item in sorted(value, key=to_literal)]
        if elements:
            return Items(kind=kind, element=infer(elements, inner=True), sizes=_sizes(values))
    if kind is dict and any(values):
        return _infer_dict(values)
    return Pool(values=distinct)


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple({to_literal(value): value for value in values}.values())


def _sizes(values: Iterable[Any]) -> tuple[int, int]:
    """Widen the lengths seen by one or two, empty only where an example is empty."""
    lengths = [len(value) for value in values]
    least, most = min(lengths), max(lengths)
    return (min(least, max(1, least - 1)), max(most, min(most + 2, MAX_SIZE)))


def _infer_sequence(values: list[Any], kind: type, *, inner: bool) -> Shape:
    elements = [item for value in values for item in value]
    if not elements:
        return Pool(values=_distinct(values))
    lengths = {len(value) for value in values}
    order = order_of(values)
    if kind is tuple and _is_tree(values):
        return _infer_tree(values)
    if len(lengths) == 1 and len(values) > 1:
        columns = [[value[i] for value in values] for i in range(min(lengths))]
        makes = [{signature(item) for item in column} for column in columns]
        mixed = all(len(make) == 1 for make in makes) and any(m != makes[0] for m in makes)
        if mixed or (inner and len(values) > 3 and len(columns) <= 4):
            places = tuple(infer(column, inner=True) for column in columns)
            return Record(kind=kind, places=places, order=order)
    fixed = len(lengths) == 1 and len(values) > 1 and (inner or kind is tuple)
    element, rows = infer(elements, inner=True), _rows(values)
    sizes = (min(lengths), max(lengths)) if fixed else _sizes(values)
    if order is Order.STRICTLY_RISING and isinstance(element, Items | Record):
        order = Order.RISING  # equal rows are better than too few
    if rows is Rows.SQUARE and isinstance(element, Record):
        sizes = (len(element.places), len(element.places))
    return Items(
        kind=kind,
        element=element,
        sizes=sizes,
        order=Order.ANY if rows is Rows.STAIRS else order,
        repeats=any(len(_distinct(value)) < len(value) for value in values),
        habits=habits_of(values) if order is Order.ANY and rows is not Rows.STAIRS else (),
        rows=rows,
        permutes=_permutes(values),
    )


def _is_tree(values: Sequence[tuple[Any, ...]]) -> bool:
    """Whether tuples of one width nest, with None where nothing more is nested."""
    found, nested = list(values), 0
    for node in found:  # grows while it is gone through
        inner = [item for item in node if isinstance(item, tuple)]
        nested += len(inner)
        found += inner
    widths = {len(node) for node in found}
    return nested > 0 and len(widths) == 1 and any(None in node for node in found)


def _infer_tree(nodes: Sequence[tuple[Any, ...]]) -> Shape:
    places: list[Shape] = []
    for column in zip(*nodes, strict=True):
        inner = [item for item in column if isinstance(item, tuple)]
        others = [item for item in column if not isinstance(item, tuple)]
        options = [_infer_tree(inner)] if inner else []
        options += [infer(others, inner=True)] if others else []
        places.append(options[0] if len(options) == 1 else Either(options=tuple(options)))
    return Record(kind=tuple, places=tuple(places))


def _permutes(values: Sequence[Sequence[Any]]) -> int | None:
    """Return the least element of permutations of consecutive ints, given enough of them."""
    if sum(map(len, values)) < MIN_PERMUTED or any(len(value) < 2 for value in values):
        return None
    if not all(type(item) is int for value in values for item in value):
        return None
    least = min(values[0])
    same = all(sorted(value) == list(range(least, least + len(value))) for value in values)
    return least if same and least in (0, 1) else None


def order_of(values: Iterable[Sequence[Any]]) -> Order:
    """Return the order that all sequences keep, given steps enough to believe in it."""
    steps = [pair for value in values for pair in pairwise(value)]
    if len(steps) < 3 or any(isinstance(a, set | frozenset) for a, _ in steps):
        return Order.ANY
    try:
        if all(a < b for a, b in steps):
            return Order.STRICTLY_RISING
        if all(a <= b for a, b in steps):
            return Order.RISING
        if all(a >= b for a, b in steps):
            return Order.FALLING
    except TypeError:
        pass
    return Order.ANY


def _rows(values: Sequence[Sequence[Any]]) -> Rows:
    if not all(isinstance(item, list | tuple) for value in values for item in value):
        return Rows.FREE
    if all(len(value) < 2 for value in values):
        return Rows.FREE
    widths = [[len(item) for item in value] for value in values]
    if all(width == list(range(1, len(width) + 1)) for width in widths):
        return Rows.STAIRS
    if any(len(set(width)) > 1 for width in widths):
        return Rows.FREE
    return Rows.SQUARE if all(set(width) == {len(width)} for width in widths) else Rows.EQUAL


def _infer_dict(values: list[dict[Any, Any]]) -> Shape:
    keys = [tuple(to_literal(key) for key in value) for value in values]
    if len(values) > 1 and len(set(keys)) == 1:
        columns = [(key, [value[key] for value in values]) for key in values[0]]
        return Fields(items=tuple((key, infer(column, inner=True)) for key, column in columns))
    return Table(
        key=infer([key for value in values for key in value], inner=True),
        value=infer([item for value in values for item in value.values()], inner=True),
        sizes=_sizes(values),
    )
