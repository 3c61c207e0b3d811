"""Recordings: what they tell, and that nothing is different for being recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from generators.calls import parse_assert
from generators.problems.sources import load_source
from generators.records import Outcome, OutcomeStatus, Problem, Recording
from generators.sandbox.policy import Limits, Record
from generators.sandbox.pool import Job, JobResult, SandboxPool
from generators.sandbox.recorder import MAX_EVENTS, MAX_STEPS

ROOMY = Limits(cpu_seconds=40.0, wall_seconds=120.0)


def make_job(problem: Problem, record: Record) -> Job:
    calls = [parse_assert(test) for test in problem.test_list]
    return Job(
        key=str(problem.task_id),
        code=problem.code,
        setup=problem.test_setup_code,
        steps=tuple(call.text for call in calls if call),
        limits=ROOMY,
        record=record,
    )


@pytest.fixture
def watch(pool: SandboxPool) -> Callable[..., Outcome]:
    """Runs one step of a program and returns its outcome with the recording."""

    def run(code: str, step: str, record: Record = Record.EVENTS) -> Outcome:
        job = Job(key="job", code=code, steps=(step,), record=record)
        result = next(pool.run([job]))
        assert result.load.status is OutcomeStatus.OK, result.load
        assert result.load.recording is None
        return result.steps[0]

    return run


def recording_of(outcome: Outcome) -> Recording:
    assert outcome.recording is not None, outcome
    return outcome.recording


def test_lines_steps_and_branches(watch: Callable[..., Outcome]) -> None:
    code = (
        "def f(n):\n    t = 0\n    for i in range(n):\n"
        "        if i % 2:\n            t += i\n    return t\n"
    )
    outcome = watch(code, "f(3)", Record.COVERAGE)
    recording = recording_of(outcome)
    assert outcome.value == "1"
    assert recording.lines == (2, 3, 4, 5, 6)
    # t = 0, four times the loop's head, three times the condition, t += i, return
    assert recording.steps == 10
    assert recording.branches == (0, 1, 2, 3)
    assert recording.complete
    assert recording.events == ()
    assert recording_of(watch(code, "f(0)", Record.COVERAGE)).branches == (1,)


def test_events_tell_what_changed(watch: Callable[..., Outcome]) -> None:
    code = (
        "def g(x):\n    return x + 1\n"
        "def f(n):\n    a = [n]\n    a.append(g(n))\n    b = object()\n    return a\n"
    )
    outcome = watch(code, "f(5)")
    assert outcome.value == "[5, 6]"
    events = [(e.line, e.depth, dict(e.changed)) for e in recording_of(outcome).events]
    assert events == [
        (4, 0, {"n": "5"}),
        (5, 0, {"a": "[5]"}),
        (2, 1, {"x": "5"}),
        (0, 1, {}),
        (6, 0, {"a": "[5, 6]"}),
        (7, 0, {"b": ""}),
        (0, 0, {}),
    ]


def test_raising_generators_and_comprehensions(watch: Callable[..., Outcome]) -> None:
    code = (
        "def g(n):\n    for i in range(n):\n        yield i\n"
        "def f(n):\n    s = sum(x for x in g(n))\n    return [1 // (s - c) for c in range(9)]\n"
    )
    outcome = watch(code, "f(3)")
    assert (outcome.status, outcome.error) == (OutcomeStatus.EXCEPTION, "ZeroDivisionError")
    recording = recording_of(outcome)
    assert recording.lines == (2, 3, 5, 6)
    assert recording.events[-1].line == 0
    assert [e.depth for e in recording.events][-2:] == [1, 0]
    assert "0" in {text for e in recording.events for text in e.changed.values()}


def test_generators_that_are_closed_early(watch: Callable[..., Outcome]) -> None:
    code = (
        "def g(n):\n    try:\n        yield n\n        yield n + 1\n"
        "    finally:\n        n = 0\n"
        "def f(n):\n    x = next(g(n))\n    return any(y for y in g(x))\n"
    )
    outcome = watch(code, "f(3)")
    assert outcome.value == "True"
    depths = [e.depth for e in recording_of(outcome).events]
    assert (min(depths), max(depths), depths[0], depths[-1]) == (0, 2, 0, 0)


def test_the_bounds_hold(watch: Callable[..., Outcome]) -> None:
    code = "def f(n):\n    t = 'x'\n    for i in range(n):\n        t += 'y'\n    return len(t)\n"
    outcome = watch(code, "f(100_000)")
    assert outcome.value == "100001"
    recording = recording_of(outcome)
    assert recording.steps == MAX_STEPS
    assert not recording.complete
    assert len(recording.events) == MAX_EVENTS
    long = {text for e in recording.events for text in e.changed.values() if len(text) > 80}
    assert not long


def test_statements_are_recorded_and_setup_is_not(pool: SandboxPool) -> None:
    job = Job(
        key="job",
        code="def f(n):\n    return n\n",
        setup="f(1)\nf(2)",
        steps=("y = f(3)", "y"),
        record=Record.EVENTS,
    )
    (result,) = pool.run([job])
    first, second = (recording_of(step) for step in result.steps)
    assert [e.changed for e in first.events] == [{"n": "3"}, {}]
    assert (second.lines, second.steps) == ((), 0)


@pytest.mark.parametrize(
    "code",
    [
        "import sys\ndef f():\n    sys.settrace(None)\n    return 1\n",
        "import sys\ndef f():\n    sys.settrace(lambda *a: None)\n    return 1\n",
        "import sys\ndef f():\n    sys.setprofile(print)\n    sys.settrace(None)\n    return 1\n",
    ],
)
def test_a_program_that_sets_the_trace_function(watch: Callable[..., Outcome], code: str) -> None:
    outcome = watch(code, "f()")
    assert outcome.value == "1"
    assert not recording_of(outcome).complete


def test_deep_recursion_raises_at_any_depth_and_nowhere_else(watch: Callable[..., Outcome]) -> None:
    code = "def f(n):\n    if n == 0:\n        return 0\n    return 1 + f(n - 1)\n"
    for record in Record:
        assert watch(code, "f(900)", record).value == "900"
        assert watch(code, "f(985)", record).value == "985"
        assert watch(code, "f(5000)", record).error == "RecursionError"


def test_a_recursion_limit_of_the_programs_own_stays(watch: Callable[..., Outcome]) -> None:
    code = (
        "import sys\nsys.setrecursionlimit(5000)\n"
        "def f(n):\n    return n and 1 + f(n - 1)\n"
        "def g():\n    sys.setrecursionlimit(7000)\n    return f(6000)\n"
    )
    assert watch(code, "f(4000)").value == "4000"
    assert watch(code, "g()").value == "6000"


def test_code_that_does_not_parse_fails_alike(pool: SandboxPool) -> None:
    for code in ("def f(:", "return 1", "x = '\\ud800\x00'", "def f():\n    nonlocal x\n"):
        plain, recorded = (
            next(pool.run([Job(key="job", code=code, steps=("1",), record=record)])).load
            for record in (Record.NOTHING, Record.COVERAGE)
        )
        assert plain.status is OutcomeStatus.EXCEPTION
        assert (plain.status, plain.error) == (recorded.status, recorded.error)


def test_a_tree_too_deep_to_mark_runs_unmarked(watch: Callable[..., Outcome]) -> None:
    code = "def f(x):\n    return " + "(1 + " * 60 + "x" + ")" * 60 + "\n"
    assert watch(code, "f(1)").value == "61"
    deep = "def f(x):\n    return x" + " + 1" * 2000 + "\n"
    outcome = watch(deep, "f(1)")
    assert outcome.value == "2001"
    assert not recording_of(outcome).complete


def same(plain: JobResult, recorded: JobResult) -> bool:
    def facts(outcome: Outcome) -> tuple[object, ...]:
        return outcome.status, outcome.value, outcome.value_type, outcome.error

    return [facts(o) for o in (plain.load, *plain.steps)] == [
        facts(o) for o in (recorded.load, *recorded.steps)
    ]


def test_recording_changes_no_outcome_of_basics(pool: SandboxPool) -> None:
    problems = load_source("basics").problems
    plain = list(pool.run(make_job(p, Record.NOTHING) for p in problems))
    for record in (Record.COVERAGE, Record.EVENTS):
        recorded = list(pool.run(make_job(p, record) for p in problems))
        assert [p.key for p, r in zip(plain, recorded, strict=True) if not same(p, r)] == []
        steps = [step for result in recorded for step in result.steps]
        assert len(steps) > 300
        assert all(recording_of(step).lines for step in steps)


@pytest.mark.slow
def test_recording_changes_no_outcome_of_mbpp(pool: SandboxPool, data_dir: Path) -> None:
    problems = load_source("mbpp", data_dir=data_dir).problems
    plain = list(pool.run(make_job(p, Record.NOTHING) for p in problems))
    recorded = list(pool.run(make_job(p, Record.EVENTS) for p in problems))
    assert [p.key for p, r in zip(plain, recorded, strict=True) if not same(p, r)] == []
