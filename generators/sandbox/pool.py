"""A pool of sandboxed workers: jobs in, results out, in order.

Called by tracing, by grading and by everything else that runs programs. What a program does
is data in the results; only a failure of the harness itself raises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from generators.errors import SandboxError
from generators.sandbox.crew import Crew
from generators.sandbox.jobs import Job, JobResult, Progress
from generators.sandbox.policy import Backend, choose_backend

__all__ = ["Job", "JobResult", "SandboxPool"]

_IN_FLIGHT_PER_WORKER = 8


class SandboxPool:
    """Workers that run programs; a context manager.

    Args:
        workers: How many programs run at a time.
        backend: ``None`` chooses the isolating one.
        trust_programs: Allow the ``process`` backend.
        variant: Fixes the hash seed and the seed of ``random``.

    Raises:
        SandboxUnavailableError: No isolation here and the programs are not trusted.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        backend: Backend | None = None,
        trust_programs: bool = False,
        variant: int = 0,
    ) -> None:
        self.backend = backend or choose_backend(trust_programs=trust_programs)
        if self.backend is Backend.PROCESS and not trust_programs:
            raise SandboxError("the process backend does not isolate: pass --trust-programs")
        self._window = workers * _IN_FLIGHT_PER_WORKER
        self._crew = Crew(workers, self.backend, variant)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop all work and leave no process behind."""
        self._crew.close()

    def run(self, jobs: Iterable[Job]) -> Iterator[JobResult]:
        """Run jobs; yield their results in the order of the jobs.

        Jobs are taken as results are consumed, a bounded number ahead.

        Raises:
            SandboxError: A worker was lost three times in a row on the same job.
        """
        waiting: deque[Future[JobResult]] = deque()
        try:
            for job in jobs:
                waiting.append(self._submit(job))
                if len(waiting) >= self._window:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def run_one(self, job: Job) -> JobResult:
        """Run a job and wait for its result; for callers with threads of their own.

        Raises:
            SandboxError: A worker was lost three times in a row on the job.
        """
        return self._submit(job).result()

    def _submit(self, job: Job) -> Future[JobResult]:
        progress = Progress(job)
        self._crew.submit(progress)
        return progress.future
