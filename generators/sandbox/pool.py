"""A pool of sandboxed workers: jobs in, results out, in order.

Called by tracing, by grading and by everything else that runs programs. What a program does
is data in the results; only a failure of the harness itself raises.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from generators.errors import SandboxError
from generators.records import Outcome, OutcomeStatus
from generators.sandbox.policy import Backend, Limits, Record, choose_backend
from generators.sandbox.worker import Worker, WorkerLostError, WorkerRun, WorkerStartError

__all__ = ["Job", "JobResult", "SandboxPool"]

_log = logging.getLogger(__name__)
_IN_FLIGHT_PER_WORKER = 8
_LOSSES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One program and what to do with it.

    Attributes:
        key: The caller's name for the job.
        code: The program.
        setup: Code that runs after it in the same namespace.
        steps: Python texts, run in order after one load. An expression is evaluated and its
            value comes back as literal text; a statement is executed and has no value.
        limits: Bounds; times hold for the load and for each step.
        stop_at_cut: A step that cuts its process off (a timeout, a crash) ends the job; the
            steps after it are not run and share its outcome.
        record: What is recorded of each step. Recording makes a program slower, within the
            same limits, and changes no value; only one that looks at its own code or at the
            interpreter's trace function can tell.
    """

    key: str
    code: str
    setup: str = ""
    steps: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    stop_at_cut: bool = False
    record: Record = Record.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What became of a job.

    Attributes:
        key: The job's key.
        load: How compiling and running code and setup ended.
        steps: One outcome per step; empty unless ``load`` is ok.
    """

    key: str
    load: Outcome
    steps: tuple[Outcome, ...]


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
        self._variant = variant
        self._window = workers * _IN_FLIGHT_PER_WORKER
        self._turns = _Turns()
        self._closing = False
        self._local = threading.local()
        self._workers: set[Worker] = set()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="sandbox")

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
        with self._lock:
            self._closing = True
            for worker in self._workers:
                worker.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.close()
        self._workers.clear()

    def run(self, jobs: Iterable[Job]) -> Iterator[JobResult]:
        """Run jobs; yield their results in the order of the jobs.

        Jobs are taken as results are consumed, a bounded number ahead.

        Raises:
            SandboxError: A worker was lost three times in a row on the same job.
        """
        waiting: deque[Future[JobResult]] = deque()
        try:
            for job in jobs:
                waiting.append(self._threads.submit(self._run_job, job))
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
        return self._threads.submit(self._run_job, job).result()

    def _run_job(self, job: Job) -> JobResult:
        load: Outcome | None = None
        steps: list[Outcome] = []
        alone = False
        while True:
            with self._turns.alone() if alone else self._turns.shared():
                run = self._run_once(job, job.steps[len(steps) :])
            alone = run.doubtful and not alone  # once more, while nothing else is running
            cut = None if alone else run.cut
            outcomes = run.outcomes + ([cut] if cut else [])
            if load is None or load.status is not OutcomeStatus.OK:
                load = outcomes[0] if outcomes else None
            if load and load.status is not OutcomeStatus.OK:
                return JobResult(key=job.key, load=load, steps=())
            if outcomes and outcomes[0].status is not OutcomeStatus.OK:
                # Loaded before, but not again: nothing more can be learned.
                steps += [outcomes[0]] * (len(job.steps) - len(steps))
            steps += outcomes[1:]
            if job.stop_at_cut and cut and steps:
                steps += [cut] * (len(job.steps) - len(steps))
            if load and len(steps) == len(job.steps) and not alone:
                return JobResult(key=job.key, load=load, steps=tuple(steps))

    def _run_once(self, job: Job, steps: tuple[str, ...]) -> WorkerRun:
        for attempt in range(_LOSSES):
            try:
                worker = self._worker(job.limits.tmp_bytes)
                run = worker.run(job.code, job.setup, steps, job.limits, job.record)
            except WorkerStartError as loss:
                if attempt == _LOSSES - 1:
                    raise SandboxError(str(loss)) from None
                _log.warning("job %s: %s; tried again", job.key, loss)
            except WorkerLostError as loss:
                self._drop(worker)
                _log.warning("job %s: %s; a new worker runs it again", job.key, loss)
            except BaseException:
                self._drop(getattr(self._local, "worker", None))
                raise
            else:
                if worker.retired:
                    self._drop(worker)
                return run
        raise SandboxError(
            f"job {job.key!r}: the sandbox worker was lost {_LOSSES} times in a row; "
            "check the machine's memory"
        )

    def _worker(self, tmp_bytes: int) -> Worker:
        if self._closing:
            raise SandboxError("the sandbox pool was closed while a job was running")
        worker: Worker | None = getattr(self._local, "worker", None)
        if worker is not None and worker.tmp_bytes != tmp_bytes:
            self._drop(worker)
            worker = None
        if worker is None:
            worker = Worker(self.backend, variant=self._variant, tmp_bytes=tmp_bytes)
            with self._lock:
                self._workers.add(worker)
            self._local.worker = worker
        return worker

    def _drop(self, worker: Worker | None) -> None:
        self._local.worker = None
        if worker is None:
            return
        with self._lock:
            self._workers.discard(worker)
        worker.close()


class _Turns:
    """Lets many jobs run together, or one alone."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._running = 0
        self._exclusive = 0

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: self._exclusive == 0)
            self._running += 1
        try:
            yield
        finally:
            with self._condition:
                self._running -= 1
                self._condition.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        with self._condition:
            self._exclusive += 1
            self._condition.wait_for(lambda: self._running == 0)
            self._running += 1
        try:
            yield
        finally:
            with self._condition:
                self._running -= 1
                self._exclusive -= 1
                self._condition.notify_all()
