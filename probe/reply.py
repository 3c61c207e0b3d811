"""The answer in a chat model's reply to an output prediction, or the reason why there is none.

Pure functions on text, called by the scoring of tasks for runs with a chat template. A reply
may be the literal alone, prose, code, or all of them. It is read by fixed rules, in this order;
the first rule that finds anything decides, and the expected output has no part in it:

1. the whole reply, or its first line, is an answer: a literal, or what else was asked for;
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
from collections.abc import Callable, Iterator

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


def extract_reply(
    reply: str, call: str | None, accepts: Callable[[str], bool] = is_literal
) -> Extraction:
    """Read the answer from an assistant's message.

    Args:
        reply: The message; a closed ``<think>`` part is left out of account.
        call: The call whose result was asked for, as the prompt shows it; ``None`` if something
            else was asked, and a restated call is no answer.
        accepts: Tells what can be an answer.
    """
    text = without_thoughts(reply)
    if not text.strip():
        return Extraction(text="", reason=Reason.EMPTY)
    if _THINKING.search(text):  # still thinking when the budget was used up
        return Extraction(text="", reason=Reason.NO_ANSWER)
    reader = _Reader(accepts)
    restated = () if call is None else reader.restated(text, call)
    for rule in (reader.alone(text), restated, reader.fenced(text), reader.announced(text)):
        found = list(dict.fromkeys(rule))
        if len(found) > 1:
            return Extraction(text="", reason=Reason.AMBIGUOUS)
        if found:
            return Extraction(text=found[0], reason=Reason.NONE)
    return Extraction(text="", reason=Reason.NO_ANSWER)


class _Reader:
    """The rules, for answers of one sort."""

    def __init__(self, accepts: Callable[[str], bool]) -> None:
        self._accepts = accepts

    def alone(self, text: str) -> Iterator[str]:
        """The reply is the answer, or begins with a line that is."""
        for part in (text, _lines(text)[0]):
            if (found := self._answer(part)) is not None:
                yield found
                return

    def restated(self, text: str, call: str) -> Iterator[str]:
        """The call is stated with its result."""
        lines = _lines(text)
        for number, line in enumerate(lines):
            if line.startswith("assert "):
                if (found := self._asserted(line, call)) is not None:
                    yield found
                continue
            _, stated, rest = line.partition(call)
            if not stated:
                continue
            if not rest and line == f">>> {call}" and number + 1 < len(lines):
                rest = f"= {lines[number + 1]}"
            sign = _RESULT.match(rest)
            if sign and (found := self._leading(rest[sign.end() :])) is not None:
                yield found

    def _asserted(self, line: str, call: str) -> str | None:
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
                    return self._answer(ast.get_source_segment(line, right) or "")
        return None

    def fenced(self, text: str) -> Iterator[str]:
        """A fenced block is a literal."""
        for block in _FENCE.findall(text):
            if (found := self._answer(block)) is not None:
                yield found

    def announced(self, text: str) -> Iterator[str]:
        """A result is announced and follows at once, on the same line or the next."""
        lines = _lines(_FENCE.sub("", text))
        for number, line in enumerate(lines):
            for head in _ANNOUNCED.finditer(line):
                rest = line[head.end() :]
                if not rest and number + 1 < len(lines):
                    rest = lines[number + 1]
                if (found := self._leading(rest)) is not None:
                    yield found

    def _leading(self, text: str) -> str | None:
        """Return the answer that a text consists of, or that it begins with in code or bold."""
        if (found := self._answer(text)) is not None:
            return found
        for mark in ("`", "**"):
            inner, end, _ = text.removeprefix(mark).partition(mark)
            if end and (found := self._answer(inner)) is not None:
                return found
        return None

    def _answer(self, text: str) -> str | None:
        """Return a text without markup and the full stop after it, if it can be an answer."""
        text = text.strip()
        if text[-1:] in (".", ",", ";"):
            text = text[:-1].rstrip()
        for mark in ("**", "`"):
            if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
                text = text[len(mark) : -len(mark)].strip()
        return text if text and self._accepts(text) else None


def _lines(text: str) -> list[str]:
    """Return the lines that say anything, without spaces around them."""
    return [line.strip() for line in text.splitlines() if line.strip()] or [""]
