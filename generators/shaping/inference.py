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

__all__ = ["compatible", "infer", "order_of", "profiles", "signature"]

MARGIN = 10
MAX_RANGES = 6
MAX_DECIMALS = 6
MAX_SIZE = 12
SMALL = 100


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
        return Whole(ranges=_ranges(_distinct(values), 2 * MARGIN))
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
        return Whole(ranges=_ranges(distinct, MARGIN))
    if kind is float and all(map(isfinite, values)):
        return _infer_real(distinct)
    if kind in (str, bytes):
        return _infer_text(distinct, plenty=inner, binary=kind is bytes)
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


def _ranges(values: Sequence[int], margin: int, scale: int = 1) -> tuple[tuple[int, int], ...]:
    """Give each value a range around it that keeps its sign and its order of magnitude."""
    floor = 1 if min(values) > 0 else 0
    found = []
    for value in values:
        size = abs(value)
        upper = size + max(size // 2, margin)
        lower = size // 2 if size > SMALL * scale else floor
        found.append((lower, upper) if value >= 0 else (-upper, -max(lower, 1)))
    unique = sorted(set(found))
    if len(unique) > MAX_RANGES:
        last = len(unique) - 1
        unique = [unique[i * last // (MAX_RANGES - 1)] for i in range(MAX_RANGES)]
    return tuple(unique)


def _infer_real(values: Sequence[float]) -> Shape:
    decimals = max(_decimals(value) for value in values)
    scale = 10**decimals
    if all(0 <= value <= 1 for value in values) and decimals:
        return Real(units=Whole(ranges=((0, scale),)), decimals=decimals)
    units = [round(value * scale) for value in values]
    return Real(units=Whole(ranges=_ranges(units, MARGIN * scale, scale)), decimals=decimals)


def _decimals(value: float) -> int:
    for decimals in range(MAX_DECIMALS):
        if round(value, decimals) == value:
            return decimals
    return MAX_DECIMALS


def _sizes(values: Iterable[Any]) -> tuple[int, int]:
    """Widen the lengths seen by one or two, empty only where an example is empty."""
    lengths = [len(value) for value in values]
    least, most = min(lengths), max(lengths)
    return (min(least, max(1, least - 1)), max(most, min(most + 2, MAX_SIZE)))


def _infer_text(values: Sequence[str | bytes], *, plenty: bool, binary: bool) -> Shape:
    texts = tuple(v.decode("latin-1") if isinstance(v, bytes) else v for v in values)
    seen = "".join(dict.fromkeys("".join(texts)))
    lowers = "".join(sorted(c for c in seen if c.islower()))
    uppers = "".join(sorted(c for c in seen if c.isupper()))
    digits = "".join(sorted(c for c in seen if c in "0123456789"))
    counts = [len(text.split()) for text in texts]
    lengths = [len(text) for text in texts]
    formats = {_format(text) for text in texts}
    return Text(
        samples=texts,
        words=tuple(dict.fromkeys(word for text in texts for word in text.split())),
        counts=(max(1, min(counts)), max(counts) + (max(counts) > 1)),
        sizes=(min(lengths), max(lengths) + (2 if max(lengths) > 1 else 0)),
        lowers=lowers if len(lowers) != 1 else "".join(dict.fromkeys(lowers + "abc")),
        uppers=uppers if len(uppers) != 1 else "".join(dict.fromkeys(uppers + "ABC")),
        digits=digits if set(digits) <= set("01") and max(lengths) > 2 else "0123456789",
        others="".join(c for c in seen if not c.isalnum()),
        rigid=len(texts) > 1 and len(formats) == 1 and any(c in "./:-,_@#" for c in texts[0]),
        habits=habits_of(texts) if max(counts) < 2 else (),
        plenty=plenty,
        binary=binary,
    )


def _format(text: str) -> str:
    """Return a text with each run of letters as ``a`` and of digits as ``0``."""
    marks: list[str] = []
    for char in text:
        mark = "a" if char.isalpha() else "0" if char.isdigit() else char
        if not (mark in "a0" and marks and marks[-1] == mark):
            marks.append(mark)
    return "".join(marks)


def _infer_sequence(values: list[Any], kind: type, *, inner: bool) -> Shape:
    elements = [item for value in values for item in value]
    if not elements:
        return Pool(values=_distinct(values))
    lengths = {len(value) for value in values}
    order = order_of(values)
    if len(lengths) == 1 and len(values) > 1:
        columns = [[value[i] for value in values] for i in range(lengths.copy().pop())]
        makes = [{signature(item) for item in column} for column in columns]
        mixed = all(len(make) == 1 for make in makes) and any(m != makes[0] for m in makes)
        if mixed or (inner and len(values) > 3 and len(columns) <= 4):
            places = tuple(infer(column, inner=True) for column in columns)
            return Record(kind=kind, places=places, order=order)
    fixed = len(lengths) == 1 and len(values) > 1 and (inner or kind is tuple)
    element, rows = infer(elements, inner=True), _rows(values)
    sizes = (min(lengths), max(lengths)) if fixed else _sizes(values)
    if rows is Rows.SQUARE and isinstance(element, Record):
        sizes = (len(element.places), len(element.places))
    return Items(
        kind=kind,
        element=element,
        sizes=sizes,
        order=order,
        repeats=any(len(_distinct(value)) < len(value) for value in values),
        habits=habits_of(values) if order is Order.ANY else (),
        rows=rows,
    )


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
