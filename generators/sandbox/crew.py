"""The threads of a pool: one per worker, each with a job in its worker and one ready behind it.

Called by :mod:`generators.sandbox.pool`. A worker gets its next job before it has answered the
last, so that it does not wait for this process. A job behind a slow one comes back as it is and
goes to whoever is free. A job that has to run alone waits until no other is in any worker.

One thread per worker, because the kernel ends a worker when the thread that started it ends.
"""

from __future__ import annotations

import logging
import threading
from collections import deque

from generators.errors import SandboxError
from generators.sandbox.jobs import Progress
from generators.sandbox.policy import Backend
from generators.sandbox.worker import Worker, WorkerLostError, WorkerStartError

__all__ = ["Crew"]

_log = logging.getLogger(__name__)
_DEPTH = 2  # jobs in a worker: one that runs and one that is ready
_AHEAD_CHARS = 1 << 13  # so that sending a job behind another never blocks
_LOSSES = 3
_CLOSED = "the sandbox pool was closed while a job was running"


class Crew:
    """Threads that take jobs from one line.

    Args:
        size: How many threads, and so workers.
        backend: How programs are kept apart.
        variant: Fixes the hash seed and the seed of ``random``.

    Attributes:
        workers: Those that are alive.
    """

    def __init__(self, size: int, backend: Backend, variant: int) -> None:
        self.workers: set[Worker] = set()
        self._size = size
        self._backend = backend
        self._variant = variant
        self._changed = threading.Condition()  # guards all of the following
        self._threads: list[threading.Thread] = []
        self._busy: set[int] = set()  # threads with a job
        self._line: deque[Progress] = deque()
        self._inside = 0  # jobs that are in workers
        self._shared = True  # no job runs alone, or waits until it may
        self._closing = False

    def submit(self, progress: Progress) -> None:
        """Put a job at the end of the line.

        Raises:
            SandboxError: The crew is closed.
        """
        with self._changed:
            if self._closing:
                raise SandboxError("the sandbox pool is closed")
            self._line.append(progress)
            free = len(self._threads) - len(self._busy)
            if free < len(self._line) and len(self._threads) < self._size:
                thread = threading.Thread(target=_Hand(self).work, name="sandbox", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Stop all work and leave no process behind."""
        with self._changed:
            self._closing = True
            for each in self.workers:
                each.stop()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        for each in self.workers:
            each.close()
        self.workers.clear()
        for progress in self._line:
            progress.fail(SandboxError(_CLOSED))
        self._line.clear()

    def take(self, behind: Worker | None) -> Progress | None:
        """Take the first job of the line into a worker.

        Args:
            behind: The worker, if there are jobs in it already. Then ``None`` says that no job
                is to be had, or better left to others; else, that the crew is closing.
        """
        with self._changed:
            if behind is None:
                self._busy.discard(threading.get_ident())
                self._changed.wait_for(lambda: self._closing or (self._first() and self._shared))
                self._busy.add(threading.get_ident())
            elif not self._fits_behind(behind):
                return None
            if self._closing or not self._line:
                return None
            progress = self._line.popleft()
            if progress.alone:
                self._shared = False
                self._changed.wait_for(lambda: self._inside == 0)
            self._inside += 1
            return progress

    def _first(self) -> Progress | None:
        """Return the first job that somebody still wants."""
        while self._line and not self._line[0].wanted():
            self._line.popleft()
        return self._line[0] if self._line else None

    def _fits_behind(self, worker: Worker) -> bool:
        """Tell whether the first job of the line may be sent to a worker that is not done."""
        first, free = self._first(), self._size - len(self._busy)
        return (
            first is not None
            and self._shared
            and not first.alone
            and free < len(self._line)
            and first.job.limits.tmp_bytes == worker.tmp_bytes
            and first.chars() <= _AHEAD_CHARS
        )

    def leave(self, progress: Progress, *, alone: bool) -> None:
        """Take a job out of a worker; one that is not done comes first in the line.

        Args:
            progress: The job.
            alone: It had to run alone.
        """
        with self._changed:
            if not progress.future.done():
                self._line.appendleft(progress)
            self._inside -= 1
            self._shared = self._shared or alone
            if self._line or not self._shared:
                self._changed.notify_all()

    def start(self, tmp_bytes: int) -> Worker:
        """Start a worker.

        Raises:
            WorkerStartError: It does not start.
            SandboxError: It starts without the system-call filter.
        """
        started = Worker(self._backend, variant=self._variant, tmp_bytes=tmp_bytes)
        with self._changed:
            self.workers.add(started)
            if self._closing:
                started.stop()
        return started

    def end(self, ended: Worker) -> None:
        """End a worker."""
        with self._changed:
            self.workers.discard(ended)
        ended.close()


class _Hand:
    """What one thread does: it has a worker, and knows the jobs that are in there."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._worker: Worker | None = None
        self._inside: dict[int, Progress] = {}  # by the numbers they were sent with, oldest first
        self._sent = 0
        self._shut = False  # the worker takes no other job now

    def work(self) -> None:
        """Run jobs until the crew closes."""
        while self._go_on():
            pass

    def _go_on(self) -> bool:
        """Send a job, or else receive what became of one; tell whether there is more to do."""
        inside = self._inside
        try:
            if not inside or (len(inside) < _DEPTH and not self._shut):
                progress = self._crew.take(self._worker if inside else None)
                if progress is not None:
                    self._send(progress)
                    return True
                if not inside:
                    return False
            self._receive()
        except WorkerLostError as loss:
            self._lost(loss)
        except BaseException as error:
            for progress in inside.values():
                progress.fail(error)
            self._give_back()
        return True

    def _send(self, progress: Progress) -> None:
        self._sent += 1
        self._inside[self._sent] = progress
        tmp_bytes = progress.job.limits.tmp_bytes
        if self._worker and self._worker.tmp_bytes != tmp_bytes:
            self._end_worker()
        if self._worker is None:
            self._worker = self._crew.start(tmp_bytes)
        self._worker.send(self._sent, progress.job, progress.left())

    def _receive(self) -> None:
        assert self._worker
        number, run = self._worker.receive()
        progress = self._inside.pop(number)
        alone = progress.alone
        if run is not None:
            progress.add(run)
        self._crew.leave(progress, alone=alone)
        self._shut = run is None or self._worker.retired
        if self._worker.retired and not self._inside:
            self._end_worker()

    def _lost(self, loss: WorkerLostError) -> None:
        """Let all jobs that were in the worker run again, unless it is the third time."""
        first = next(iter(self._inside.values()))  # which was running
        first.losses += 1
        started = not isinstance(loss, WorkerStartError)
        again = "a new worker runs it again" if started else "tried again"
        _log.warning("job %s: %s; %s", first.job.key, loss, again)
        if first.losses == _LOSSES:
            lost = f"job {first.job.key!r}: the sandbox worker was lost {_LOSSES} times in a row"
            message = f"{lost}; check the machine's memory" if started else str(loss)
            first.fail(SandboxError(message))
        self._give_back()

    def _give_back(self) -> None:
        """End the worker and put back what is not done."""
        self._end_worker()
        while self._inside:
            progress = self._inside.popitem()[1]
            self._crew.leave(progress, alone=progress.alone)

    def _end_worker(self) -> None:
        self._shut = False
        if self._worker is not None:
            self._crew.end(self._worker)
            self._worker = None
