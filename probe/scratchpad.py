"""Scratchpads: a call's events as text before its answer; a part of :mod:`probe.prompts`.

A model that writes a scratchpad first says what happens, line by line, and then what the call
returns. Called by :mod:`probe.tasks.wording`, which puts prompts and targets together, and by
scoring. The text of a recording is canonical: one line an event, the line's number and the
variables that are new or changed, in the order of their names.

    2: ch = 'l', s = 'hello'
    3: i = 0
    >7: n = 1
    >end
    end: s = 'helo'
    result: 'helo'

Source of the idea: Nye et al., Show Your Work: Scratchpads for Intermediate Computation with
Language Models (2021). The format is this project's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from generators.records import LineEvent, Trace
from probe.extract import Extraction, Reason, extract_answer
from probe.numbering import numbered_program
from probe.prompts import ExecutionTemplate

__all__ = [
    "ANSWER_TOKENS",
    "MAX_CHARS",
    "MAX_EVENTS",
    "SCRATCHPAD_TOKENS",
    "SCRATCHPAD_V1",
    "extract_result",
    "leading_share",
    "scratchpad_fits",
    "scratchpad_lines",
    "scratchpad_prompt",
    "scratchpad_target",
]

MAX_EVENTS = 48
MAX_CHARS = 1200
"""Longest scratchpad that is learned, in events and in characters."""

ANSWER_TOKENS, SCRATCHPAD_TOKENS = 64, 768
"""Usual budgets in new tokens: of an answer alone, and of a scratchpad with its answer."""

_RESULT = "result:"

SCRATCHPAD_V1 = ExecutionTemplate(
    name="execution/scratchpad@1",
    instruction=(
        "# Python programs, what happens while they run, and what their functions return.\n"
        "# A run tells each line that is about to run, and the variables that are new or changed; "
        "> is a call inside the call.\n\n"
    ),
    item="# Program\n{program}\n\n# Call\n{call}\n\n# Run\n",
    answer=f"{{events}}\n{_RESULT} {{output}}",
    end="\n\n",
    separator="\n\n",
)
"""A program with numbered lines; the run, then the result."""


def scratchpad_lines(trace: Trace) -> tuple[str, ...]:
    """Return the scratchpad of a trace, up to the bounds: one text an event."""
    lines: list[str] = []
    room = MAX_CHARS
    events = trace.recording.events if trace.recording else ()
    for event in events[:MAX_EVENTS]:
        text = _event(event)
        room -= len(text) + 1
        if room < 0:
            break
        lines.append(text)
    return tuple(lines)


def scratchpad_fits(trace: Trace) -> bool:
    """Return whether a call is recorded as a whole, and inside the bounds of a scratchpad."""
    recording = trace.recording
    if recording is None or not recording.whole:
        return False
    return len(scratchpad_lines(trace)) == len(recording.events)


def _event(event: LineEvent) -> str:
    place = f"{'>' * event.depth}{event.line or 'end'}"
    changed = ", ".join(f"{name} = {text or '...'}" for name, text in sorted(event.changed.items()))
    return f"{place}: {changed}" if changed else place


def scratchpad_prompt(shots: Sequence[Trace], trace: Trace) -> str:
    """Return the whole prompt for a trace; shots are recorded, and stand with their runs."""
    template = SCRATCHPAD_V1
    solved = [_item(shot) + _answer(shot) + template.separator for shot in shots]
    return template.instruction + "".join(solved) + _item(trace)


def scratchpad_target(trace: Trace) -> str:
    """Return the text to learn for a recorded trace: events, result and the end marker."""
    return _answer(trace) + SCRATCHPAD_V1.end


def _item(trace: Trace) -> str:
    return SCRATCHPAD_V1.item.format(program=numbered_program(trace), call=trace.call)


def _answer(trace: Trace) -> str:
    events = "\n".join(scratchpad_lines(trace))
    return SCRATCHPAD_V1.answer.format(events=events, output=trace.output)


def extract_result(completion: str, *, cut: bool) -> Extraction:
    """Read the answer of a scratchpad: what stands after the last result marker.

    Args:
        completion: Raw completion, without the stop string.
        cut: Whether the budget ran out; then a result that has no line's end is none.
    """
    events, result = _parts(completion)
    if result is None or (cut and "\n" not in result):
        reason = Reason.TRUNCATED if cut else Reason.NO_ANSWER
        return Extraction(text="", reason=reason if events or result else Reason.EMPTY)
    return extract_answer(result)


def leading_share(expected: str, completion: str) -> float:
    """Return the share of the expected events that a scratchpad begins with, 0 to 1.

    Args:
        expected: Lines of the true scratchpad, joined; at least one.
        completion: Raw completion.
    """
    wanted, (events, _) = expected.split("\n"), _parts(completion)
    right = takewhile(lambda pair: pair[0] == pair[1], zip(wanted, events, strict=False))
    return sum(1 for _ in right) / len(wanted)


def _parts(completion: str) -> tuple[list[str], str | None]:
    """Return the events of a completion, and the text from its last result marker on."""
    lines = completion.split("\n")
    marked = [place for place, line in enumerate(lines) if line.strip().startswith(_RESULT)]
    end = marked[-1] if marked else len(lines)
    events = [line.strip() for line in lines[:end] if line.strip()]
    if not marked:
        return events, None
    return events, "\n".join(lines[end:]).strip(" ").removeprefix(_RESULT)
