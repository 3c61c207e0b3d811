"""The pool's contract: order, laziness, steps, limits, retries, ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from generators.errors import SandboxError
from generators.records import Outcome, OutcomeStatus
from generators.sandbox import crew
from generators.sandbox.jobs import WorkerRun
from generators.sandbox.policy import Backend, Limits
from generators.sandbox.pool import Job, JobResult, SandboxPool
from generators.sandbox.worker import Worker, WorkerLostError

ROOT = Path(__file__).resolve().parents[3]
QUICK = Limits(cpu_seconds=0.3, wall_seconds=3.0)
Runner = Callable[..., JobResult]


def make_job(i: int, code: str = "", *steps: str) -> Job:
    return Job(key=str(i), code=code, steps=steps, limits=QUICK)


def family() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if "bwrap" in process.name() or "zygote" in " ".join(process.cmdline())
    ]


def statuses(result: JobResult) -> list[str]:
    return [outcome.status.value for outcome in result.steps]


# What a job means


def test_values_come_back_as_literals_with_their_own_type(run: Runner) -> None:
    code = "from collections import Counter\ndef f(x):\n    return Counter(x)"
    result = run(code, "f('aab')", "{2, 1}", "None", "1e400", "f")
    assert [outcome.value for outcome in result.steps] == [
        "{'a': 2, 'b': 1}",
        "{1, 2}",
        "None",
        "float('inf')",
        None,
    ]
    kinds = [outcome.value_type for outcome in result.steps]
    assert kinds == ["Counter", "set", "NoneType", "float", "function"]
    assert result.steps[-1].status is OutcomeStatus.UNSERIALISABLE
    assert "function" in result.steps[-1].message
    assert result.key == "job"


def test_steps_share_one_load(run: Runner) -> None:
    result = run("calls = []", "calls.append(1)", "calls.append(2)", "calls", "x = 5", "x")
    assert [outcome.value for outcome in result.steps] == ["None", "None", "[1, 2]", None, "5"]


def test_statements_have_no_value(run: Runner) -> None:
    result = run("", "assert 1 == 1", "assert 1 == 2, 'no'", "import math; math.pi", "pass")
    assert statuses(result) == ["ok", "exception", "ok", "ok"]
    assert {outcome.value for outcome in result.steps} == {None}
    assert (result.steps[1].error, result.steps[1].message) == ("AssertionError", "no")


def test_setup_runs_after_the_code_in_its_namespace(run: Runner) -> None:
    result = run("def f():\n    return root", "f()", setup="root = 7")
    assert result.steps[0].value == "7"


@pytest.mark.parametrize(
    ("code", "setup", "error"),
    [
        ("def f(:", "", "SyntaxError"),
        ("x = 1 / 0", "", "ZeroDivisionError"),
        ("", "nothing", "NameError"),
        ("import sys; sys.exit(0)", "", "SystemExit"),
        ("import numpy", "", "ModuleNotFoundError"),
        ("a\0b", "", ""),
        ("x = '\ud800'", "", "UnicodeEncodeError"),
    ],
)
def test_a_program_that_does_not_load_has_no_steps(
    run: Runner, code: str, setup: str, error: str
) -> None:
    result = run(code, "1", "2", setup=setup)
    assert result.load.status is OutcomeStatus.EXCEPTION
    assert result.load.error == error or not error
    assert result.steps == ()


def test_an_exception_does_not_stop_the_next_step(run: Runner) -> None:
    result = run("def f(x):\n    return [1][x]", "f(5)", "f(0)", "f(", "f('a')")
    assert [outcome.error for outcome in result.steps] == [
        "IndexError",
        "",
        "SyntaxError",
        "TypeError",
    ]


def test_steps_after_a_death_run_in_a_new_process(run: Runner) -> None:
    result = run(
        "import os\nx = 0", "x + 1", "os._exit(0)", "x", "while True: pass", "x + 2", limits=QUICK
    )
    assert statuses(result) == ["ok", "crashed", "ok", "timeout", "ok"]
    assert [result.steps[i].value for i in (0, 2, 4)] == ["1", "0", "2"]
    assert result.steps[3].cpu_seconds >= 0.25


def test_a_job_may_end_at_the_first_death(pool: SandboxPool) -> None:
    code = "import os\nran = []\ndef die():\n    os._exit(3)"
    steps = ("len(ran)", "1 / 0", "die()", "1", "2")
    (result,) = pool.run([Job(key="0", code=code, steps=steps, limits=QUICK, stop_at_cut=True)])
    statuses = [outcome.status for outcome in result.steps]
    assert statuses[:2] == [OutcomeStatus.OK, OutcomeStatus.EXCEPTION]
    assert statuses[2:] == [OutcomeStatus.CRASHED] * 3


def test_a_load_that_hangs_is_a_timeout(run: Runner) -> None:
    result = run("while True:\n    pass", "1", limits=QUICK)
    assert result.load.status is OutcomeStatus.TIMEOUT
    assert result.steps == ()


def test_sleeping_is_bounded_by_the_wall_clock(run: Runner) -> None:
    limits = Limits(cpu_seconds=5, wall_seconds=0.3)
    result = run("import time", "time.sleep(30)", limits=limits)
    assert statuses(result) == ["timeout"]
    assert 0.3 <= result.steps[0].wall_seconds < 5


def test_each_step_has_the_whole_limit(run: Runner) -> None:
    code = "import time\ndef work():\n    end = time.process_time() + 0.2\n" + (
        "    while time.process_time() < end:\n        pass"
    )
    limits = Limits(cpu_seconds=1.0, wall_seconds=10.0)
    assert statuses(run(code, *["work()"] * 8, limits=limits)) == ["ok"] * 8


def test_the_same_variant_gives_the_same_values(isolation: None) -> None:
    code = "import random\nrandom.seed\ndef f():\n    return random.random(), hash('a'), {*'abc'}"
    jobs = [make_job(i, code, "f()", "list({*'abcdefgh'})") for i in range(4)]
    seen = []
    for variant in (0, 1, 0):
        with SandboxPool(workers=2, variant=variant) as pool:
            values = {tuple(step.value for step in result.steps) for result in pool.run(jobs)}
        assert len(values) == 1
        seen.append(values)
    assert seen[0] == seen[2] != seen[1]


def test_the_program_is_an_imported_module(run: Runner) -> None:
    code = (
        "import dataclasses, sys, pickle\n"
        "@dataclasses.dataclass\nclass A:\n    x: int\n"
        "if __name__ == '__main__':\n    raise SystemExit\n"
    )
    result = run(code, "__name__", "pickle.loads(pickle.dumps(A(3))).x", "sys.argv", "__file__")
    assert [step.value for step in result.steps[:3]] == ["'solution'", "3", "['solution']"]
    assert result.steps[3].error == "NameError"


# Order, laziness, bounds


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


# Timeouts are confirmed


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


# Losses


def test_a_program_killed_from_outside_runs_again(isolation: None) -> None:
    """As when the kernel's memory is short: nothing is known about the program."""
    with SandboxPool(workers=1) as pool:
        list(pool.run([make_job(0)]))
        results = pool.run([make_job(1, "import time", "time.sleep(1)", "1")])
        waiting: list[JobResult] = []
        thread = threading.Thread(target=lambda: waiting.extend(results))
        thread.start()
        started(pool).kill()
        thread.join()
        assert statuses(waiting[0]) == ["ok", "ok"]


