"""One program on its way to traces: which calls to run, which of them were dropped and why.

Called by :mod:`generators.tracing` only, which runs the calls. Nothing is executed here and no
order of events outside a program matters, so the result is the same however the work is spread.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from generators.calls import literal_arguments, parse_assert, render_call
from generators.inputs import iterate_calls
from generators.literals import EqualityPolicy, equal, from_literal, type_name
from generators.records import Call, Origin, Outcome, OutcomeStatus, Problem, Trace
from generators.sandbox.policy import Limits

__all__ = ["Candidate", "DropReason", "Program", "ProgramTraces", "TracePlan"]

SURPLUS = 4
BATCHES_PER_ROUND = 2
MAX_TIMEOUTS = 6


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
        max_call_chars: Longest call that is kept.
        max_output_chars: Longest output that is kept.
        limits: Bounds of one generated call.
        assert_limits: Bounds of one call of an assert; generous, as these have to work.
    """

    inputs: int = 10
    seed: int = 0
    max_call_chars: int = 300
    max_output_chars: int = 150
    limits: Limits = field(default_factory=lambda: Limits(cpu_seconds=1.0, wall_seconds=6.0))
    assert_limits: Limits = field(
        default_factory=lambda: Limits(cpu_seconds=40.0, wall_seconds=120.0)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTraces:
    """The traces of one program and what became of its other calls.

    Attributes:
        problem: The problem that the program solves.
        traces: Asserts in their order, then generated calls in theirs.
        drops: Number of calls dropped, by reason.
        note: Why there are fewer traces than wanted, or ``""``.
    """

    problem: Problem
    traces: tuple[Trace, ...]
    drops: Mapping[DropReason, int]
    note: str


@dataclass(slots=True, kw_only=True, eq=False)
class Candidate:
    """A call that is being run.

    Attributes:
        call: Where it comes from.
        text: Its canonical text: what is run and what a trace shows.
        value: Literal text of its value in the first run.
        variants: The sandbox variants that agreed on the value.
    """

    call: Call
    text: str
    value: str = ""
    variants: set[int] = field(default_factory=set)


class Program:
    """The state of one program while it is traced."""

    def __init__(self, problem: Problem, plan: TracePlan) -> None:
        self.problem = problem
        self.plan = plan
        self.kept: list[Candidate] = []
        self.drops: Counter[DropReason] = Counter()
        self._asserts = [parse_assert(test) for test in problem.test_list]
        self._seen: set[str] = set()
        self._calls: Iterator[Call] = iter(())
        self._generated = 0
        self._timeouts = 0
        self._ceiling: float | None = None
        self._notes: list[str] = []
        self._wrong: list[str] = []
        examples = [call for call in self._asserts if call is not None]
        if any(literal_arguments(call) for call in examples):
            self._calls = iterate_calls(examples, seed=plan.seed, task_id=problem.task_id)
        elif plan.inputs:
            self._notes.append("no assert calls with literal arguments")

    def assert_candidates(self) -> list[Candidate]:
        """Return the calls of the asserts that can be run."""
        self.drops[DropReason.NOT_A_LITERAL] += sum(call is None for call in self._asserts)
        return self._admit([call for call in self._asserts if call is not None])

    def generated_candidates(self) -> list[Candidate]:
        """Return the next batch of generated calls, empty when no more are wanted."""
        wanted = self.plan.inputs - len(self._varied())
        left = SURPLUS * self.plan.inputs - self._generated
        size = min(left, max(1, -(-self.plan.inputs // BATCHES_PER_ROUND)))
        if wanted <= 0 or size <= 0:
            return []
        batch = list(islice(self._calls, size))
        self._generated += len(batch)
        if len(batch) < size:
            self._notes.append("no further inputs found")
            self._calls = iter(())
        admitted = self._admit([call for call in batch if not self._too_heavy(call.text)])
        return admitted or (self.generated_candidates() if batch else [])

    def _too_heavy(self, text: str) -> bool:
        """Whether a call is no lighter than one that took too long."""
        return self._ceiling is not None and _weight(text) >= self._ceiling

    def _admit(self, calls: Sequence[Call]) -> list[Candidate]:
        admitted = []
        for call in calls:
            arguments = literal_arguments(call)
            text = call.text if arguments is None else render_call(call.entry_point, arguments)
            if len(text) > self.plan.max_call_chars:
                self.drops[DropReason.CALL_TOO_LONG] += 1
            elif text in self._seen:
                self.drops[DropReason.DUPLICATE] += 1
            else:
                self._seen.add(text)
                admitted.append(Candidate(call=call, text=text))
        return admitted

    def give_up(self, reason: str) -> None:
        """Ask for no more generated calls."""
        self._notes.append(reason)
        self._calls = iter(())

    def load_failed(self, candidates: Sequence[Candidate], load: Outcome) -> None:
        """Drop calls of a program that does not even load."""
        self.drops[DropReason.LOAD_FAILED] += len(candidates)
        self.give_up(f"the program does not load: {load.error or load.status}")

    def first_run(self, candidate: Candidate, outcome: Outcome, variant: int) -> bool:
        """Take the first outcome of a call; tell whether it has a value worth a second run."""
        reason = _failure(candidate.call, outcome)
        if reason is None and outcome.value is not None:
            candidate.value = outcome.value
            candidate.variants.add(variant)
            return True
        self._drop(candidate, reason or DropReason.UNSERIALISABLE)
        return False

    def further_run(self, candidate: Candidate, outcome: Outcome, variant: int) -> None:
        """Compare a further outcome of a call with its first; on agreement keep the call."""
        if outcome.status is OutcomeStatus.OK and outcome.value == candidate.value:
            candidate.variants.add(variant)
            if candidate not in self.kept:
                self._keep(candidate)
            return
        if candidate in self.kept:
            self.kept.remove(candidate)
        limits = {OutcomeStatus.TIMEOUT, OutcomeStatus.MEMORY, OutcomeStatus.CRASHED}
        hit_limit = outcome.status in limits
        self._drop(
            candidate, DropReason(outcome.status) if hit_limit else DropReason.NONDETERMINISTIC
        )

    def _keep(self, candidate: Candidate) -> None:
        expected = candidate.call.expected
        if expected is not None and not equal(EqualityPolicy.PYTHON_EQ, candidate.value, expected):
            self._drop(candidate, DropReason.WRONG_VALUE)
            self._wrong.append(f"{_short(candidate.text)} is not {_short(expected)}")
        elif len(candidate.value) > self.plan.max_output_chars:
            self._drop(candidate, DropReason.OUTPUT_TOO_LONG)
        else:
            self.kept.append(candidate)

    def _drop(self, candidate: Candidate, reason: DropReason) -> None:
        self.drops[reason] += 1
        if reason is DropReason.TIMEOUT:
            self._timeouts += 1
            weight = _weight(candidate.text)
            self._ceiling = weight if self._ceiling is None else min(self._ceiling, weight)
            if candidate.call.origin is Origin.ASSERT or self._timeouts == MAX_TIMEOUTS:
                self.give_up("too slow")
        elif reason is DropReason.NO_ENTRY_POINT:
            self.give_up(f"{candidate.call.entry_point} is not defined")

    @property
    def nondeterministic(self) -> bool:
        """Whether any call gave different values in different runs."""
        return self.drops[DropReason.NONDETERMINISTIC] > 0

    def _varied(self) -> list[Candidate]:
        """Return up to ``inputs`` generated calls, at most half of them with one output."""
        cap = max(1, self.plan.inputs // 2)
        outputs: Counter[str] = Counter()
        chosen = []
        for candidate in self.kept:
            if candidate.call.origin is Origin.GENERATED and outputs[candidate.value] < cap:
                outputs[candidate.value] += 1
                chosen.append(candidate)
        return chosen[: self.plan.inputs]

    def result(self) -> ProgramTraces:
        """Return the program's traces: variety first, then numbers."""
        generated = [c for c in self.kept if c.call.origin is Origin.GENERATED]
        chosen = self._varied()
        spare = [c for c in generated if c not in chosen]
        chosen += spare[: self.plan.inputs - len(chosen)]
        rows = [c for c in self.kept if c.call.origin is Origin.ASSERT]
        rows += [c for c in generated if c in chosen]
        return ProgramTraces(
            problem=self.problem,
            traces=tuple(self._trace(i, candidate) for i, candidate in enumerate(rows)),
            drops={reason: self.drops[reason] for reason in DropReason if self.drops[reason]},
            note=self._note(short=len(chosen) < self.plan.inputs),
        )

    def _note(self, *, short: bool) -> str:
        notes = list(dict.fromkeys(self._notes))
        if short and not notes:
            drops = self.drops.most_common()
            notes = [f"{count} calls dropped: {reason}" for reason, count in drops if count]
        return "; ".join(self._wrong + (notes if short else []))

    def _trace(self, index: int, candidate: Candidate) -> Trace:
        problem = self.problem
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
            output_type=type_name(from_literal(candidate.value)),
            origin=candidate.call.origin,
        )


def _failure(call: Call, outcome: Outcome) -> DropReason | None:
    if outcome.status is OutcomeStatus.OK:
        return None
    if outcome.error == "NameError" and f"'{call.entry_point}'" in outcome.message:
        return DropReason.NO_ENTRY_POINT
    if outcome.status is OutcomeStatus.UNSERIALISABLE and "too long" in outcome.message:
        return DropReason.OUTPUT_TOO_LONG
    return DropReason(outcome.status)


def _weight(text: str) -> float:
    """Return the length of a call plus the numbers in it: what its time may grow with."""
    return len(text) + sum(float(number) for number in re.findall(r"\d+\.?\d*", text))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
