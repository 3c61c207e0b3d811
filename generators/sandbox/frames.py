"""Checking what came out of a sandbox: frames of a child become outcomes, or a crash.

Called by :mod:`generators.sandbox.worker`. A child can write anything at all to its channel;
nothing here raises for it, and no value passes that is not a canonical literal text.
"""

from __future__ import annotations

import ast
import json
from typing import Any

from generators.errors import LiteralError
from generators.literals import PARSING, from_literal, to_literal
from generators.records import Outcome, OutcomeStatus
from generators.sandbox.policy import Limits

__all__ = ["parse_frames"]

_MESSAGE_CHARS = 200
_NAME_CHARS = 100
_FIELDS: tuple[Any, ...] = (int, str, (str, type(None)), str, str, str, float, float)
_STATUSES = {"ok", "exception", "memory", "unserialisable"}


def parse_frames(
    data: bytes, limits: Limits, *, steps: tuple[str, ...]
) -> tuple[list[Outcome], bool]:
    """Turn a child's frames into outcomes, as far as they are sound.

    Args:
        data: The frames as the child wrote them.
        limits: Bounds of the job.
        steps: The steps that were asked for.

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
        outcome = _parse(body, len(outcomes) - 1, limits)
        if outcome is None or (outcomes and _lacks_value(outcome, steps[len(outcomes) - 1])):
            return outcomes, False
        outcomes.append(outcome)
        position += 4 + size
    return outcomes, True


def _parse(body: bytes, index: int, limits: Limits) -> Outcome | None:
    try:
        row = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if type(row) is not list or len(row) != len(_FIELDS):
        return None
    if not all(isinstance(cell, kind) for cell, kind in zip(row, _FIELDS, strict=True)):
        return None
    number, status, value, kind, error, message, cpu, wall = row
    if number != index or type(number) is bool or status not in _STATUSES:
        return None
    if status != "ok":
        value = None
    if value is not None and index < 0:
        return None
    if value is not None and not _canonical(value, limits):
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
    )


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


def _canonical(text: str, limits: Limits) -> bool:
    if len(text) > limits.value_chars:
        return False
    try:
        return to_literal(from_literal(text)) == text
    except (LiteralError, RecursionError, MemoryError):
        return False


def _clean(text: str, size: int) -> str:
    """One line of printable text."""
    return "".join(char if char.isprintable() else " " for char in text[:size]).strip()


def _seconds(value: Any) -> float:
    return value if 0.0 <= value < 1e6 else 0.0
