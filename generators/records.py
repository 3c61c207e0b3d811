"""The frozen records that every part exchanges, with their schema names and versions.

Called by all packages; imports nothing of the project but the errors. Reading and
writing files is the business of :mod:`generators.jsonl`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Self

from generators.errors import FormatError

__all__ = [
    "PROBLEM_SCHEMA",
    "SAMPLE_SCHEMA",
    "TRACE_SCHEMA",
    "Call",
    "LineEvent",
    "Origin",
    "Outcome",
    "OutcomeStatus",
    "Problem",
    "Recording",
    "Split",
    "Trace",
    "Verdict",
]

PROBLEM_SCHEMA = "probe.problem"
TRACE_SCHEMA = "probe.trace"
SAMPLE_SCHEMA = "probe.sample"


class Split(StrEnum):
    """The four splits of MBPP (Source: MBPP README, ids by range)."""

    PROMPT = "prompt"
    TEST = "test"
    VALIDATION = "validation"
    TRAIN = "train"


class Origin(StrEnum):
    """Where the call of a trace comes from."""

    ASSERT = "assert"
    GENERATED = "generated"


class OutcomeStatus(StrEnum):
    """How one call ended inside the sandbox."""

    OK = "ok"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT_LIMIT = "output_limit"
    UNSERIALISABLE = "unserialisable"
    NONDETERMINISTIC = "nondeterministic"
    CRASHED = "crashed"


class Verdict(StrEnum):
    """What became of one completion when its tests were run."""

    PASS = "pass"
    FAIL = "fail"
    SYNTAX_ERROR = "syntax_error"
    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT_LIMIT = "output_limit"
    CRASHED = "crashed"
    NO_CODE = "no_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One programming problem in MBPP's schema.

    Attributes:
        source: Name of the source (``basics``, ``mbpp``, ``mbpp-sanitized`` or a file name).
        task_id: Number of the task inside its source.
        text: The description in natural language.
        code: The reference solution, with line feeds as line ends.
        test_list: Asserts as source text.
        test_setup_code: Code that runs after the solution and before the asserts.
        challenge_test_list: Further, harder asserts; not part of the solve criterion.
        split: The split that ``task_id`` falls into.
    """

    source: str
    task_id: int
    text: str
    code: str
    test_list: tuple[str, ...]
    test_setup_code: str = ""
    challenge_test_list: tuple[str, ...] = ()
    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a program's entry point, as Python text.

    Attributes:
        entry_point: Name of the function that is called.
        text: The whole call expression, such as ``add(1, 2)``.
        origin: Where the call comes from.
        expected: Literal text on the right of the assert, ``None`` for generated calls.
            Never sent to the sandbox.
    """

    entry_point: str
    text: str
    origin: Origin
    expected: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEvent:
    """A line of a program that is about to run, or the end of a function.

    Attributes:
        line: Number of the line in the program's code, from 1; 0 where a function ends, by
            returning, yielding or raising.
        depth: Nesting of the program's own calls, 0 in the entry point.
        changed: Local names that are new or changed since the line event before in the same
            frame, with the literal text of their values; ``""`` for a value that has none or a
            long one.
    """

    line: int
    depth: int
    changed: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """How a call ran, seen line by line.

    Attributes:
        lines: Lines of the program that ran, ascending.
        branches: Branch outcomes that were reached, ascending (:mod:`generators.branches`).
        steps: Line events, counted up to the recorder's bound.
        complete: Whether the bound was not reached; the call went on unrecorded from there.
        events: The first line events, if they were asked for.
    """

    lines: tuple[int, ...]
    branches: tuple[int, ...]
    steps: int
    complete: bool
    events: tuple[LineEvent, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the events are all there were, from the first line to the end of the call."""
        ends = [event for event in self.events if not event.line and not event.depth]
        lines = sum(event.line > 0 for event in self.events)
        at_the_end = len(ends) == 1 and self.events[-1] is ends[0]
        return self.complete and lines == self.steps and at_the_end


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one call, check or program load ended.

    Attributes:
        status: What happened.
        value: Canonical literal text of the value (``OK`` with a value), else ``None``.
        value_type: Name of the value's own type, also when it was widened to a builtin
            (``Counter`` is written as ``dict`` literal), or ``""``.
        error: Exception type name for ``EXCEPTION``, else ``""``.
        message: Shortened message of the exception or of the limit, else ``""``.
        cpu_seconds: CPU time of this call.
        wall_seconds: Wall time of this call.
        recording: How the call ran, if that was asked for and it came to an end.
    """

    status: OutcomeStatus
    value: str | None = None
    value_type: str = ""
    error: str = ""
    message: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    recording: Recording | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One (program, call, output) triple: what a model is asked to predict.

    Attributes:
        trace_id: ``<task_id>/<index>``, unique inside a file.
        source: Name of the problem source.
        task_id: Task the program belongs to.
        split: Split of the task; traces are split by program, never by trace.
        entry_point: Function that ``call`` calls.
        text: The task's description.
        code: The program.
        setup: Set-up code that runs after the program and before the call.
        call: The call as literal Python text.
        output: Canonical literal text of the result, ``""`` if the call raises.
        output_type: Type name of the result as it is written (``int``, ``list`` ...), or ``""``.
        origin: ``assert`` or ``generated``.
        raises: Type name of the exception that the call raises, or ``""``.
        recording: How the call ran; ``None`` in files without it.
    """

    trace_id: str
    source: str
    task_id: int
    split: Split
    entry_point: str
    text: str
    code: str
    setup: str
    call: str
    output: str
    output_type: str
    origin: Origin
    raises: str = ""
    recording: Recording | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        return row | {"recording": asdict(self.recording) if self.recording else None}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Build a trace from a JSON object.

        Raises:
            FormatError: A field is missing, unknown or of the wrong type.
        """
        names = {field.name for field in fields(cls)}
        missing = sorted(names - set(row) - {"raises", "recording"})
        unknown = sorted(set(row) - names)
        if missing or unknown:
            problem = f"lacks {missing}" if missing else f"has unknown fields {unknown}"
            raise FormatError(f"trace {problem}")
        for name in set(row) - {"recording"}:
            wanted = int if name == "task_id" else str
            if type(row[name]) is not wanted:
                raise FormatError(
                    f"trace field {name!r} is {type(row[name]).__name__}, not {wanted.__name__}"
                )
        try:
            split, origin = Split(row["split"]), Origin(row["origin"])
        except ValueError as error:
            raise FormatError(f"trace: {error}") from None
        recording = _recording(row.get("recording"))
        return cls(**{**row, "split": split, "origin": origin, "recording": recording})


def _recording(row: Any) -> Recording | None:
    """Build a recording from its JSON object.

    Raises:
        FormatError: It is none.
    """
    if row is None:
        return None
    try:
        found = Recording(
            **{
                **row,
                "lines": tuple(row["lines"]),
                "branches": tuple(row["branches"]),
                "events": tuple(
                    LineEvent(**{**event, "changed": dict(event["changed"])})
                    for event in row["events"]
                ),
            }
        )
    except (TypeError, KeyError, ValueError) as error:
        raise FormatError(f"trace field 'recording' is broken: {error}") from None
    numbers = [*found.lines, *found.branches, found.steps]
    numbers += [number for event in found.events for number in (event.line, event.depth)]
    texts = [text for event in found.events for pair in event.changed.items() for text in pair]
    sound = all(type(number) is int and number >= 0 for number in numbers)
    if not sound or type(found.complete) is not bool or not all(type(t) is str for t in texts):
        raise FormatError("trace field 'recording' holds a value of the wrong type")
    return found
