"""What feedback may be: one sentence, identifiers allowed, code counted, answers counted.

Called by the feedback givers and by ``probe verify``, which limits every stored feedback again.

Source: paper, section 5: one sentence, Python identifiers allowed, no sizeable code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from generators.calls import parse_assert
from generators.errors import LiteralError
from generators.literals import from_literal

__all__ = ["LONGEST", "Limited", "leaked", "limited", "named"]

LONGEST = 300
"""Characters of a feedback; the rest is cut."""

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^a-z\s])")
_CODE = re.compile(r"\b(?:def|return|import|lambda|for \w+ in|while)\b.*[:(=\[]|[^=!<>]=[^=]")
_NAME = re.compile(r"[A-Za-z_]\w+|\d+(?:\.\d+)?")
_SMALL = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """A feedback as it is passed on.

    Attributes:
        text: The first sentence, on one line, without fenced code; maybe empty.
        cut: Whether something of what was said is missing.
        code: Whether it holds code: a fence (left out) or a statement.
    """

    text: str
    cut: bool
    code: bool


def limited(said: str) -> Limited:
    """Limit what was said to one sentence."""
    plain = " ".join(_FENCE.sub(" ", said).split())
    first = _SENTENCE.split(plain, maxsplit=1)[0]
    text = first if len(first) <= LONGEST else first[: LONGEST - 3] + "..."
    whole = " ".join(said.split())
    return Limited(
        text=text, cut=text != whole, code="```" in said or _CODE.search(text) is not None
    )


def leaked(text: str, tests: Sequence[str]) -> int:
    """Return how many tests have their expected value spelled in a feedback.

    Values that are in many sentences by chance (small numbers, truth values, short texts) do not
    count.
    """
    count = 0
    for test in tests:
        call = parse_assert(test)
        if call and call.expected and _telling(call.expected) and call.expected in text:
            count += 1
    return count


def _telling(literal: str) -> bool:
    try:
        value = from_literal(literal)
    except LiteralError:
        return False
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return abs(value) > _SMALL
    return len(literal) > 4  # more than '', [], 'ab'


def named(text: str) -> set[str]:
    """Return the identifiers and numbers that a text names."""
    return set(_NAME.findall(text))
