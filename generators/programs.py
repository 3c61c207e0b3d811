"""All calls of one program on their way to traces: which to run, which were dropped and why.

Called by :mod:`generators.tracing` only, which runs the calls. Nothing is executed here and no
order of events outside a program matters, so the result is the same however the work is spread.
Which of the sound calls become traces is decided in :mod:`generators.selection`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from generators.branches import branch_count
from generators.calls import parse_assert
from generators.candidates import (
    Candidate,
    agrees,
    canonical,
    choose_calls,
    failure,
    reason_of,
    shortened,
    trace_of,
)
from generators.literals import PARSING, EqualityPolicy, equal
from generators.records import Call, Origin, Outcome, OutcomeStatus, Problem
from generators.selection import varied_count
from generators.trace_plan import Caps, CountTokens, DropReason, ProgramTraces, TracePlan

if TYPE_CHECKING:
    from generators.inputs import CallSource

__all__ = ["Program"]

SURPLUS = 8  # calls drawn at most, in multiples of the traces wanted
CHOICE = 1.5  # sound calls wanted to choose from while branches are missing, in the same unit
BATCH = 20
MAX_TIMEOUTS = 6
COMMON = 0.4  # share of an output from which calls with others are searched for
_UNSTEADY = {"RecursionError", "MemoryError", "KeyboardInterrupt"}  # the machine has a say in these


class Program:
    """The state of one program while it is traced."""

    def __init__(
        self, problem: Problem, plan: TracePlan, *, count_tokens: CountTokens | None = None
    ) -> None:
        self.problem = problem
        self.plan = plan
        self.kept: list[Candidate] = []
        self.drops: Counter[DropReason] = Counter()
        self._caps = Caps(plan=plan, count_tokens=count_tokens)
        self._asserts = [parse_assert(test) for test in problem.test_list]
        self._seen: set[str] = set()
        self._source: CallSource | None = None
        self._batch: list[Candidate] = []
        self._covered: set[int] = set()
        self._outputs: Counter[str] = Counter()
        self._branches = _branches(problem.code)
        self._generated = 0
        self._timeouts = 0
        self._heaviest = 0.0
        self._ceiling = math.inf
        self._given_up = False
        self._notes: list[str] = []
        self._wrong: list[str] = []
        examples = [call for call in self._asserts if call is not None]
        if not plan.inputs:
            return
        from generators.inputs import CallSource

        source = CallSource(
            examples,
            code=problem.code,
            seed=plan.seed,
            task_id=problem.task_id,
            daring=plan.keep_exceptions,
        )
        if source.able:
            self._source = source
        else:
            self.give_up("no assert calls with literal arguments")

    def assert_candidates(self) -> list[Candidate]:
        """Return the calls of the asserts that can be run."""
        self.drops[DropReason.NOT_A_LITERAL] += sum(call is None for call in self._asserts)
        self._batch = self._admit([call for call in self._asserts if call is not None])
        return self._batch

    def generated_candidates(self) -> list[Candidate]:
        """Return the next batch of generated calls, empty when no more are wanted."""
        self._learn()
        while self._source is not None and not self._given_up and not self._plenty():
            size = min(SURPLUS * self.plan.inputs - self._generated, BATCH)
            batch = self._source.draw(size) if size else []
            self._generated += len(batch)
            if len(batch) < size:
                self.give_up("no further inputs found")
            if not batch:
                break
            admitted = [c for c in self._admit(batch) if c.weight < self._ceiling]
            if admitted:
                self._batch = admitted
                return admitted
        return []

    def _plenty(self) -> bool:
        """Whether there are enough sound calls of different outputs to choose from."""
        complete = len(self._covered) >= self._branches
        wanted = round(self.plan.inputs * (1 if complete else CHOICE))
        outputs = [candidate.value for candidate in self._values(Origin.GENERATED)]
        found = varied_count(outputs, wanted, beside=self._asserted())
        return found >= wanted - self._uneven(wanted)

    def _uneven(self, count: int) -> int:
        """Return 1 if two outputs could not share so many and the asserts' traces evenly."""
        return (count + len(self._asserted())) % 2

    def _learn(self) -> None:
        """Draw conclusions from the calls that were run last, and let the source know."""
        ran = self._settled()
        self._outputs.update(candidate.value for candidate in ran if candidate.sound)
        ((common, times),) = self._outputs.most_common(1) or [("", 0)]
        alike = times >= COMMON * self._outputs.total()
        raising = self._raising()
        for candidate in ran:
            more = not self._covered.issuperset(candidate.branches)
            self._covered |= candidate.branches
            if self._source is not None:
                rare = alike and candidate.value != common
                raises = candidate in raising and len(raising) <= self.plan.inputs // 2
                sound = candidate.sound or raises
                promising = sound and (more or rare or raises)
                self._source.tell(candidate.call, sound=sound, promising=promising)

    def _settled(self) -> list[Candidate]:
        """Drop the slow calls of the last batch; return the batch without what is too heavy.

        Whether a call hits the time limit is a matter of luck near the limit, so one that hits
        the limit of lines has to have the same consequences.
        """
        batch, self._batch = self._batch, []
        heaviest = self._heaviest
        counted: list[Candidate] = []
        for candidate in sorted(batch, key=lambda c: c.weight):
            if candidate.weight >= self._ceiling:
                candidate.dropped = True
                if candidate in self.kept:
                    self.kept.remove(candidate)
                continue
            counted.append(candidate)
            if candidate.slow:
                self._drop(candidate, DropReason.TIMEOUT)
                if candidate.weight > heaviest:
                    self._ceiling = candidate.weight
            elif candidate.sound:
                self._heaviest = max(self._heaviest, candidate.weight)
        return [candidate for candidate in batch if candidate in counted]

    def _values(self, origin: Origin) -> list[Candidate]:
        return [c for c in self.kept if c.call.origin is origin and not c.error]

    def _raising(self) -> list[Candidate]:
        return [candidate for candidate in self.kept if candidate.error]

    def _asserted(self) -> list[str]:
        return [candidate.value for candidate in self._values(Origin.ASSERT)]

    def too_heavy(self, slow: Candidate) -> bool:
        """Whether calls that are heavier than this slow one need not be tried."""
        return slow.weight > self._heaviest

    def _admit(self, calls: Sequence[Call]) -> list[Candidate]:
        admitted = []
        for call in calls:
            text = canonical(call)
            if call.origin is not Origin.ASSERT and self._caps.call_too_long(text):
                self.drops[DropReason.CALL_TOO_LONG] += 1
                if self._source is not None:
                    self._source.tell(call, sound=False)
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
        self.give_up(f"the program does not load: {reason_of(load)}")

    def first_run(self, candidate: Candidate, outcome: Outcome, variant: int) -> bool:
        """Take the first outcome of a call; tell whether it is worth a second run."""
        candidate.seconds = outcome.cpu_seconds, outcome.wall_seconds
        candidate.error = outcome.error
        reason = failure(candidate.call, outcome)
        asserted = candidate.call.origin is Origin.ASSERT
        wanted = self.plan.keep_exceptions and not asserted and outcome.error not in _UNSTEADY
        if reason is None and outcome.value is not None:
            candidate.value = outcome.value
        elif reason is DropReason.TIMEOUT and not asserted:
            candidate.slow = candidate.dropped = True
        elif reason is not DropReason.EXCEPTION or not wanted:
            self._drop(candidate, reason or DropReason.UNSERIALISABLE)
            if reason is DropReason.EXCEPTION and asserted:
                self._notes.append(f"{shortened(candidate.text)} raises {reason_of(outcome)}")
        if candidate.dropped:
            return False
        candidate.variants.add(variant)
        return True

    def further_run(self, candidate: Candidate, outcome: Outcome, variant: int) -> None:
        """Compare a further outcome of a call with its first; on agreement keep the call."""
        if candidate.dropped:
            return
        generated = candidate.call.origin is Origin.GENERATED
        recording = outcome.recording
        if generated and (
            outcome.status is OutcomeStatus.TIMEOUT or (recording and not recording.complete)
        ):
            candidate.slow = candidate.dropped = True
        elif agrees(candidate, outcome):
            candidate.variants.add(variant)
            candidate.recording = candidate.recording or recording
            if candidate not in self.kept:
                self._keep(candidate)
        else:
            limits = {OutcomeStatus.TIMEOUT, OutcomeStatus.MEMORY, OutcomeStatus.CRASHED}
            hit = outcome.status in limits
            reason = DropReason(outcome.status) if hit else DropReason.NONDETERMINISTIC
            self._drop(candidate, reason)
        if candidate.dropped and candidate in self.kept:
            self.kept.remove(candidate)

    def _keep(self, candidate: Candidate) -> None:
        expected = candidate.call.expected
        if expected is not None and not equal(EqualityPolicy.PYTHON_EQ, candidate.value, expected):
            self._drop(candidate, DropReason.WRONG_VALUE)
            self._wrong.append(f"{shortened(candidate.text)} is not {shortened(expected)}")
        elif candidate.call.origin is not Origin.ASSERT and self._caps.output_too_long(
            candidate.value
        ):
            self._drop(candidate, DropReason.OUTPUT_TOO_LONG)
        else:
            self.kept.append(candidate)

    def _drop(self, candidate: Candidate, reason: DropReason) -> None:
        candidate.dropped = True
        self.drops[reason] += 1
        if reason is DropReason.TIMEOUT:
            self._timeouts += 1
            if candidate.call.origin is Origin.ASSERT or self._timeouts == MAX_TIMEOUTS:
                self.give_up("too slow")
        elif reason is DropReason.NO_ENTRY_POINT:
            self.give_up(f"{candidate.call.entry_point} is not defined")

    @property
    def nondeterministic(self) -> bool:
        """Whether any call gave different values in different runs."""
        return self.drops[DropReason.NONDETERMINISTIC] > 0

    def result(self) -> ProgramTraces:
        """Return the program's traces, each kind of call in the order it was made."""
        self._learn()
        generated = self._values(Origin.GENERATED)
        chosen = choose_calls(generated, self.plan.inputs, self._asserted())
        raising = choose_calls(self._raising(), self.plan.inputs // 2, [])
        rows = self._values(Origin.ASSERT) + chosen + raising
        return ProgramTraces(
            problem=self.problem,
            traces=tuple(trace_of(self.problem, i, candidate) for i, candidate in enumerate(rows)),
            seconds=tuple(candidate.seconds for candidate in rows),
            drops={reason: self.drops[reason] for reason in DropReason if self.drops[reason]},
            note=self._note(len(chosen), len(generated)),
        )

    def _note(self, chosen: int, sound: int) -> str:
        notes = list(dict.fromkeys(self._notes))
        if chosen >= self.plan.inputs - self._uneven(self.plan.inputs):
            notes = []
        elif chosen < sound:
            notes.append(f"{sound - chosen} of {sound} calls left out: outputs too much alike")
        elif not notes:
            drops = self.drops.most_common()
            notes = [f"{count} calls dropped: {reason}" for reason, count in drops if count]
        return "; ".join(self._wrong + notes)


def _branches(code: str) -> int:
    with PARSING:
        return branch_count(code)
