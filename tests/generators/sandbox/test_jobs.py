"""What a job means: values, steps, limits, how a program is loaded."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from generators.records import OutcomeStatus
from generators.sandbox.policy import Limits
from generators.sandbox.pool import Job, JobResult, SandboxPool

QUICK = Limits(cpu_seconds=0.3, wall_seconds=3.0)


Runner = Callable[..., JobResult]


def make_job(i: int, code: str = "", *steps: str) -> Job:
    return Job(key=str(i), code=code, steps=steps, limits=QUICK)


def statuses(result: JobResult) -> list[str]:
    return [outcome.status.value for outcome in result.steps]


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
