"""Programs and workers that are lost: replaced, retried, and at last an error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import psutil
import pytest

from generators.errors import SandboxError
from generators.sandbox.policy import Backend, Limits
from generators.sandbox.pool import Job, JobResult, SandboxPool

QUICK = Limits(cpu_seconds=0.3, wall_seconds=3.0)


def make_job(i: int, code: str = "", *steps: str) -> Job:
    return Job(key=str(i), code=code, steps=steps, limits=QUICK)


def statuses(result: JobResult) -> list[str]:
    return [outcome.status.value for outcome in result.steps]


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
