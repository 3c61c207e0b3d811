"""The end of a pool, and the pool without isolation: no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from generators.errors import SandboxError
from generators.sandbox.policy import Backend, Limits
from generators.sandbox.pool import Job, JobResult, SandboxPool

ROOT = Path(__file__).resolve().parents[3]


QUICK = Limits(cpu_seconds=0.3, wall_seconds=3.0)


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


def zygotes(pool: SandboxPool) -> list[psutil.Process]:
    workers = [psutil.Process(worker._process.pid) for worker in pool._crew.workers]
    return [child for worker in workers for child in worker.children()]


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
