"""How numbers and hostile text are written, the same in the page and in the Markdown file.

Called by every module of the report that makes text. Percentages have one decimal and stand
beside their interval; a minus is a minus sign.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from probe.statistics import DEFAULT_LEVEL, DEFAULT_POWER, Estimate, Paired

__all__ = [
    "could_find",
    "count",
    "duration",
    "interval",
    "no_width",
    "p_value",
    "percent",
    "percent_interval",
    "points",
    "points_interval",
    "scrub",
    "scrub_tree",
    "visible",
    "visible_lines",
]

_PATH = re.compile(r"(?:(?:file://|~)?/(?:[^/\n]+/)*[^/\n]+/?|[A-Za-z]:\\[^\n]+)")

_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def _fixed(value: float, *, sign: bool = False) -> str:
    text = f"{abs(value):.1f}"
    if text == "0.0":
        return text
    if value < 0:
        return f"\N{MINUS SIGN}{text}"
    return f"+{text}" if sign else text


def percent(share: float) -> str:
    """Return a share of 1 as ``12.3%``."""
    return f"{_fixed(100 * share)}%"


def no_width(score: Estimate) -> bool:
    """Return whether an interval says nothing because there was one program to resample."""
    return score.clusters < 2 and score.low == score.high


def interval(score: Estimate) -> str:
    """Return the interval of a share, in percent: ``[9.1, 15.6]``.

    Programs are resampled, so a single program gives no interval.
    """
    if no_width(score):
        return "[no interval]"
    return f"[{_fixed(100 * score.low)}, {_fixed(100 * score.high)}]"


def percent_interval(score: Estimate) -> str:
    """Return ``12.3% [9.1, 15.6]``."""
    return f"{percent(score.estimate)} {interval(score)}"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points: ``+4.0``."""
    return _fixed(100 * difference, sign=True)


def points_interval(score: Estimate) -> str:
    """Return percentage points with their interval: ``+4.0 [+1.2, +9.3]``."""
    if no_width(score):
        return f"{points(score.estimate)} [no interval]"
    low, high = (_fixed(100 * end, sign=True) for end in (score.low, score.high))
    return f"{points(score.estimate)} [{low}, {high}]"


def could_find(pairs: Sequence[Paired]) -> str:
    """Return how large a difference has to be to be found, of each of some comparisons."""
    found = sorted(100 * one.detectable for one in pairs if one.detectable is not None)
    if not found:
        return "Too few to find any difference."
    least, most = _fixed(found[0]), _fixed(found[-1])
    told = (
        f"A difference of {least if least == most else f'{least} to {most} (by row)'} points or "
        f"more would be found with {DEFAULT_POWER:.0%} power (level {1 - DEFAULT_LEVEL:.2f}, one "
        "test), if the answers to as many items differ as here."
    )
    return told if len(found) == len(pairs) else f"{told} Some rows are too few to find any."


def p_value(p: float) -> str:
    """Return ``= 0.012`` or ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def count(n: int, one: str, many: str | None = None) -> str:
    """Return ``1 item``, ``2 items``, ``1,234 items``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Return a time to the second: ``3 min 20 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def visible_lines(text: str) -> str:
    """Return text of several lines with its unseen characters shown, see :func:`visible`."""
    return "\n".join(map(visible, text.splitlines()))


def visible(text: str) -> str:
    """Return ``text`` with every invisible or reordering character written as an escape.

    Line breaks and tabs stay. Lone surrogates, which no file can hold, are escaped as well.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in _UNSEEN
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def scrub(text: str) -> str:
    """Return ``text`` with an absolute path, alone or after ``option=``, cut to its last part."""
    option, equals, value = text.partition("=") if text.startswith("-") else ("", "", text)
    if _PATH.fullmatch(value):
        value = PurePosixPath(value.replace("\\", "/")).name
    elif value.startswith("../") or "/../" in value:
        value = PurePosixPath(value).name
    return f"{option}{equals}{value}"


def scrub_tree(value: Any) -> Any:
    """Apply :func:`scrub` and :func:`visible` to every text inside a JSON value."""
    if isinstance(value, str):
        return visible(scrub(value))
    if isinstance(value, dict):
        return {visible(scrub(str(key))): scrub_tree(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_tree(inner) for inner in value]
    return value