def started(pool: SandboxPool) -> psutil.Process:
    """The program that runs in a pool of one worker, once there is one."""
    (zygote,) = zygotes(pool)
    deadline = time.monotonic() + 20
    while not (programs := zygote.children()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)  # past its first steps
    return programs[0]


def zygotes(pool: SandboxPool) -> list[psutil.Process]:
    workers = [psutil.Process(worker._process.pid) for worker in pool._crew.workers]
    return [child for worker in workers for child in worker.children()]


def test_a_lost_worker_is_replaced_and_its_job_retried(
    isolation: None, caplog: pytest.LogCaptureFixture
) -> None:
    with SandboxPool(workers=1) as pool:
        list(pool.run([make_job(0)]))
        results = pool.run([make_job(1, "import time", "time.sleep(1)", "1")])
        waiting: list[JobResult] = []
        thread = threading.Thread(target=lambda: waiting.extend(results))
        thread.start()
        started(pool)
        for process in zygotes(pool):
            process.kill()
        thread.join()
        assert statuses(waiting[0]) == ["ok", "ok"]
    assert "a new worker runs it again" in caplog.text


def test_a_killed_worker_loses_no_job_that_was_ready_behind_another(
    isolation: None, caplog: pytest.LogCaptureFixture
) -> None:
    with SandboxPool(workers=1) as pool:
        list(pool.run([make_job(0)]))
        (zygote,), (worker,) = zygotes(pool), pool._crew.workers
        zygote.suspend()
        found: list[JobResult] = []
        jobs = [make_job(i, "", f"{i} * 2") for i in range(1, 6)]
        thread = threading.Thread(target=lambda: found.extend(pool.run(jobs)))
        thread.start()
        wait_until(lambda: len(worker._sent) == 2)
        zygote.kill()
        thread.join()
    assert [result.steps[0].value for result in found] == ["2", "4", "6", "8", "10"]
    assert [record.args[0] for record in caplog.records if record.args] == ["1"]


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_frozen_worker_is_replaced(
    isolation: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("generators.sandbox.worker._SILENT_SECONDS", 2.0)
    with SandboxPool(workers=1) as pool:
        list(pool.run([make_job(0)]))
        for process in zygotes(pool):
            process.suspend()
        assert statuses(next(pool.run([make_job(1, "", "1 + 1")]))) == ["ok"]
    assert "no sign of life" in caplog.text


def test_a_long_job_shows_signs_of_life(
    isolation: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("generators.sandbox.worker._SILENT_SECONDS", 2.5)
    with SandboxPool(workers=1) as pool:
        job = Job(key="long", code="import time", steps=("time.sleep(4)",))
        assert statuses(next(pool.run([job]))) == ["ok"]
    assert not caplog.records


def test_three_losses_in_a_row_are_an_error_of_the_harness(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class LosingWorker(FakeWorker):
        def receive(self) -> tuple[int, WorkerRun | None]:
            raise WorkerLostError("the worker ended")

    monkeypatch.setattr(crew, "Worker", LosingWorker)
    with (
        SandboxPool(workers=1, backend=Backend.BUBBLEWRAP) as pool,
        pytest.raises(SandboxError, match=r"job '7'.* 3 times"),
    ):
        list(pool.run([make_job(7)]))
    assert len(caplog.records) == 3


def test_a_worker_that_does_not_start_is_an_error_with_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = "import sys; sys.exit('bwrap: no user namespaces')"
    monkeypatch.setattr(
        "generators.sandbox.launch.bubblewrap_argv", lambda *_, **__: [sys.executable, "-c", code]
    )
    with (
        SandboxPool(workers=1, backend=Backend.BUBBLEWRAP) as pool,
        pytest.raises(SandboxError, match="no user namespaces"),
    ):
        list(pool.run([make_job(0)]))


def test_a_worker_whose_folder_cannot_be_wiped_retires(
    isolation: None, caplog: pytest.LogCaptureFixture
) -> None:
    with SandboxPool(workers=1) as pool:
        list(pool.run([make_job(0, "open('plain', 'w').write('x')")]))
        (before,) = zygotes(pool)
        result = next(pool.run([make_job(1, "import os", "os.listdir()", "os.makedirs('a/b')")]))
        assert result.steps[0].value == "[]"
        result = next(pool.run([make_job(2, "import os", "os.listdir()")]))
        assert result.steps[0].value == "[]"
        assert not before.is_running()
    assert not caplog.records


def test_another_size_of_tmp_gets_another_worker(isolation: None) -> None:
    code = "import os\ndef size():\n    s = os.statvfs('.')\n    return s.f_blocks * s.f_frsize"
    jobs = [
        Job(key="a", code=code, steps=("size()",), limits=Limits(tmp_bytes=size << 20))
        for size in (1, 2, 2, 1)
    ]
    with SandboxPool(workers=1) as pool:
        sizes = [result.steps[0].value for result in pool.run(jobs)]
    assert sizes == [str(size << 20) for size in (1, 2, 2, 1)]


# A job behind another


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


# Ends


def test_close_leaves_no_process(isolation: None) -> None:
    before = len(family())
    with SandboxPool(workers=2) as pool:
        list(pool.run([make_job(i) for i in range(8)]))
        assert len(family()) == before + 4  # bwrap and zygote, twice
    assert len(family()) == before


def test_close_in_the_middle_of_jobs_is_quick(isolation: None) -> None:
    before = len(family())
    started = time.monotonic()
    slow = Limits(cpu_seconds=50, wall_seconds=50)
    with SandboxPool(workers=2) as pool:
        results = pool.run(Job(key="", code="while True: pass", limits=slow) for _ in range(4))

        def wait() -> None:
            with pytest.raises(SandboxError, match="closed"):
                next(results)

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.5)
    thread.join()
    assert time.monotonic() - started < 20
    assert len(family()) == before


def busy(process: psutil.Process) -> bool:
    try:
        return process.cpu_times().user > 0.3
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_an_interrupted_program(isolation: None, ending: signal.Signals) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from generators.sandbox.policy import Limits\n"
        "from generators.sandbox.pool import *\n"
        "slow = Limits(cpu_seconds=60, wall_seconds=60)\n"
        "with SandboxPool(workers=2) as pool:\n"
        "    jobs = [Job(key='', code='while True: pass', limits=slow) for _ in range(5)]\n"
        "    print('ready', flush=True)\n"
        "    next(pool.run(jobs))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert parent.stdout
    parent.stdout.readline()
    process = psutil.Process(parent.pid)
    deadline = time.monotonic() + 20
    while sum(busy(child) for child in process.children(recursive=True)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = [*process.children(recursive=True)]
    os.kill(parent.pid, ending)
    _, words = parent.communicate(timeout=20)
    _, alive = psutil.wait_procs(started, timeout=10)
    assert len(started) >= 6  # two workers: bwrap, zygote, program
    assert not alive
    if ending is signal.SIGINT:
        assert "KeyboardInterrupt" in words


# The process backend


@pytest.fixture(scope="module")
def trusted_pool() -> Iterator[SandboxPool]:
    with SandboxPool(workers=1, backend=Backend.PROCESS, trust_programs=True) as made:
        yield made


def test_the_process_backend_runs_and_limits(trusted_pool: SandboxPool) -> None:
    steps = ("f(2)", "while True: pass", "bytearray(1 << 40)", "print('x' * 9**7)", "f(3)")
    result = next(trusted_pool.run([make_job(0, "def f(x):\n    return x * x", *steps)]))
    assert statuses(result) == ["ok", "timeout", "memory", "output_limit", "ok"]


def test_the_process_backend_passes_no_environment_or_descriptor(
    trusted_pool: SandboxPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = (
        "import os\ndef descriptors():\n    found = []\n    for fd in range(256):\n"
        "        try:\n            os.fstat(fd)\n            found.append(fd)\n"
        "        except OSError:\n            pass\n    return found\n"
    )
    result = next(trusted_pool.run([make_job(0, code, "dict(os.environ)", "len(descriptors())")]))
    assert [step.value for step in result.steps] == ["{}", "5"]


def test_the_process_backend_removes_its_folder() -> None:
    with SandboxPool(workers=1, backend=Backend.PROCESS, trust_programs=True) as pool:
        result = next(pool.run([make_job(0, "import os", "os.getcwd()")]))
        folder = Path(str(result.steps[0].value).strip("'"))
        assert folder.is_dir()
    assert not folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="a death signal of Linux")
def test_a_program_of_the_process_backend_dies_with_its_zygote(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = Limits(cpu_seconds=3, wall_seconds=50)
    with SandboxPool(workers=1, backend=Backend.PROCESS, trust_programs=True) as pool:
        results = pool.run([Job(key="", code="while True: pass", limits=slow)])
        thread = threading.Thread(target=lambda: next(results))
        thread.start()
        programs: list[psutil.Process] = []
        while not any(map(busy, programs)):
            programs = zygotes(pool)  # here the worker is the zygote
            time.sleep(0.05)
        psutil.Process(next(iter(pool._crew.workers))._process.pid).kill()
        gone, alive = psutil.wait_procs(programs, timeout=5)
        thread.join()
    assert gone
    assert not alive
    assert "runs it again" in caplog.text
