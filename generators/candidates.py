"""A single call on its way to a trace, and what can be told from it and its outcomes.

Called by :mod:`generators.programs`, which decides about all calls of a program together, and by
:mod:`generators.tracing`, which runs them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from generators.calls import literal_arguments, render_call
from generators.errors import LiteralError
from generators.literals import from_literal, type_name
from generators.records import Call, Origin, Outcome, OutcomeStatus, Problem, Recording, Trace
from generators.selection import Facts, choose
from generators.trace_plan import DropReason

__all__ = [
    "Candidate",
    "agrees",
    "canonical",
    "choose_calls",
    "failure",
    "reason_of",
    "shortened",
    "trace_of",
]


@dataclass(slots=True, kw_only=True, eq=False)
class Candidate:
    """A call that is being run.

    Attributes:
        call: Where it comes from.
        text: Its canonical text: what is run and what a trace shows.
        value: Literal text of its value in the first run, ``""`` if it raised.
        error: Name of the exception that it raised there, ``""`` if none.
        seconds: CPU and wall time of the first run.
        recording: How the second run went.
        variants: The sandbox variants that agreed on the outcome.
        slow: It took more time, or more lines, than a call may.
        dropped: No trace comes of it.
    """

    call: Call
    text: str
    value: str = ""
    error: str = ""
    seconds: tuple[float, float] = (0.0, 0.0)
    recording: Recording | None = None
    variants: set[int] = field(default_factory=set)
    slow: bool = False
    dropped: bool = False

    @property
    def branches(self) -> frozenset[int]:
        """Branch outcomes that the call reached."""
        return frozenset(self.recording.branches if self.recording else ())

    @property
    def weight(self) -> float:
        """What the call's time may grow with: the length of its text plus the numbers in it."""
        numbers = re.findall(r"\d+\.?\d*", self.text)
        return len(self.text) + sum(float(number) for number in numbers)

    @property
    def sound(self) -> bool:
        """Whether it has a value that a trace can show, as far as is known."""
        return not self.dropped and not self.error


def failure(call: Call, outcome: Outcome) -> DropReason | None:
    """Return why a call's outcome gives no trace, ``None`` if it may give one."""
    if outcome.status is OutcomeStatus.OK:
        return None
    if outcome.error == "NameError" and f"'{call.entry_point}'" in outcome.message:
        return DropReason.NO_ENTRY_POINT
    if outcome.status is OutcomeStatus.UNSERIALISABLE and "too long" in outcome.message:
        return DropReason.OUTPUT_TOO_LONG
    return DropReason(outcome.status)


def agrees(candidate: Candidate, outcome: Outcome) -> bool:
    """Tell whether a further outcome is the one that the first run saw."""
    if candidate.error:
        return outcome.status is OutcomeStatus.EXCEPTION and outcome.error == candidate.error
    return outcome.status is OutcomeStatus.OK and outcome.value == candidate.value


def reason_of(outcome: Outcome) -> str:
    """Say why a load or a call failed."""
    if outcome.error == "EOFError":
        return "EOFError: it reads standard input, which is empty"
    return ": ".join(filter(None, [outcome.error or outcome.status, outcome.message]))


def canonical(call: Call) -> str:
    """Return a call in canonical spelling where all its arguments are literals."""
    if call.origin is Origin.GENERATED:
        return call.text  # made so
    arguments = literal_arguments(call)
    try:
        return call.text if arguments is None else render_call(call.entry_point, arguments)
    except LiteralError:  # an int of more digits than a literal may have
        return call.text


def shortened(text: str) -> str:
    """Return a text fit for a note."""
    return text if len(text) <= 60 else text[:57] + "..."


def trace_of(problem: Problem, index: int, candidate: Candidate) -> Trace:
    """Return the trace that a call of a program becomes."""
    return Trace(
        trace_id=f"{problem.task_id}/{index}",
        source=problem.source,
        task_id=problem.task_id,
        split=problem.split,
        entry_point=candidate.call.entry_point,
        text=problem.text,
        code=problem.code,
        setup=problem.test_setup_code,
        call=candidate.text,
        output=candidate.value,
        output_type="" if candidate.error else type_name(from_literal(candidate.value)),
        origin=candidate.call.origin,
        raises=candidate.error,
        recording=candidate.recording,
    )


def choose_calls(
    candidates: Sequence[Candidate], count: int, beside: Sequence[str]
) -> list[Candidate]:
    """Choose calls for traces (:func:`generators.selection.choose`), in the order they have."""
    facts = [
        Facts(output=c.value or c.error, call_chars=len(c.text), branches=c.branches)
        for c in candidates
    ]
    return [candidates[i] for i in sorted(choose(facts, count, beside=beside))]
