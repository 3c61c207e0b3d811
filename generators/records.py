"""The frozen records that every part exchanges, with their schema names and versions.

Called by all packages; imports nothing of the project but the errors. Reading and
writing files is the business of :mod:`generators.jsonl`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Self

from generators.errors import FormatError

__all__ = [
    "PROBLEM_SCHEMA",
    "SAMPLE_SCHEMA",
    "TRACE_SCHEMA",
    "Call",
    "Origin",
    "Outcome",
    "OutcomeStatus",
    "Problem",
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
    """

    status: OutcomeStatus
    value: str | None = None
    value_type: str = ""
    error: str = ""
    message: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


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
        output: Canonical literal text of the result.
        output_type: Type name of the result as it is written (``int``, ``list`` ...).
        origin: ``assert`` or ``generated``.
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

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Build a trace from a JSON object.

        Raises:
            FormatError: A field is missing, unknown or of the wrong type.
        """
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in row]
        unknown = sorted(set(row) - set(names))
        if missing or unknown:
            problem = f"lacks {missing}" if missing else f"has unknown fields {unknown}"
            raise FormatError(f"trace {problem}")
        for name in names:
            wanted = int if name == "task_id" else str
            if type(row[name]) is not wanted:
                raise FormatError(
                    f"trace field {name!r} is {type(row[name]).__name__}, not {wanted.__name__}"
                )
        try:
            split, origin = Split(row["split"]), Origin(row["origin"])
        except ValueError as error:
            raise FormatError(f"trace: {error}") from None
        return cls(**{**row, "split": split, "origin": origin})
