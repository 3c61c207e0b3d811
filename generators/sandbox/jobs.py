"""Jobs, their results, and a job on its way from the one to the other.

Users take :class:`Job` and :class:`JobResult` from :mod:`generators.sandbox.pool`; a
:class:`Progress` is for the threads of :mod:`generators.sandbox.crew`.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from generators.records import Outcome, OutcomeStatus
from generators.sandbox.policy import Limits, Record

__all__ = ["Job", "JobResult", "Progress", "WorkerRun"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRun:
    """What one process made of a job.

    Attributes:
        outcomes: Load and steps, in order, as far as they were completed.
        cut: What ended the process before it was done, ``None`` if nothing did.
        doubtful: The cut may come from outside: a busy machine, a ``SIGKILL`` of the kernel's.
    """

    outcomes: list[Outcome]
    cut: Outcome | None
    doubtful: bool = False


class Progress:
    """A job and what its processes have shown so far.

    Attributes:
        job: The job.
        future: Gets the result.
        alone: What is to be run next is to run while nothing else does.
        losses: How many workers were lost in a row while they ran it.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.future: Future[JobResult] = Future()
        self.alone = False
        self.losses = 0
        self._load: Outcome | None = None
        self._steps: list[Outcome] = []

    def wanted(self) -> bool:
        """Tell whether the result is still waited for; from then on it is."""
        return self.future.running() or self.future.set_running_or_notify_cancel()

    def chars(self) -> int:
        """Return the length of all program texts."""
        return len(self.job.code) + len(self.job.setup) + sum(map(len, self.job.steps))

    def left(self) -> tuple[str, ...]:
        """Return the steps that have no outcome yet."""
        return self.job.steps[len(self._steps) :]

    def fail(self, error: BaseException) -> None:
        """Let the one who waits know that there will be no result."""
        if not self.future.cancelled():
            self.future.set_exception(error)

    def add(self, run: WorkerRun) -> None:
        """Take over what a process made of the steps left; set the result if it is whole."""
        job, steps = self.job, self._steps
        self.losses = 0
        self.alone = run.doubtful and not self.alone  # once more, while nothing else is running
        cut = None if self.alone else run.cut
        outcomes = run.outcomes + ([cut] if cut else [])
        if self._load is None or self._load.status is not OutcomeStatus.OK:
            self._load = outcomes[0] if outcomes else None
        if self._load and self._load.status is not OutcomeStatus.OK:
            self._finish(self._load, ())
            return
        if outcomes and outcomes[0].status is not OutcomeStatus.OK:
            # Loaded before, but not again: nothing more can be learned.
            steps += [outcomes[0]] * (len(job.steps) - len(steps))
        steps += outcomes[1:]
        if job.stop_at_cut and cut and steps:
            steps += [cut] * (len(job.steps) - len(steps))
        if self._load and len(steps) == len(job.steps) and not self.alone:
            self._finish(self._load, tuple(steps))

    def _finish(self, load: Outcome, steps: tuple[Outcome, ...]) -> None:
        self.future.set_result(JobResult(key=self.job.key, load=load, steps=steps))
