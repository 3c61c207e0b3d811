"""One program on its way to traces: which calls to run, which of them were dropped and why.

Called by :mod:`generators.tracing` only, which runs the calls. Nothing is executed here and no
order of events outside a program matters, so the result is the same however the work is spread.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from generators.calls import literal_arguments, parse_assert, render_call
from generators.errors import LiteralError
from generators.literals import EqualityPolicy, equal, from_literal, type_name
from generators.records import Call, Origin, Outcome, OutcomeStatus, Problem, Trace
from generators.trace_plan import DropReason, ProgramTraces, TracePlan

__all__ = ["Candidate", "Program"]

SURPLUS = 4
BATCH = 5
MAX_TIMEOUTS = 6


@dataclass(slots=True, kw_only=True, eq=False)
class Candidate:
    """A call that is being run.

    Attributes:
        call: Where it comes from.
        text: Its canonical text: what is run and what a trace shows.
        value: Literal text of its value in the first run.
        variants: The sandbox variants that agreed on the value.
        dropped: No trace comes of it.
    """

    call: Call
    text: str
    value: str = ""
    variants: set[int] = field(default_factory=set)
    dropped: bool = False


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
        self._given_up = False
        self._notes: list[str] = []
        self._wrong: list[str] = []
        examples = [call for call in self._asserts if call is not None]
        if any(literal_arguments(call) for call in examples):
            from generators.inputs import iterate_calls  # importing hypothesis takes a while

            self._calls = iterate_calls(examples, seed=plan.seed, task_id=problem.task_id)
        elif plan.inputs:
            self.give_up("no assert calls with literal arguments")

    def assert_candidates(self) -> list[Candidate]:
        """Return the calls of the asserts that can be run."""
        self.drops[DropReason.NOT_A_LITERAL] += sum(call is None for call in self._asserts)
        return self._admit([call for call in self._asserts if call is not None])

    def generated_candidates(self) -> list[Candidate]:
        """Return the next batch of generated calls, empty when no more are wanted."""
        wanted = self.plan.inputs - len(self._varied())
        left = SURPLUS * self.plan.inputs - self._generated
        size = min(left, BATCH)
        if wanted <= 0 or size <= 0 or self._given_up:
            return []
        batch = list(islice(self._calls, size))
        self._generated += len(batch)
        if len(batch) < size:
            self.give_up("no further inputs found")
        admitted = self._admit([call for call in batch if not self._too_heavy(call.text)])
        return admitted or (self.generated_candidates() if batch else [])

    def _too_heavy(self, text: str) -> bool:
        """Whether a call is no lighter than one that took too long."""
        return self._ceiling is not None and _weight(text) >= self._ceiling

    def _admit(self, calls: Sequence[Call]) -> list[Candidate]:
        admitted = []
        for call in calls:
            text = _canonical(call)
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
        self._given_up = True

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
        if candidate.dropped:
            return
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
        candidate.dropped = True
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


def _canonical(call: Call) -> str:
    """Return a call in canonical spelling where all its arguments are literals."""
    arguments = literal_arguments(call)
    try:
        return call.text if arguments is None else render_call(call.entry_point, arguments)
    except LiteralError:  # an int of more digits than a literal may have
        return call.text


def _weight(text: str) -> float:
    """Return the length of a call plus the numbers in it: what its time may grow with."""
    return len(text) + sum(float(number) for number in re.findall(r"\d+\.?\d*", text))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
