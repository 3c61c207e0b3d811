"""From problems to traces: run each program's calls, twice, and keep what is sound.

Called by :mod:`generators.trace_files`. All calls of a program run in one sandbox pool, then
those with a value once more in reversed order in a second pool, which has another hash seed and
another random seed: what depends on these, or on the calls made before, shows as different
values. A program caught at it has its other calls checked under more variants, each call twice
in one process, as two short outcomes of a coin can agree. Which calls are made and which are
kept is decided in :mod:`generators.candidates`; file formats are elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TypeAlias

from generators.candidates import Candidate, Program
from generators.progress import Progress, Quiet
from generators.records import OutcomeStatus, Problem
from generators.sandbox.policy import Limits
from generators.sandbox.pool import Job, SandboxPool
from generators.trace_plan import DropReason, ProgramTraces, TracePlan

__all__ = ["DropReason", "ProgramTraces", "TracePlan", "trace_programs"]

CHUNK = 64
FIRST, SECOND = 0, 1
SUSPECT_VARIANTS = (2, 3, 4, 5)

Batch: TypeAlias = tuple[Program, list[Candidate]]


def trace_programs(
    problems: Sequence[Problem],
    plan: TracePlan,
    *,
    workers: int,
    trust_programs: bool = False,
    progress: Progress | None = None,
) -> Generator[ProgramTraces]:
    """Trace programs and yield them in the order of ``problems``.

    What comes out depends on problems and plan only, not on ``workers``.

    Args:
        problems: The programs, with their asserts.
        plan: What traces are wanted.
        workers: Programs run at a time, per pool.
        trust_programs: Allow a sandbox that does not isolate.
        progress: Told of each finished program.

    Raises:
        SandboxUnavailableError: No isolation here and the programs are not trusted.
        SandboxError: The sandbox broke down.
    """
    progress = progress or Quiet()
    progress.start("tracing programs", len(problems))
    with _Runner(plan, workers=workers, trust_programs=trust_programs) as runner:
        for start in range(0, len(problems), CHUNK):
            programs = [Program(problem, plan) for problem in problems[start : start + CHUNK]]
            runner.run(((p, p.assert_candidates()) for p in programs), plan.assert_limits)
            busy = programs
            while busy:
                busy = runner.run(((p, p.generated_candidates()) for p in busy), plan.limits)
            for program in programs:
                progress.advance()
                yield program.result()
    progress.finish()


class _Runner:
    """The pools, one per variant, opened when first needed."""

    def __init__(self, plan: TracePlan, *, workers: int, trust_programs: bool) -> None:
        self._careful = plan.assert_limits
        self._workers = workers
        self._trust = trust_programs
        self._pools: dict[int, SandboxPool] = {}
        self._stack = ExitStack()

    def __enter__(self) -> _Runner:
        self._pool(FIRST)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _pool(self, variant: int) -> SandboxPool:
        if variant not in self._pools:
            pool = SandboxPool(workers=self._workers, trust_programs=self._trust, variant=variant)
            self._pools[variant] = self._stack.enter_context(pool)
        return self._pools[variant]

    def run(self, batches: Iterable[Batch], limits: Limits) -> list[Program]:
        """Run batches of calls in all variants; return the programs that had any."""
        had_calls: list[Program] = []
        second = self._pool(SECOND)
        self._compare(second, SECOND, self._first(batches, limits, had_calls), limits)
        for variant in SUSPECT_VARIANTS:
            suspects = [
                (program, [c for c in program.kept if variant not in c.variants] * 2)
                for program in had_calls
                if program.nondeterministic
            ]
            if any(candidates for _, candidates in suspects):
                self._compare(self._pool(variant), variant, suspects, self._careful)
        return had_calls

    def _first(
        self, batches: Iterable[Batch], limits: Limits, had_calls: list[Program]
    ) -> Iterator[Batch]:
        """Run batches in the first variant; yield the calls that have a value."""
        running: deque[Batch] = deque()
        for result in self._pool(FIRST).run(_jobs(batches, limits, running)):
            program, candidates = running.popleft()
            had_calls.append(program)
            if result.load.status is not OutcomeStatus.OK:
                program.load_failed(candidates, result.load)
                continue
            pairs = zip(candidates, result.steps, strict=True)
            yield program, [c for c, outcome in pairs if program.first_run(c, outcome, FIRST)]

    def _compare(
        self, pool: SandboxPool, variant: int, batches: Iterable[Batch], limits: Limits
    ) -> None:
        """Run calls again, last one first."""
        running: deque[Batch] = deque()
        backwards = ((program, candidates[::-1]) for program, candidates in batches)
        for result in pool.run(_jobs(backwards, limits, running)):
            program, candidates = running.popleft()
            outcomes = result.steps or [result.load] * len(candidates)
            for candidate, outcome in reversed(list(zip(candidates, outcomes, strict=True))):
                program.further_run(candidate, outcome, variant)


def _jobs(batches: Iterable[Batch], limits: Limits, running: deque[Batch]) -> Iterator[Job]:
    """Yield a job per batch that has calls, and note the batch as running."""
    for program, candidates in batches:
        if candidates:
            running.append((program, candidates))
            yield Job(
                key=str(program.problem.task_id),
                code=program.problem.code,
                setup=program.problem.test_setup_code,
                steps=tuple(candidate.text for candidate in candidates),
                limits=limits,
            )
