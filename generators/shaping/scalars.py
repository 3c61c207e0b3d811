"""Shapes of numbers and texts.

Called by :mod:`generators.shaping.inference`, which does the containers.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase

from generators.shaping.habits import habits_of
from generators.shaping.shapes import Real, Text, Whole

__all__ = ["MARGIN", "infer_real", "infer_text", "infer_whole"]

MARGIN = 10
MAX_RANGES = 6
MAX_DECIMALS = 6
SMALL = 100


def infer_whole(values: Sequence[int], *, margin: int = MARGIN) -> Whole:
    """Return the shape of ints, reaching at least ``margin`` beyond the greatest."""
    return Whole(ranges=_ranges(values, margin))


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


def infer_real(values: Sequence[float]) -> Real:
    """Return the shape of finite floats; shares of one stay between 0 and 1."""
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


def infer_text(values: Sequence[str | bytes], *, plenty: bool, binary: bool) -> Text:
    """Return the shape of texts.

    Args:
        values: Distinct texts.
        plenty: They stood inside containers.
        binary: They are bytes.
    """
    texts = tuple(v.decode("latin-1") if isinstance(v, bytes) else v for v in values)
    seen = "".join(dict.fromkeys("".join(texts)))
    lowers = "".join(sorted(c for c in seen if c.islower()))
    uppers = "".join(sorted(c for c in seen if c.isupper()))
    digits = "".join(sorted(c for c in seen if c in "0123456789"))
    counts = [len(text.split()) for text in texts]
    lengths = [len(text) for text in texts]
    if max(lengths) == 1 and not plenty:  # single characters: any of their kind will do
        lowers, uppers = lowers and ascii_lowercase, uppers and ascii_uppercase
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
