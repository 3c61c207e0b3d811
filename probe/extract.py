"""From a completion to an answer literal or to code, with the reason where there is none.

Pure functions on text; called by the tasks and by ``probe verify``, which re-extracts every
stored completion.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from enum import StrEnum

from generators.errors import LiteralError
from generators.literals import PARSING, from_literal

__all__ = [
    "Extraction",
    "Reason",
    "bare",
    "extract_answer",
    "extract_code",
    "extract_word",
    "is_literal",
    "without_thoughts",
]


class Reason(StrEnum):
    """Why no answer could be read from a completion."""

    NONE = ""
    EMPTY = "empty"
    NOT_A_LITERAL = "not_a_literal"
    NOT_A_WORD = "not_a_word"
    TRUNCATED = "truncated"
    OVERFLOW = "prompt_overflow"
    NO_ANSWER = "no_answer"
    AMBIGUOUS = "ambiguous"
    NO_CODE = "no_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What was read from a completion.

    Attributes:
        text: The answer text (also where it is no literal), or the code.
        reason: Why it cannot be used as a value, ``Reason.NONE`` if it can.
    """

    text: str
    reason: Reason


def extract_answer(completion: str) -> Extraction:
    """Read the predicted output of a call: the first line that says anything.

    A prediction is one literal on one line, since canonical literals have no line breaks.

    Args:
        completion: Raw completion, without the stop string.
    """
    lines = [line.strip() for line in completion.splitlines() if line.strip()]
    if not lines:
        return Extraction(text="", reason=Reason.EMPTY)
    reason = Reason.NONE if is_literal(lines[0]) else Reason.NOT_A_LITERAL
    return Extraction(text=lines[0], reason=reason)


def extract_word(completion: str, words: str) -> Extraction:
    """Read an answer that is one word: the first line that says anything.

    Args:
        completion: Raw completion, without the stop string.
        words: Regular expression of the words that can be an answer, in any case.
    """
    lines = [line.strip() for line in completion.splitlines() if line.strip()]
    if not lines:
        return Extraction(text="", reason=Reason.EMPTY)
    known = re.fullmatch(words, bare(lines[0]), re.IGNORECASE)
    return Extraction(text=lines[0], reason=Reason.NONE if known else Reason.NOT_A_WORD)


def bare(word: str) -> str:
    """Return a word without a full stop after it and without quotation marks around it."""
    return word.strip().removesuffix(".").strip("`'\"")


def is_literal(text: str) -> bool:
    """Return whether a text is one literal."""
    try:
        from_literal(text)
    except LiteralError:
        return False
    return True


_FENCE = re.compile(r"```(?:python|py)?[ \t]*\r?\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_MARKERS = ("[DONE]", "[END]")


def extract_code(completion: str, *, reply: bool = False) -> Extraction:
    """Read a program from a completion.

    Cuts at the paper's end marker, drops a leading ``[BEGIN]``, and where the text does not
    parse as it stands takes the first fenced block. Text that never parses is returned as it
    is: a syntax error is a verdict, not a reason.

    Args:
        completion: Raw completion.
        reply: A chat model's message, in which a closed ``<think>`` part is passed over.
    """
    text = completion.replace("\r\n", "\n").removeprefix("\ufeff")
    if reply:
        text = without_thoughts(text)
    for marker in _MARKERS:
        text = text.split(marker, 1)[0]
    text = re.sub(r"\A\s*\[BEGIN\]", "", text)
    if not text.strip():
        return Extraction(text="", reason=Reason.NO_CODE)
    if not _parses(text) and (block := _FENCE.search(text)):
        text = block.group(1)
        if not text.strip():
            return Extraction(text="", reason=Reason.NO_CODE)
    return Extraction(text=text, reason=Reason.NONE)


def without_thoughts(reply: str) -> str:
    """Return a chat model's message without its closed ``<think>`` parts."""
    return _THOUGHTS.sub("", reply)


def _parses(text: str) -> bool:
    try:
        with PARSING:
            ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True
