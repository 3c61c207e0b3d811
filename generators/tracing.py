"""From problems to traces: run each program's calls, twice, and keep what is sound.

Called by :mod:`generators.trace_files`. A program's calls run in one sandbox pool, then those
with a value once more in the opposite order in a second pool, which has another hash seed and
another random seed: what depends on these, or on the calls made before, shows as different
values. A program caught at it has its other calls checked under more variants, each call twice
in one process, as two short outcomes of a coin can agree, and once each in a process of its own,
as calls may agree on what the ones before them left. Which calls are made and which are
kept is decided in :mod:`generators.programs`; file formats are elsewhere. The second run is
recorded: which lines and branches each call went through.

Programs are traced side by side, each by a thread of its own that mostly waits for the sandbox.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from generators.candidates import Candidate
from generators.programs import Program
from generators.progress import Progress, Quiet
from generators.records import OutcomeStatus, Problem
from generators.sandbox.policy import Limits, Record
from generators.sandbox.pool import Job, JobResult, SandboxPool
from generators.trace_plan import CountTokens, DropReason, ProgramTraces, TracePlan

__all__ = ["DropReason", "ProgramTraces", "TracePlan", "trace_programs"]

AHEAD = 64  # programs begun before the first of them is done
PROGRAMS_PER_WORKER = 3
FIRST, SECOND = 0, 1
SUSPECT_VARIANTS = (2, 3, 4, 5)
ALONE = 6  # the variant in which each call has a process of its own
_CUT = {OutcomeStatus.TIMEOUT, OutcomeStatus.OUTPUT_LIMIT, OutcomeStatus.CRASHED}


def trace_programs(
    problems: Sequence[Problem],
    plan: TracePlan,
    *,
    workers: int,
    trust_programs: bool = False,
    count_tokens: CountTokens | None = None,
    progress: Progress | None = None,
) -> Generator[ProgramTraces]:
    """Trace programs and yield them in the order of ``problems``.

    What comes out depends on problems and plan only, not on ``workers``.

    Args:
        problems: The programs, with their asserts.
        plan: What traces are wanted.
        workers: Programs run at a time, per pool.
        trust_programs: Allow a sandbox that does not isolate.
        count_tokens: The length of a text in tokens, for the plan's caps in tokens.
        progress: Told of each finished program.

    Raises:
        SandboxUnavailableError: No isolation here and the programs are not trusted.
        SandboxError: The sandbox broke down.
    """
    progress = progress or Quiet()
    progress.start("tracing programs", len(problems))
    tracer = _Tracer(plan, workers, trust_programs=trust_programs, count_tokens=count_tokens)
    threads = ThreadPoolExecutor(PROGRAMS_PER_WORKER * workers, thread_name_prefix="tracing")
    waiting: deque[Future[ProgramTraces]] = deque()
    try:
        for problem in problems:
            waiting.append(threads.submit(tracer.trace, problem))
            if len(waiting) == AHEAD:
                yield waiting.popleft().result()
                progress.advance()
        while waiting:
            yield waiting.popleft().result()
            progress.advance()
    finally:
        for future in waiting:
            future.cancel()
        tracer.close()
        threads.shutdown()
    progress.finish()


class _Tracer:
    """Traces programs, from any thread; opens a pool per variant when it is first needed."""

    def __init__(
        self,
        plan: TracePlan,
        workers: int,
        *,
        trust_programs: bool,
        count_tokens: CountTokens | None,
    ) -> None:
        self._plan = plan
        self._record = Record.EVENTS if plan.trace_lines else Record.COVERAGE
        self._workers = workers
        self._trust = trust_programs
        self._count_tokens = count_tokens
        self._lock = threading.Lock()
        self._pools: dict[int, SandboxPool] = {}
        self._pool(FIRST)

    def close(self) -> None:
        """Stop what runs and free the pools."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()

    def _pool(self, variant: int) -> SandboxPool:
        with self._lock:
            if variant not in self._pools:
                self._pools[variant] = SandboxPool(
                    workers=self._workers, trust_programs=self._trust, variant=variant
                )
            return self._pools[variant]

    def trace(self, problem: Problem) -> ProgramTraces:
        """Run a program's calls, batch by batch, until it has enough traces or no more calls."""
        program = Program(problem, self._plan, count_tokens=self._count_tokens)
        self._run(program, program.assert_candidates(), self._plan.assert_limits)
        while candidates := program.generated_candidates():
            self._run(program, candidates, self._plan.limits)
        return program.result()

    def _run(self, program: Program, candidates: Sequence[Candidate], limits: Limits) -> None:
        """Run calls in all the variants that they need."""
        if not candidates:
            return
        sound = self._first(program, candidates, limits)
        self._compare(program, sound, limits, SECOND)
        if program.nondeterministic:
            for variant in SUSPECT_VARIANTS:
                suspects = [c for c in program.kept if variant not in c.variants] * 2
                self._compare(program, suspects, self._plan.assert_limits, variant)
            for suspect in [c for c in program.kept if ALONE not in c.variants]:
                self._compare(program, [suspect], self._plan.assert_limits, ALONE)

    def _first(
        self, program: Program, candidates: Sequence[Candidate], limits: Limits
    ) -> list[Candidate]:
        """Run calls, light ones first; return those worth a second run, in their order.

        Those heavier than one that took too long are passed over.
        """
        sound: list[Candidate] = []
        waiting = sorted(candidates, key=lambda candidate: candidate.weight)
        while waiting:
            result = self._result(program, waiting, limits, FIRST)
            if result.load.status is not OutcomeStatus.OK:
                program.load_failed(waiting, result.load)
                break
            ran = 0
            for candidate, outcome in zip(waiting, result.steps, strict=True):
                ran += 1
                if program.first_run(candidate, outcome, FIRST):
                    sound.append(candidate)
                if outcome.status in _CUT:
                    break
            if candidate.slow and program.too_heavy(candidate):
                break
            waiting = waiting[ran:]
        return [candidate for candidate in candidates if candidate in sound]

    def _compare(
        self, program: Program, candidates: Sequence[Candidate], limits: Limits, variant: int
    ) -> None:
        """Run calls again, in the opposite order.

        With an odd number the lightest runs twice, first too, so that no call has an odd place in
        both runs.
        """
        if not candidates:
            return
        order = sorted(candidates, key=lambda candidate: candidate.weight)[::-1]
        again = order[-1:] if variant == SECOND and len(order) % 2 else []
        result = self._result(program, [*again, *order], limits, variant)
        outcomes = result.steps[len(again) :] or [result.load] * len(order)
        place = {candidate: i for i, candidate in enumerate(candidates)}
        found = zip(order, outcomes, strict=True)
        for candidate, outcome in sorted(found, key=lambda pair: place[pair[0]]):
            program.further_run(candidate, outcome, variant)

    def _result(
        self, program: Program, candidates: Sequence[Candidate], limits: Limits, variant: int
    ) -> JobResult:
        job = Job(
            key=str(program.problem.task_id),
            code=program.problem.code,
            setup=program.problem.test_setup_code,
            steps=tuple(candidate.text for candidate in candidates),
            limits=limits,
            record=self._record if variant == SECOND else Record.NOTHING,
            stop_at_cut=variant == FIRST,
        )
        return self._pool(variant).run_one(job)
