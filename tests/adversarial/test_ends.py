"""Everything ends in time, leaves nothing, and survives the death of its workers."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from generators.problems.sources import load_source
from generators.records import OutcomeStatus, Problem, Verdict
from generators.sandbox.policy import Limits
from generators.sandbox.pool import Job, JobResult, SandboxPool
from probe.tasks.grading import Submission, grade

LIMITS = Limits(cpu_seconds=0.5, wall_seconds=1.0)
PATIENT = Limits(wall_seconds=60.0)
GRACE = 1.0
VERDICTS_BETWEEN = 200
HANGING = {
    "loop": "while True: pass",
    "loop in C": "sum(iter(int, 1))",
    "sleep": "__import__('time').sleep(99)",
    "pause": "__import__('signal').pause()",
    "stop": "__import__('os').kill(__import__('os').getpid(), 19)",
    "regular expression": "__import__('re').match('(a*)*b', 'a' * 40)",
    "power": "3 ** 10 ** 9",
    "sort": "sorted([1, 2], key=lambda _: sum(iter(int, 1)))",
    "swallow": "exec('while 1:\\n try:\\n  while 1: pass\\n except BaseException: pass')",
    "read": "__import__('os').read(__import__('os').pipe()[0], 1)",
    "little by little": "[__import__('time').sleep(0.01) for _ in iter(int, 1)]",
}


def wall_limit(cpu_seconds: float) -> float:
    """The limit of a step that used so much CPU time, see ``Limits.wall_seconds``."""
    return LIMITS.wall_seconds + 5 * cpu_seconds


def descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def others(before: set[int]) -> list[psutil.Process]:
    """Processes below this one that were not there before, zombies too."""
    return [process for process in descendants() if process.pid not in before]


@pytest.mark.parametrize("name", HANGING)
def test_no_step_outlives_its_limit_by_more_than_a_second(pool: SandboxPool, name: str) -> None:
    list(pool.run([Job(key="warm", code="", steps=("1",), limits=LIMITS)]))
    start = time.monotonic()
    (result,) = pool.run([Job(key=name, code="", steps=(HANGING[name],), limits=LIMITS)])
    spent = time.monotonic() - start
    assert result.steps[0].status is OutcomeStatus.TIMEOUT, result.steps[0]
    used = result.steps[0].cpu_seconds
    assert used <= LIMITS.cpu_seconds + GRACE
    assert result.steps[0].wall_seconds <= wall_limit(used) + GRACE
    assert spent <= 2 * (wall_limit(used) + GRACE)  # it ran once more, alone


def test_a_pool_leaves_no_process_whatever_ran_in_it(caplog: pytest.LogCaptureFixture) -> None:
    before = {process.pid for process in descendants()}
    fork = "import os\ntry:\n    os.fork()\nexcept OSError:\n    pass\n"
    jobs = [
        Job(key=str(i), code=fork, steps=(step, "1"), limits=LIMITS)
        for i, step in enumerate(["__import__('os')._exit(3)", *list(HANGING.values())[:4]])
    ]
    with SandboxPool(workers=2) as made:
        assert len(list(made.run(jobs))) == len(jobs)
        assert others(before)
    assert others(before) == []
    assert not caplog.records


@pytest.mark.parametrize("victim", ["outer", "inner"])
def test_a_worker_killed_at_any_moment_costs_a_retry(
    victim: str, caplog: pytest.LogCaptureFixture
) -> None:
    """From the start of the worker to the end of its job, every 25 ms."""
    job = Job(key="job", code="import time", steps=("time.sleep(0.1)", "6 * 7"), limits=PATIENT)
    before = {process.pid for process in descendants()}
    killed = 0
    for moment in range(16):
        with SandboxPool(workers=1) as made:
            results: list[JobResult] = []
            thread = threading.Thread(target=run_into, args=(results, made, job))
            thread.start()
            time.sleep(0.025 * moment)
            for process in others(before)[:1] if victim == "outer" else others(before)[-1:]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
                    killed += 1
            thread.join(timeout=60)
            assert [outcome.value for outcome in results[0].steps] == ["None", "42"], moment
        assert others(before) == []
    assert killed >= 8
    caplog.clear()  # the losses were wanted


def run_into(results: list[JobResult], pool: SandboxPool, job: Job) -> None:
    results.append(pool.run_one(job))


@contextmanager
def assassin(
    before: set[int], killed: list[str], found: dict[str, Verdict], *, seed: int
) -> Iterator[None]:
    """Kills a random process of the sandbox now and then, with verdicts between two deaths.

    On a busy machine a worker may take longer to start than any fixed time between two deaths.
    """
    rng, done = random.Random(seed), threading.Event()

    def work() -> None:
        spared = 0
        while not done.wait(rng.uniform(0.1, 0.2)):
            victims = others(before)
            if victims and len(found) >= spared:
                spared = len(found) + VERDICTS_BETWEEN
                victim = rng.choice(victims)
                try:
                    killed.append(victim.name())
                    victim.kill()
                except psutil.Error:
                    continue

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_killed_workers_cost_retries_and_never_a_verdict(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    problems = [p for p in load_source("mbpp", data_dir=data_dir).problems if p.task_id != 123]
    submissions = [
        Submission(key=f"{kind}/{problem.task_id}", problem=problem, code=code)
        for problem in problems
        for kind, code in (("right", problem.code), ("wrong", wrong(problem)))
    ]
    before, killed = {process.pid for process in descendants()}, list[str]()
    found: dict[str, Verdict] = {}
    with assassin(before, killed, found, seed=7):
        for result in grade(submissions, workers=2):
            found[result.key] = result.verdict
    assert len(killed) >= 3, "too quick for the assassin"
    assert len(found) == len(submissions)
    for key, verdict in found.items():
        assert (verdict is Verdict.PASS) == key.startswith("right"), (key, verdict)
    assert others(before) == []
    caplog.clear()  # the losses were wanted


def wrong(problem: Problem) -> str:
    return "def nothing():\n    pass\n"
