"""Verdicts do not depend on what else the machine does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from generators.problems.sources import load_source
from generators.records import Problem, Split, Verdict
from generators.sandbox.policy import Limits
from probe.tasks.grading import Submission, grade

LIMITS = Limits()
SPIN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end:\n    pass\n"
# What a function does before it answers, and what becomes of that.
SLOW = {
    "nothing": ("", Verdict.PASS),
    "a little work": (SPIN.format(0.2), Verdict.PASS),
    "half the limit of work": (SPIN.format(0.5 * LIMITS.cpu_seconds), Verdict.PASS),
    "twice the limit of work": (SPIN.format(2 * LIMITS.cpu_seconds), Verdict.TIMEOUT),
    "endless work": ("while True:\n    pass\n", Verdict.TIMEOUT),
    "endless work in C": ("sum(iter(int, 1))\n", Verdict.TIMEOUT),
    "a nap": ("import time\ntime.sleep(1)\n", Verdict.PASS),
    "sleep below the limit": ("import time\ntime.sleep(4)\n", Verdict.PASS),
    "sleep for ever": ("import time\ntime.sleep(1000)\n", Verdict.TIMEOUT),
    "work, then sleep for ever": (SPIN.format(0.3) + "time.sleep(1000)\n", Verdict.TIMEOUT),
    "much memory": ("x = bytearray(300 << 20)\n", Verdict.PASS),
    "too much memory": ("x = bytearray(2 << 30)\n", Verdict.MEMORY),
    "memory, slowly": (
        "x = []\nwhile True:\n    x.append(bytearray(1 << 20))\n",
        Verdict.MEMORY,
    ),
    "much output": ("print('x' * 900_000)\n", Verdict.PASS),
    "too much output": ("print('x' * 1_100_000)\n", Verdict.OUTPUT_LIMIT),
    "endless output": ("while True:\n    print('x' * 1000)\n", Verdict.OUTPUT_LIMIT),
    "an error": ("raise KeyError('no')\n", Verdict.EXCEPTION),
    "deep recursion": ("f = lambda: f()\nf()\n", Verdict.EXCEPTION),
    "an exit": ("import os\nos._exit(0)\n", Verdict.CRASHED),
    "a crash": ("import ctypes\nctypes.string_at(0)\n", Verdict.CRASHED),
    "a wrong answer": ("return 3\n", Verdict.FAIL),
    "a long sort": ("x = sorted(range(10 ** 6, 0, -1))\n", Verdict.PASS),
    "a big number": ("x = 7 ** 10 ** 5\n", Verdict.PASS),
    "too big a number": ("x = 3 ** 10 ** 9\n", Verdict.TIMEOUT),
    "a bad pattern": ("import re\nre.match('(a*)*b', 'a' * 40)\n", Verdict.TIMEOUT),
    "files": ("open('/tmp/x', 'w').write('x' * 10 ** 6)\n", Verdict.PASS),
    "too big a file": ("open('/tmp/x', 'w').write('x' * 10 ** 8)\n", Verdict.EXCEPTION),
    "imports": ("import asyncio, decimal, unittest, xml.dom\n", Verdict.PASS),
}


def make_submissions() -> list[Submission]:
    problem = Problem(
        source="toy",
        task_id=0,
        text="",
        code="def f(x):\n    return x\n",
        test_list=("assert f(1) == 1",),
        split=Split.TEST,
    )
    return [
        Submission(key=name, problem=problem, code=f"def f(n):\n{indented(body)}    return n\n")
        for name, (body, _) in SLOW.items()
    ]


def indented(body: str) -> str:
    return "".join(f"    {line}\n" for line in body.splitlines())


@contextmanager
def busy_cores() -> Iterator[None]:
    """Two processes for every core, that want all of it."""
    argv = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(argv) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def verdicts(submissions: Sequence[Submission]) -> dict[str, str]:
    return {graded.key: graded.verdict.value for graded in grade(submissions, workers=2)}


@pytest.mark.slow
def test_slow_and_failing_programs_have_their_verdicts_on_a_busy_machine() -> None:
    expected = {name: verdict.value for name, (_, verdict) in SLOW.items()}
    with busy_cores():
        assert verdicts(make_submissions()) == expected


@pytest.mark.slow
def test_references_pass_on_a_busy_machine(data_dir: Path) -> None:
    problems = load_source("mbpp", data_dir=data_dir).problems[::3]
    submissions = [
        Submission(key=str(problem.task_id), problem=problem, code=problem.code)
        for problem in problems
    ]
    with busy_cores():
        found = verdicts(submissions)
    assert len(found) == 325
    assert {key: verdict for key, verdict in found.items() if verdict != "pass"} == {}
