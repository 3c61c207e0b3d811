"""What every view of samples needs: which are shown, in what order, under what address, how long.

Called by :mod:`probe.report.browse` and :mod:`probe.report.listing`. Texts come from data and
models, so they are hostile: here invisible characters become escapes and long texts are cut;
escaping for HTML and Markdown is the templates' business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from generators.jsonl import sha256_text
from probe.report.numbers import visible

__all__ = ["Show", "anchor_of", "chosen", "cut", "order", "shared_prefix", "show_of"]

_MAX_CHARS = 2000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """One choice of the filter.

    Attributes:
        label: What is shown.
        pattern: Regular expression that an item's ``pattern`` matches as a whole.
        n: Number of shown items that it fits.
    """

    label: str
    pattern: str
    n: int


def show_of(label: str, pattern: str, patterns: Sequence[str]) -> Show:
    """Return a choice of the filter, with how many of the shown items' patterns it fits."""
    fits = sum(re.fullmatch(pattern, each) is not None for each in patterns)
    return Show(label=label, pattern=pattern, n=fits)


def chosen(samples: Sequence[_T], shown: int, key: Callable[[_T], str]) -> list[_T]:
    """Return at most so many samples, drawn by the hash of their keys, in the order of the keys."""
    kept = sorted(samples, key=lambda sample: sha256_text(key(sample)))[:shown]
    return sorted(kept, key=lambda sample: order(key(sample)))


def anchor_of(prefix: str, key: str) -> str:
    """Return the identifier inside the page of the sample with a key."""
    return prefix + re.sub(r"[^A-Za-z0-9_-]+", "-", key)


def order(key: str) -> tuple[tuple[int, str], ...]:
    """Order keys by their numbers: 2/10 after 2/9."""
    return tuple((int(p), "") if p.isdecimal() else (0, p) for p in re.split(r"(\d+)", key) if p)


def shared_prefix(texts: Sequence[str], end: str = "\n") -> str:
    """Return what all texts begin with, up to the last ``end`` in it; nothing for one text."""
    if len(set(texts)) < 2:
        return ""
    first, last = min(texts), max(texts)  # in text order, all others lie between these
    pairs = zip(first, last, strict=False)
    same = next((place for place, (a, b) in enumerate(pairs) if a != b), len(first))
    return first[: first.rfind(end, 0, same) + len(end)] if end in first[:same] else ""


def cut(text: str, longest: int = _MAX_CHARS) -> str:
    """Return a text of data or a model, made visible, and cut if it is long."""
    if len(text) <= longest:
        return visible(text)
    return f"{visible(text[:longest])}\n[{len(text) - longest:,} more characters in the samples]"
