"""A recorded call as its entry point went through it, line by line.

Called by :mod:`probe.tasks.steps.derive`. Calls inside the call are stepped over: what counts is
the frame of the function that was called. A recording that is not whole gives no walk, with the
reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from generators.records import Trace
from probe.tasks.steps.entry_point import EntryPoint

__all__ = ["END", "Skip", "Step", "Walk", "walk_through"]

END = 0
"""Stands for a line where the function ends."""


class Skip(StrEnum):
    """Why a call, a program or a question is left out."""

    NO_EVENTS = "no line events"
    CUT = "recording cut at its bounds"
    NO_FUNCTION = "entry point is no plain function"
    SILENT = "function with lines that run without a step"
    NOT_BOTH = "program without both raising and other calls"
    SURPLUS = "more of one answer than of the other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A line that runs.

    Attributes:
        line: Its number.
        time: Its how manieth run in this call, from 1.
        before: Literal texts of the local variables; ``""`` for a value without one.
        after: The same when the line has run.
        following: The line that runs next in the same function, ``END`` if it ends.
    """

    line: int
    time: int
    before: Mapping[str, str]
    after: Mapping[str, str]
    following: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A call and all its steps in the entry point."""

    trace: Trace
    steps: tuple[Step, ...]


def walk_through(trace: Trace, entry: EntryPoint | None) -> Walk | Skip:
    """Return the steps of a call, or why they cannot be told."""
    if trace.recording is None or not trace.recording.events:
        return Skip.NO_EVENTS
    if not trace.recording.whole:
        return Skip.CUT
    events = [event for event in trace.recording.events if event.depth == 0]
    if entry is None or any(event.line not in entry.lines for event in events[:-1]):
        return Skip.NO_FUNCTION
    if entry.silent:
        return Skip.SILENT
    states: list[dict[str, str]] = []
    now: dict[str, str] = {}
    for event in events:
        changed = {k: v for k, v in event.changed.items() if k not in entry.forgotten}
        now = now | changed if changed else now
        states.append(now)
    times: Counter[int] = Counter()
    steps = []
    for place, event in enumerate(events[:-1]):
        times[event.line] += 1
        steps.append(
            Step(
                line=event.line,
                time=times[event.line],
                before=states[place],
                after=states[place + 1],
                following=events[place + 1].line,
            )
        )
    return Walk(trace=trace, steps=tuple(steps))
