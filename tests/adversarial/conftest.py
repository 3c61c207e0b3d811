"""A real sandbox with one worker, so that each attack is followed by the next one's program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from generators.records import Outcome
from generators.sandbox.policy import Limits, detect
from generators.sandbox.pool import Job, JobResult, SandboxPool

LIMITS = Limits(
    cpu_seconds=0.4,
    wall_seconds=2.0,
    memory_bytes=256 << 20,
    output_bytes=100_000,
    value_chars=2_000,
    file_bytes=1 << 20,
    tmp_bytes=4 << 20,
)
# What an innocent program finds: nothing that the one before it left.
INNOCENT = """
import builtins, gc, json, os, random, signal, sys, threading
def clean():
    return [
        os.listdir('/tmp'), os.getcwd(), dict(os.environ), sys.getrecursionlimit(),
        signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.getitimer(signal.ITIMER_REAL),
        random.random(), len(sorted([3, 1])), json.dumps([1]), hasattr(builtins, 'left'),
        sys.gettrace() is None, gc.callbacks, threading.active_count(), sys.argv,
        open('/tmp/mine', 'w').write('ok'), os.getpriority(0, 0),
    ]
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[SandboxPool]:
    """An isolating pool with one worker; skips where nothing isolates."""
    found = detect()
    if found.backend is None:
        pytest.skip(f"{found.reason}; {found.advice}")
    with SandboxPool(workers=1) as made:
        yield made


@pytest.fixture
def run(pool: SandboxPool) -> Callable[..., JobResult]:
    """Runs one program and returns its result."""

    def run_one(code: str, *steps: str, limits: Limits = LIMITS) -> JobResult:
        job = Job(key="attack", code=code, steps=steps, limits=limits)
        return next(iter(pool.run([job])))

    return run_one


@pytest.fixture
def busy_cores() -> Iterator[None]:
    """Two processes for every core, that want all of it."""
    count = 2 * (os.cpu_count() or 1)
    argv = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(argv) for _ in range(count)]
    yield
    for process in busy:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def innocence(pool: SandboxPool) -> Outcome:
    """What the innocent program says before any attack."""
    job = Job(key="first", code=INNOCENT, steps=("clean()",), limits=LIMITS)
    return next(iter(pool.run([job]))).steps[0]


@pytest.fixture(autouse=True)
def unshaken_worker(
    pool: SandboxPool,
    run: Callable[..., JobResult],
    innocence: Outcome,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[None]:
    """After each attack no worker was lost, and an innocent program runs as before.

    Nor is any process left: no child, no orphan, no zombie.
    """
    assert innocence.value, innocence
    yield
    after = run(INNOCENT, "clean()").steps[0]
    assert (after.status, after.value) == (innocence.status, innocence.value)
    assert not caplog.get_records("call")
    assert not caplog.records
    assert family(pool) == ["bwrap", "python3"]
    zombies = [p for p in psutil.Process().children(recursive=True) if is_zombie(p)]
    assert zombies == []


def family(pool: SandboxPool) -> list[str]:
    """Names of all processes of the pool, without versions."""
    workers = [psutil.Process(worker._process.pid) for worker in pool._crew.workers]
    found = [*workers, *(child for w in workers for child in w.children(recursive=True))]
    return sorted(process.name().partition(".")[0] for process in found)


def is_zombie(process: psutil.Process) -> bool:
    """Whether a process has ended and nobody has asked how."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
