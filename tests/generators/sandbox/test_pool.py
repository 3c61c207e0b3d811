"""The pool's contract: order, laziness, retries of timeouts, jobs behind each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from generators.errors import SandboxError
from generators.records import Outcome, OutcomeStatus
from generators.sandbox import crew
from generators.sandbox.jobs import WorkerRun
from generators.sandbox.policy import Backend, Limits
from generators.sandbox.pool import Job, JobResult, SandboxPool
from generators.sandbox.worker import Worker, WorkerLostError

QUICK = Limits(cpu_seconds=0.3, wall_seconds=3.0)


def make_job(i: int, code: str = "", *steps: str) -> Job:
    return Job(key=str(i), code=code, steps=steps, limits=QUICK)


def statuses(result: JobResult) -> list[str]:
    return [outcome.status.value for outcome in result.steps]


def test_results_come_in_the_order_of_the_jobs(isolation: None) -> None:
    jobs = [make_job(i, "import time", f"time.sleep({0.05 * (i % 3 == 0)})") for i in range(30)]
    with SandboxPool(workers=2) as pool:
        assert [result.key for result in pool.run(jobs)] == [str(i) for i in range(30)]


def test_jobs_are_taken_lazily_and_few_are_in_flight(pool: SandboxPool) -> None:
    taken = 0

    def endless() -> Iterator[Job]:
        nonlocal taken
        while True:
            taken += 1
            yield make_job(taken)

    results = pool.run(endless())
    assert taken == 0
    for _ in range(5):
        next(results)
    assert 5 <= taken <= 20
    results.close()  # type: ignore[attr-defined]
    assert [result.key for result in pool.run([make_job(0)])] == ["0"]


def test_two_runs_can_be_interleaved(pool: SandboxPool) -> None:
    first = pool.run(make_job(i) for i in range(12))
    second = pool.run(make_job(i) for i in range(12))
    pairs = list(zip(first, second, strict=True))
    assert all(left.key == right.key for left, right in pairs)


def test_an_error_in_the_jobs_passes_through(pool: SandboxPool) -> None:
    def broken() -> Iterator[Job]:
        yield make_job(0)
        raise LookupError("no more jobs")

    with pytest.raises(LookupError, match="no more jobs"):
        list(pool.run(broken()))


class FakeWorker:
    """Times out whenever another worker is busy, and notes it."""

    running = 0
    lock = threading.Lock()
    crowded = alone = 0
    always = False

    def __init__(self, backend: Backend, *, variant: int, tmp_bytes: int) -> None:
        self.tmp_bytes = tmp_bytes
        self.retired = False
        self.sent: list[tuple[int, int]] = []

    def send(self, number: int, job: Job, steps: tuple[str, ...]) -> None:
        with FakeWorker.lock:
            FakeWorker.running += 1
        self.sent.append((number, len(steps)))

    def receive(self) -> tuple[int, WorkerRun | None]:
        cls = FakeWorker
        time.sleep(0.02)
        number, steps = self.sent.pop(0)
        with cls.lock:
            busy = cls.running > 1
            cls.running -= 1
            cls.crowded += busy
            cls.alone += not busy
        fine = Outcome(status=OutcomeStatus.OK)
        if busy or cls.always:
            cut = Outcome(status=OutcomeStatus.TIMEOUT)
            return number, WorkerRun(outcomes=[fine], cut=cut, doubtful=True)
        return number, WorkerRun(outcomes=[fine] * (steps + 1), cut=None)

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def fake_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxPool]:
    monkeypatch.setattr(crew, "Worker", FakeWorker)
    monkeypatch.setattr(FakeWorker, "always", False)
    FakeWorker.running = 0
    FakeWorker.crowded = FakeWorker.alone = 0
    with SandboxPool(workers=4, backend=Backend.BUBBLEWRAP) as made:
        yield made


def test_a_timeout_beside_others_is_run_once_more_alone(fake_pool: SandboxPool) -> None:
    results = list(fake_pool.run(make_job(i, "", "f()") for i in range(20)))
    assert {status for result in results for status in statuses(result)} == {"ok"}
    assert FakeWorker.crowded > 0


def test_a_timeout_alone_counts(fake_pool: SandboxPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeWorker, "always", True)
    result = next(fake_pool.run([make_job(0, "", "f()", "g()")]))
    assert statuses(result) == ["timeout", "timeout"]
    assert FakeWorker.alone == 4  # each step: once, and once more to confirm


def test_three_losses_in_a_row_are_an_error_of_the_harness(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class FakeLosingWorker(FakeWorker):
        def receive(self) -> tuple[int, WorkerRun | None]:
            raise WorkerLostError("the worker ended")

    monkeypatch.setattr(crew, "Worker", FakeLosingWorker)
    with (
        SandboxPool(workers=1, backend=Backend.BUBBLEWRAP) as pool,
        pytest.raises(SandboxError, match=r"job '7'.* 3 times"),
    ):
        list(pool.run([make_job(7)]))
    assert len(caplog.records) == 3


@pytest.fixture
def worker(isolation: None) -> Iterator[Worker]:
    """A worker without a pool."""
    made = Worker(Backend.BUBBLEWRAP, variant=0, tmp_bytes=1 << 20)
    yield made
    made.close()


def test_jobs_behind_each_other_are_all_answered(worker: Worker) -> None:
    for i in range(20):
        worker.send(i, make_job(i), (f"{i} + 1",))
    found: dict[int, str | None] = {}
    while len(found) < 20:
        number, run = worker.receive()
        if run:
            found[number] = run.outcomes[1].value
        else:  # the machine is busy
            worker.send(number, make_job(number), (f"{number} + 1",))
    assert found == {i: str(i + 1) for i in range(20)}


def test_a_job_behind_a_slow_one_comes_back(worker: Worker) -> None:
    worker.send(1, make_job(1, "import time"), ("time.sleep(0.5)", "1"))
    worker.send(2, make_job(2), ("2",))
    assert worker.receive() == (2, None)
    worker.send(3, make_job(3), ("3",))
    assert worker.receive() == (3, None)
    number, run = worker.receive()
    assert run
    assert (number, run.outcomes[-1].value, run.cut) == (1, "1", None)


def test_a_job_behind_one_that_leaves_a_mess_comes_back(worker: Worker) -> None:
    worker.send(1, make_job(1), ("__import__('os').makedirs('a/b')",))
    worker.send(2, make_job(2), ("2",))
    answers = dict([worker.receive(), worker.receive()])
    assert answers[1]
    assert answers[2] is None
    assert worker.retired


def test_no_job_waits_for_a_slow_one_while_others_are_free(isolation: None) -> None:
    slow = Job(key="slow", code="import time", steps=("time.sleep(3)",))
    ended: list[str] = []

    def run_one(pool: SandboxPool, job: Job) -> None:
        pool.run_one(job)
        ended.append(job.key)

    with SandboxPool(workers=2) as pool:
        list(pool.run([make_job(i) for i in range(8)]))
        jobs = [slow, *(make_job(i, "", "1") for i in range(12))]
        threads = [threading.Thread(target=run_one, args=(pool, job)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert ended[-1] == "slow"


def test_a_large_job_waits_until_the_worker_is_empty(pool: SandboxPool) -> None:
    """It could fill the channel, and so block this process and the zygote for good."""
    text = "x" * (1 << 20)
    limits = Limits(value_chars=1 << 21)
    jobs = [
        Job(key=str(i), code=f"a = '{text}'", steps=("a", "len(a)"), limits=limits)
        for i in range(6)
    ]
    for result in pool.run(jobs):
        assert result.steps[0].value == repr(text)
        assert result.steps[1].value == str(len(text))
