"""A real pool and a way to run one program in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from generators.sandbox.policy import Limits, detect
from generators.sandbox.pool import Job, JobResult, SandboxPool

Runner = Callable[..., JobResult]
QUICK = Limits(cpu_seconds=0.4, wall_seconds=3.0)


@pytest.fixture(scope="session")
def isolation() -> None:
    """Skips the test where nothing isolates."""
    found = detect()
    if found.backend is None:
        pytest.skip(f"{found.reason}; {found.advice}")


@pytest.fixture(scope="module")
def pool(isolation: None) -> Iterator[SandboxPool]:
    """A pool with one worker."""
    with SandboxPool(workers=1) as made:
        yield made


@pytest.fixture
def run(pool: SandboxPool) -> Runner:
    """Runs one program and returns its result."""

    def run_one(code: str, *steps: str, setup: str = "", limits: Limits = QUICK) -> JobResult:
        job = Job(key="job", code=code, setup=setup, steps=steps, limits=limits)
        return next(iter(pool.run([job])))

    return run_one
