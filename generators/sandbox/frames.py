"""Checking what came out of a sandbox: frames of a child become outcomes, or a crash.

Called by :mod:`generators.sandbox.worker`. A child can write anything at all to its channel;
nothing here raises for it, and no value passes that is not a canonical literal text.
"""

from __future__ import annotations

import ast
import functools
import json
from itertools import pairwise
from typing import Any

from generators.errors import LiteralError
from generators.literals import PARSING, from_literal, to_literal
from generators.records import LineEvent, Outcome, OutcomeStatus, Recording
from generators.sandbox.policy import Limits
from generators.sandbox.recorder import MAX_EVENTS, MAX_NAME_CHARS, MAX_STEPS, MAX_VALUE_CHARS

__all__ = ["parse_frames"]

_MESSAGE_CHARS = 200
_NAME_CHARS = 100
_SHORT = 300
_FIELDS: tuple[Any, ...] = (
    *(int, str, (str, type(None)), str, str, str, float, float),
    (list, type(None)),
)
_STATUSES = {"ok", "exception", "memory", "unserialisable"}


def parse_frames(
    data: bytes, limits: Limits, *, steps: tuple[str, ...], recorded: str | None = None
) -> tuple[list[Outcome], bool]:
    """Turn a child's frames into outcomes, as far as they are sound.

    Args:
        data: The frames as the child wrote them.
        limits: Bounds of the job.
        steps: The steps that were asked for.
        recorded: The program, if a recording was asked for.

    Returns:
        The outcomes of the load and the steps, in order; and whether all that was written
        was sound and no more than was asked for.
    """
    outcomes: list[Outcome] = []
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        body = data[position + 4 : position + 4 + size]
        ended = bool(outcomes) and outcomes[0].status is not OutcomeStatus.OK
        if len(body) != size or len(outcomes) > len(steps) or ended:
            return outcomes, False
        outcome = _parse(body, len(outcomes) - 1, limits, recorded)
        if outcome is None or (outcomes and _lacks_value(outcome, steps[len(outcomes) - 1])):
            return outcomes, False
        outcomes.append(outcome)
        position += 4 + size
    return outcomes, True


def _parse(body: bytes, index: int, limits: Limits, recorded: str | None) -> Outcome | None:
    try:
        row = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if type(row) is not list or len(row) != len(_FIELDS):
        return None
    if not all(isinstance(cell, kind) for cell, kind in zip(row, _FIELDS, strict=True)):
        return None
    number, status, value, kind, error, message, cpu, wall, cells = row
    if number != index or type(number) is bool or status not in _STATUSES:
        return None
    if status != "ok":
        value = None
    if index < 0 and (value is not None or cells is not None):
        return None
    recording = None if cells is None or recorded is None else _recording(cells, recorded)
    if cells is not None and recording is None:
        return None
    if value is not None and not _canonical(value, limits.value_chars):
        return Outcome(
            status=OutcomeStatus.UNSERIALISABLE,
            value_type=_clean(kind, _NAME_CHARS),
            message="the value did not arrive as a literal",
        )
    return Outcome(
        status=OutcomeStatus(status),
        value=value,
        value_type=_clean(kind, _NAME_CHARS),
        error=_clean(error, _NAME_CHARS) if status == "exception" else "",
        message=_clean(message, _MESSAGE_CHARS),
        cpu_seconds=_seconds(cpu),
        wall_seconds=_seconds(wall),
        recording=recording,
    )


def _recording(cells: list[Any], code: str) -> Recording | None:
    """Return a step's recording, ``None`` if it cannot be one of this program."""
    if len(cells) != 5:
        return None
    lines, branches, steps, complete, rows = cells
    if not _ascending(lines, 1, len(code) + 1) or not _ascending(branches, 0, 2 * len(code)):
        return None
    if not _between(steps, 0, MAX_STEPS) or type(complete) is not bool:
        return None
    if type(rows) is not list or len(rows) > MAX_EVENTS:
        return None
    events = [_event(row, len(code) + 1) for row in rows]
    if not all(events):
        return None
    return Recording(
        lines=tuple(lines),
        branches=tuple(branches),
        steps=steps,
        complete=complete,
        events=tuple(event for event in events if event),
    )


def _event(row: Any, last_line: int) -> LineEvent | None:
    if type(row) is not list or len(row) != 3:
        return None
    line, depth, changed = row
    if not _between(line, 0, last_line) or not _between(depth, 0, MAX_STEPS):
        return None
    if type(changed) is not dict:
        return None
    for name, text in changed.items():
        if len(name) > MAX_NAME_CHARS or not name.isidentifier() or type(text) is not str:
            return None
        if text and not _canonical(text, MAX_VALUE_CHARS):
            return None
    return LineEvent(line=line, depth=depth, changed=changed)


def _ascending(numbers: Any, low: int, high: int) -> bool:
    if type(numbers) is not list or not all(_between(number, low, high) for number in numbers):
        return False
    return all(a < b for a, b in pairwise(numbers))


def _between(number: Any, low: int, high: int) -> bool:
    return type(number) is int and low <= number <= high


def _lacks_value(outcome: Outcome, step: str) -> bool:
    """Tell whether an expression is said to have gone well without having a value."""
    if outcome.status is not OutcomeStatus.OK or outcome.value is not None:
        return False
    try:
        with PARSING:
            ast.parse(step, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def _canonical(text: str, max_chars: int) -> bool:
    if len(text) > max_chars:
        return False
    return _short_canonical(text) if len(text) <= _SHORT else _reads_back(text)


def _reads_back(text: str) -> bool:
    try:
        return to_literal(from_literal(text)) == text
    except (LiteralError, RecursionError, MemoryError):
        return False


_short_canonical = functools.lru_cache(maxsize=4096)(_reads_back)  # values come back often


def _clean(text: str, size: int) -> str:
    """One line of printable text."""
    return "".join(char if char.isprintable() else " " for char in text[:size]).strip()


def _seconds(value: Any) -> float:
    return value if 0.0 <= value < 1e6 else 0.0
