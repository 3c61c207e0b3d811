"""Shapes: what example values look like, as a tree.

Made by :mod:`generators.shaping.inference`, turned into new values by
:mod:`generators.shaping.drawing`. Data only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = [
    "Either",
    "Fields",
    "Flag",
    "Habit",
    "Items",
    "Order",
    "Pool",
    "Real",
    "Record",
    "Rows",
    "Shape",
    "Table",
    "Text",
    "Whole",
]


class Order(StrEnum):
    """How the elements of a sequence follow each other."""

    ANY = "any"
    RISING = "rising"
    STRICTLY_RISING = "strictly_rising"
    FALLING = "falling"


class Habit(StrEnum):
    """A pattern of a sequence that some examples have and others do not."""

    UNIFORM = "uniform"
    MIRRORED = "mirrored"
    PERIODIC = "periodic"
    DISTINCT = "distinct"
    RISING = "rising"
    FALLING = "falling"


class Rows(StrEnum):
    """How long the sequences inside a sequence are (``STAIRS``: 1, 2, 3 ...)."""

    FREE = "free"
    EQUAL = "equal"
    SQUARE = "square"
    STAIRS = "stairs"


class Shape:
    """Base of all shapes."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool(Shape):
    """One of the values seen, as it is."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(Shape):
    """A bool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Shape):
    """An int out of one of several inclusive ranges."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Real(Shape):
    """A float: an int of ``units`` divided by ``10 ** decimals``."""

    units: Whole
    decimals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Shape):
    """A str (or bytes, as Latin-1 text) made of what the samples are made of.

    Attributes:
        samples: The distinct texts seen.
        words: The distinct blank-separated pieces of the samples.
        counts: Least and greatest number of words.
        sizes: Least and greatest number of characters.
        lowers: Lower-case letters to draw from.
        uppers: Upper-case letters to draw from.
        digits: Digits to draw from.
        others: All further characters of the samples.
        rigid: All samples have one format (dates, addresses), which has to be kept.
        habits: Patterns to follow now and then.
        plenty: The samples stood inside containers, so that some may come back as they are.
        binary: The values are bytes.
    """

    samples: tuple[str, ...]
    words: tuple[str, ...]
    counts: tuple[int, int]
    sizes: tuple[int, int]
    lowers: str
    uppers: str
    digits: str
    others: str
    rigid: bool
    habits: tuple[Habit, ...] = ()
    plenty: bool = False
    binary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Items(Shape):
    """A list, tuple, set or frozenset of any number of similar elements.

    Attributes:
        kind: The type.
        element: What each element looks like.
        sizes: Least and greatest number of elements.
        order: The order that all examples keep.
        repeats: Some example has an element twice.
        habits: Patterns to follow now and then.
        rows: How long the elements are, where these are sequences.
        permutes: All examples are permutations of the ints from this one on.
    """

    kind: type
    element: Shape
    sizes: tuple[int, int]
    order: Order = Order.ANY
    repeats: bool = False
    habits: tuple[Habit, ...] = ()
    rows: Rows = Rows.FREE
    permutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Shape):
    """A list or tuple of fixed width, each place with a shape of its own."""

    kind: type
    places: tuple[Shape, ...]
    order: Order = Order.ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Shape):
    """A dict of any number of similar items."""

    key: Shape
    value: Shape
    sizes: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields(Shape):
    """A dict with fixed keys."""

    items: tuple[tuple[Any, Shape], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Either(Shape):
    """One of several shapes."""

    options: tuple[Shape, ...]
