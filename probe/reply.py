"""The answer in a chat model's reply to an output prediction, or the reason why there is none.

Pure functions on text, called by :mod:`probe.tasks.scoring` for runs with a chat template. A reply
may be the literal alone, prose, code, or all of them. It is read by fixed rules, in this order;
the first rule that finds anything decides, and the expected output has no part in it:

1. the whole reply, or its first line, is a literal;
2. the call is stated again with its result: ``assert f(3) == 5``, ``f(3) returns 5``, ``>>> f(3)``
   with the result on the next line;
3. a fenced block is a literal;
4. a result is announced and follows at once: ``The output is: `5`.``, ``returns 5``, ``Answer: 5``.

A rule that finds two different texts makes the reply ambiguous: no answer. Nothing is searched
for beyond these places, so a number in passing is no answer either.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from generators.literals import PARSING
from probe.extract import Extraction, Reason, is_literal, without_thoughts

__all__ = ["extract_reply"]

_FENCE = re.compile(r"```[^\n`]*\n(.*?)(?:```|\Z)", re.DOTALL)
_THINKING = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_RESULT = re.compile(
    r"`?\s*(?:==|=>|->|=|\u2192|:|\b(?:returns|is|gives|evaluates to|equals)\b)\s*"
)
_ANNOUNCED = re.compile(
    r"\b(?:returns?|gives|outputs|prints|equals|evaluates to"
    r"|(?:answer|result|output|value)(?:\s+(?:is|will be|would be)|\**\s*[:=]))\s*:?\**\s*",
    re.IGNORECASE,
)


def extract_reply(reply: str, call: str) -> Extraction:
    """Read the predicted output from an assistant's message.

    Args:
        reply: The message; a closed ``<think>`` part is left out of account.
        call: The call whose result was asked for, as the prompt shows it.
    """
    text = without_thoughts(reply)
    if not text.strip():
        return Extraction(text="", reason=Reason.EMPTY)
    if _THINKING.search(text):  # still thinking when the budget was used up
        return Extraction(text="", reason=Reason.NO_ANSWER)
    for rule in (_alone(text), _restated(text, call), _fenced(text), _announced(text)):
        found = list(dict.fromkeys(rule))
        if len(found) > 1:
            return Extraction(text="", reason=Reason.AMBIGUOUS)
        if found:
            return Extraction(text=found[0], reason=Reason.NONE)
    return Extraction(text="", reason=Reason.NO_ANSWER)


def _alone(text: str) -> Iterator[str]:
    """The reply is the answer, or begins with a line that is."""
    for part in (text, _lines(text)[0]):
        if (found := _literal(part)) is not None:
            yield found
            return


def _restated(text: str, call: str) -> Iterator[str]:
    """The call is stated with its result."""
    lines = _lines(text)
    for number, line in enumerate(lines):
        if line.startswith("assert "):
            if (found := _asserted(line, call)) is not None:
                yield found
            continue
        _, stated, rest = line.partition(call)
        if not stated:
            continue
        if not rest and line == f">>> {call}" and number + 1 < len(lines):
            rest = f"= {lines[number + 1]}"
        sign = _RESULT.match(rest)
        if sign and (found := _leading(rest[sign.end() :])) is not None:
            yield found


def _asserted(line: str, call: str) -> str | None:
    """Return ``5`` from ``assert f(3) == 5``, with or without a message."""
    try:
        with PARSING:
            (statement,) = ast.parse(line).body
            wanted = ast.dump(ast.parse(call, mode="eval").body)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    match statement:
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right])):
            if ast.dump(left) == wanted:
                return _literal(ast.get_source_segment(line, right) or "")
    return None


def _fenced(text: str) -> Iterator[str]:
    """A fenced block is a literal."""
    for block in _FENCE.findall(text):
        if (found := _literal(block)) is not None:
            yield found


def _announced(text: str) -> Iterator[str]:
    """A result is announced and follows at once, on the same line or the next."""
    lines = _lines(_FENCE.sub("", text))
    for number, line in enumerate(lines):
        for head in _ANNOUNCED.finditer(line):
            rest = line[head.end() :]
            if not rest and number + 1 < len(lines):
                rest = lines[number + 1]
            if (found := _leading(rest)) is not None:
                yield found


def _leading(text: str) -> str | None:
    """Return the literal that a text consists of, or that it begins with in code or bold."""
    if (found := _literal(text)) is not None:
        return found
    for mark in ("`", "**"):
        inner, end, _ = text.removeprefix(mark).partition(mark)
        if end and (found := _literal(inner)) is not None:
            return found
    return None


def _literal(text: str) -> str | None:
    """Return a text without markup around it and the full stop after it, if it is a literal."""
    text = text.strip()
    if text[-1:] in (".", ",", ";"):
        text = text[:-1].rstrip()
    for mark in ("**", "`"):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            text = text[len(mark) : -len(mark)].strip()
    return text if text and is_literal(text) else None


def _lines(text: str) -> list[str]:
    """Return the lines that say anything, without spaces around them."""
    return [line.strip() for line in text.splitlines() if line.strip()] or [""]
