"""What traces are wanted, and what came out: the records of tracing.

Made and read by :mod:`generators.tracing`, :mod:`generators.candidates` and
:mod:`generators.trace_files`; a single trace is :class:`generators.records.Trace`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from generators.records import Problem, Trace
from generators.sandbox.policy import Limits

__all__ = ["Caps", "CountTokens", "DropReason", "ProgramTraces", "TracePlan"]


CountTokens: TypeAlias = Callable[[str], int]


class DropReason(StrEnum):
    """Why a call gave no trace."""

    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    OUTPUT_LIMIT = "output_limit"
    UNSERIALISABLE = "unserialisable"
    NONDETERMINISTIC = "nondeterministic"
    DUPLICATE = "duplicate"
    CALL_TOO_LONG = "call_too_long"
    OUTPUT_TOO_LONG = "output_too_long"
    WRONG_VALUE = "wrong_value"
    NOT_A_LITERAL = "not_a_literal"
    LOAD_FAILED = "load_failed"
    NO_ENTRY_POINT = "no_entry_point"


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePlan:
    """What traces are wanted.

    Attributes:
        inputs: Traces with generated calls wanted per program.
        seed: Seed of the generated calls.
        max_call_chars: Longest generated call that is kept; asserts are kept whatever their length.
        max_output_chars: Longest output of a generated call that is kept.
        max_call_tokens: The same in tokens, where a tokenizer counts them.
        max_output_tokens: The same in tokens.
        tokenizer: Identity of that tokenizer, ``""`` for none.
        keep_exceptions: Up to half as many traces again of calls that raise.
        trace_lines: Traces tell the order of lines and what changed at each.
        limits: Bounds of one generated call.
        assert_limits: Bounds of one call of an assert; generous, as these have to work.
    """

    inputs: int = 10
    seed: int = 0
    max_call_chars: int = 300
    max_output_chars: int = 150
    max_call_tokens: int | None = None
    max_output_tokens: int | None = None
    tokenizer: str = ""
    keep_exceptions: bool = False
    trace_lines: bool = False
    limits: Limits = field(default_factory=lambda: Limits(cpu_seconds=0.25, wall_seconds=6.0))
    assert_limits: Limits = field(
        default_factory=lambda: Limits(cpu_seconds=40.0, wall_seconds=120.0)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The plan's bounds on the length of a generated call and its output.

    Attributes:
        plan: The plan.
        count_tokens: The length of a text in tokens; without it only characters count.
    """

    plan: TracePlan
    count_tokens: CountTokens | None

    def call_too_long(self, text: str) -> bool:
        """Tell whether a call is longer than the plan allows."""
        return self._exceeds(text, self.plan.max_call_chars, self.plan.max_call_tokens)

    def output_too_long(self, text: str) -> bool:
        """Tell whether an output is longer than the plan allows."""
        return self._exceeds(text, self.plan.max_output_chars, self.plan.max_output_tokens)

    def _exceeds(self, text: str, chars: int, tokens: int | None) -> bool:
        if len(text) > chars:
            return True
        if tokens is None or self.count_tokens is None:
            return False
        return self.count_tokens(text) > tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTraces:
    """The traces of one program and what became of its other calls.

    Attributes:
        problem: The problem that the program solves.
        traces: Asserts in their order, then generated calls in theirs, those that raise last.
        seconds: CPU and wall time of each trace's call; not the same twice, so not in traces.
        drops: Number of calls dropped, by reason.
        note: Why there are fewer traces than wanted, or ``""``.
    """

    problem: Problem
    traces: tuple[Trace, ...]
    seconds: tuple[tuple[float, float], ...] = field(compare=False)
    drops: Mapping[DropReason, int]
    note: str
