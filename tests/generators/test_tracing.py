"""Tracing in the real sandbox: what becomes a trace and what is dropped, and why.

Long, since each way to drop a call is one case of the same few helpers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generators.calls import parse_assert
from generators.literals import EqualityPolicy, equal
from generators.problems.sources import load_source
from generators.records import Origin, Problem, Split, Trace
from generators.sandbox.policy import Limits
from generators.tracing import DropReason, ProgramTraces, TracePlan, trace_programs

IDENTITY = "def f(x):\n    return x"
QUICK = Limits(cpu_seconds=0.3, wall_seconds=2.0)


@pytest.fixture(scope="module")
def mbpp_problems(data_dir: Path) -> tuple[Problem, ...]:
    """All 974 programs of the real MBPP."""
    return load_source("mbpp", data_dir=data_dir).problems


def make_problem(code: str, *tests: str, setup: str = "", task_id: int = 1) -> Problem:
    return Problem(
        source="toy",
        task_id=task_id,
        text="A toy.",
        code=code,
        test_list=tests,
        test_setup_code=setup,
        split=Split.TRAIN,
    )


def make_plan(inputs: int = 0, **changes: Any) -> TracePlan:
    return TracePlan(inputs=inputs, limits=QUICK, assert_limits=QUICK, **changes)


def trace(problem: Problem, plan: TracePlan) -> ProgramTraces:
    (result,) = trace_programs([problem], plan, workers=1)
    return result


def generated(result: ProgramTraces) -> list[Trace]:
    return [t for t in result.traces if t.origin is Origin.GENERATED]


def test_asserts_come_first_and_every_field_is_filled() -> None:
    problem = make_problem(
        "def add(a, b):\n    return a + b + EXTRA\n",
        "assert add( 1,2 ) == 4",
        "assert add([3][0], 4) == 8",
        setup="EXTRA = 1",
        task_id=7,
    )
    result = trace(problem, make_plan(3))
    assert [t.trace_id for t in result.traces] == ["7/0", "7/1", "7/2", "7/3", "7/4"]
    assert [t.origin for t in result.traces] == [Origin.ASSERT] * 2 + [Origin.GENERATED] * 3
    assert [t.call for t in result.traces[:2]] == ["add(1, 2)", "add([3][0], 4)"]
    first = result.traces[0]
    assert (first.output, first.output_type, first.entry_point) == ("4", "int", "add")
    assert (first.source, first.task_id, first.split) == ("toy", 7, Split.TRAIN)
    assert (first.text, first.code, first.setup) == ("A toy.", problem.code, "EXTRA = 1")
    assert result.drops == {}
    assert result.note == ""


@pytest.mark.parametrize(
    ("reason", "code", "test", "plan"),
    [
        (DropReason.EXCEPTION, "def f(x):\n    raise ValueError(x)", "f(1) == 1", make_plan()),
        (DropReason.TIMEOUT, "def f(x):\n    while True:\n        pass", "f(1) == 1", make_plan()),
        (DropReason.MEMORY, "def f(x):\n    return len([0] * 10**10)", "f(1) == 1", make_plan()),
        (DropReason.CRASHED, "import os\ndef f(x):\n    os._exit(0)", "f(1) == 1", make_plan()),
        (
            DropReason.OUTPUT_LIMIT,
            "def f(x):\n    while True:\n        print('x' * 65536)",
            "f(1) == 1",
            make_plan(),
        ),
        (DropReason.UNSERIALISABLE, "def f(x):\n    return object()", "f(1) == 1", make_plan()),
        (
            DropReason.NONDETERMINISTIC,
            "def f(x):\n    return list({'a', 'b', 'c', 'd', 'e', 'f'})",
            "f(1) == ['a']",
            make_plan(),
        ),
        (DropReason.OUTPUT_TOO_LONG, IDENTITY, "f('y' * 10**6) == ''", make_plan()),
        (DropReason.WRONG_VALUE, IDENTITY, "f(1) == 2", make_plan()),
        (DropReason.NOT_A_LITERAL, IDENTITY, "f(1) > 0", make_plan()),
        (DropReason.LOAD_FAILED, "def f(x) return x", "f(1) == 1", make_plan()),
        (DropReason.NO_ENTRY_POINT, "def g(x):\n    return x", "f(1) == 1", make_plan()),
    ],
)  # fmt: skip
def test_every_reason_to_drop_a_call(
    reason: DropReason, code: str, test: str, plan: TracePlan
) -> None:
    result = trace(make_problem(code, f"assert {test}"), plan)
    assert result.traces == ()
    assert result.drops == {reason: 1}


def test_every_reason_to_drop_is_tested_above_or_below() -> None:
    marks = test_every_reason_to_drop_a_call.pytestmark  # type: ignore[attr-defined]
    below = {DropReason.DUPLICATE, DropReason.CALL_TOO_LONG}
    assert {row[0] for row in marks[0].args[1]} | below == set(DropReason)


def test_a_call_that_is_spelled_twice_counts_once() -> None:
    code = "def f(x):\n    return x"
    result = trace(
        make_problem(code, "assert f([1,2]) == [1,2]", "assert f([1, 2]) == [1, 2]"), make_plan()
    )
    assert len(result.traces) == 1
    assert result.drops == {DropReason.DUPLICATE: 1}


def test_wrong_asserts_are_reported() -> None:
    result = trace(make_problem("def f(x):\n    return x", "assert f(1) == 2"), make_plan())
    assert result.note == "f(1) is not 2"


def test_values_may_differ_in_type_from_the_assert() -> None:
    """Asserts compare with ==; the trace shows what the program really returns."""
    result = trace(make_problem("def f(x):\n    return x * 1.0", "assert f(2) == 2"), make_plan())
    assert [(t.output, t.output_type) for t in result.traces] == [("2.0", "float")]


def test_widened_values_have_the_type_that_is_written() -> None:
    code = "from collections import Counter\ndef f(s):\n    return Counter(s)"
    result = trace(make_problem(code, "assert f('aab') == {'a': 2, 'b': 1}"), make_plan())
    assert [(t.output, t.output_type) for t in result.traces] == [("{'a': 2, 'b': 1}", "dict")]


@pytest.mark.parametrize(
    "code",
    [
        "import random\ndef f(x):\n    return random.random()",
        "calls = []\ndef f(x):\n    calls.append(x)\n    return len(calls)",
        "def f(x, seen=[]):\n    seen.append(x)\n    return seen[-3:]",
        "def f(x):\n    return hash(str(x))",
    ],
    ids=["random", "global", "default", "hash"],
)
def test_what_depends_on_more_than_the_call_is_dropped(code: str) -> None:
    problem = make_problem(code, "assert f(1) == 1", "assert f(2) == 2", "assert f(3) == 3")
    result = trace(problem, make_plan(4))
    assert generated(result) == []
    assert result.drops[DropReason.NONDETERMINISTIC] > 3


def test_a_program_caught_once_is_checked_harder() -> None:
    """Two names come in either order: half of the calls agree in two runs by chance."""
    code = "def f(a, b):\n    return list({a, b})"
    tests = [f"assert f('{x}', '{x}x') == ['{x}', '{x}x']" for x in "abcdefghij"]
    result = trace(make_problem(code, *tests), make_plan(20))
    unsafe = [t for t in result.traces if t.output.count(",")]
    assert len(unsafe) <= 3
    assert result.drops[DropReason.NONDETERMINISTIC] > 15


def test_a_slow_program_is_given_up() -> None:
    code = "def f(n):\n    while n > 5:\n        pass\n    return n"
    result = trace(make_problem(code, "assert f(2) == 2", "assert f(4) == 4"), make_plan(20))
    assert result.drops[DropReason.TIMEOUT] <= 8
    assert {t.call for t in generated(result)} <= {f"f({n})" for n in range(-5, 6)}
    assert result.note


def test_a_program_whose_asserts_are_slow_gets_no_generated_calls() -> None:
    result = trace(
        make_problem("def f(n):\n    while n:\n        pass", "assert f(1) == 1"), make_plan(5)
    )
    assert result.drops == {DropReason.TIMEOUT: 1}
    assert result.note == "too slow"


def test_at_most_half_share_an_output_where_there_are_others() -> None:
    code = "def f(n):\n    return n % 3 == 0"
    result = trace(make_problem(code, "assert f(6) == True", "assert f(40) == False"), make_plan(6))
    outputs = [t.output for t in generated(result)]
    assert sorted(outputs) == ["False"] * 3 + ["True"] * 3


def test_without_variety_there_are_few() -> None:
    result = trace(make_problem("def f(n):\n    return 0", "assert f(6) == 0"), make_plan(6))
    assert generated(result) == []
    assert "outputs too much alike" in result.note


def test_a_program_without_literal_calls_says_so() -> None:
    result = trace(make_problem("def f(n):\n    return n", "assert f(int('3')) == 3"), make_plan(2))
    assert [t.call for t in result.traces] == ["f(int('3'))"]
    assert result.note == "no assert calls with literal arguments"


def test_traces_tell_how_the_call_ran() -> None:
    code = "def f(n):\n    if n > 3:\n        n = n * 2\n    return n"
    problem = make_problem(code, "assert f(2) == 2", "assert f(4) == 8")
    low, high = (t.recording for t in trace(problem, make_plan()).traces)
    assert low
    assert high
    assert (low.lines, low.branches, low.steps, low.events) == ((2, 4), (1,), 2, ())
    assert (high.lines, high.branches, high.steps) == ((2, 3, 4), (0,), 3)
    first, second = (t.recording for t in trace(problem, make_plan(trace_lines=True)).traces)
    assert first
    assert second
    assert [(e.line, dict(e.changed)) for e in second.events] == [
        (2, {"n": "4"}),
        (3, {}),
        (4, {"n": "8"}),
        (0, {}),
    ]


def test_calls_that_raise_are_kept_on_request() -> None:
    code = "def f(items, i):\n    return items[i]"
    problem = make_problem(code, "assert f([5, 7, 9], 1) == 7", "assert f([4, 2], 0) == 4")
    plain = trace(problem, make_plan(8))
    assert not [t for t in plain.traces if t.raises]
    kept = trace(problem, make_plan(8, keep_exceptions=True))
    raising = [t for t in kept.traces if t.raises]
    assert 1 <= len(raising) <= 4
    assert {(t.raises, t.output, t.output_type) for t in raising} == {("IndexError", "", "")}
    assert all(t.recording for t in raising)
    assert len(generated(kept)) - len(raising) == 8


def test_asserts_that_raise_are_never_kept() -> None:
    problem = make_problem("def f(x):\n    raise ValueError(x)", "assert f(1) == 1")
    result = trace(problem, make_plan(4, keep_exceptions=True))
    assert not [t for t in result.traces if t.origin is Origin.ASSERT]
    assert result.drops[DropReason.EXCEPTION] == 1


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        ({"max_call_chars": 10}, DropReason.CALL_TOO_LONG),
        ({"max_call_tokens": 10}, DropReason.CALL_TOO_LONG),
        ({"max_output_chars": 12}, DropReason.OUTPUT_TOO_LONG),
        ({"max_output_tokens": 12}, DropReason.OUTPUT_TOO_LONG),
    ],
)
def test_generated_calls_are_bounded_in_length_and_asserts_are_not(
    caps: dict[str, int], reason: DropReason
) -> None:
    code = "def f(x):\n    return x + x"
    asserts = ("assert f('ab') == 'abab'", "assert f('abcdefgh') == 'abcdefghabcdefgh'")
    (result,) = trace_programs(
        [make_problem(code, *asserts)], make_plan(6, **caps), workers=1, count_tokens=len
    )
    others = generated(result)
    assert [t.output for t in result.traces if t not in others] == [
        "'abab'",
        "'abcdefghabcdefgh'",
    ]
    assert others
    texts = [t.call if reason is DropReason.CALL_TOO_LONG else t.output for t in others]
    assert max(map(len, texts)) <= next(iter(caps.values()))
    assert result.drops[reason] > 0


def test_generated_calls_of_too_many_lines_are_dropped_and_asserts_are_not() -> None:
    code = "def f(n):\n    for i in range(n):\n        pass\n    return n"
    problem = make_problem(code, "assert f(50_000) == 50_000", "assert f(30) == 30")
    result = trace(problem, make_plan(6))
    first, *others = (t.recording for t in result.traces)
    assert first
    assert not first.complete
    assert others
    assert all(recording and recording.complete for recording in others)
    assert result.drops[DropReason.TIMEOUT] > 0


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def f(x) return x", "SyntaxError"),
        ("import numpy_of_nobody\ndef f(x):\n    return x", "numpy_of_nobody"),
        ("n = int(input())\ndef f(x):\n    return n", "standard input"),
        ("def f(x):\n    return int(input()) + x", "standard input"),
        ("def g(x):\n    return x", "f is not defined"),
    ],
    ids=["syntax", "module", "stdin while loading", "stdin", "entry point"],
)
def test_programs_that_cannot_be_traced_say_why_and_the_rest_goes_on(code: str, says: str) -> None:
    sound = make_problem("def f(x):\n    return x * 3", "assert f(1) == 3", task_id=2)
    broken = make_problem(code, "assert f(1) == 1")
    first, second = trace_programs([broken, sound], make_plan(3), workers=1)
    assert first.traces == ()
    assert says in first.note
    assert len(second.traces) == 4


def test_inputs_reach_branches_that_the_asserts_do_not() -> None:
    code = (
        "def f(n, s):\n    if n == 37:\n        return 'special'\n"
        "    if s == 'magic':\n        return 'word'\n    return n\n"
    )
    problem = make_problem(code, "assert f(3, 'abc') == 3", "assert f(5, 'xyz') == 5")
    outputs = {t.output for t in generated(trace(problem, make_plan(30)))}
    assert {"'special'", "'word'"} <= outputs


def test_mutated_arguments_do_not_reach_the_trace() -> None:
    code = "def f(items):\n    items.sort()\n    return items[0]"
    result = trace(make_problem(code, "assert f([3, 1]) == 1"), make_plan(2))
    assert result.traces[0].call == "f([3, 1])"


def test_workers_do_not_change_results() -> None:
    problems = [
        make_problem(
            f"def f(a, b):\n    return sorted(a)[: b + {i}]",
            "assert f([4, 2, 9], 1) == []",
            "assert f([1], 2) == [1]",
            task_id=i,
        )
        for i in range(9)
    ]
    results = [list(trace_programs(problems, make_plan(4), workers=n)) for n in (1, 2, 4)]
    assert results[0] == results[1] == results[2]
    assert [r.problem.task_id for r in results[0]] == list(range(9))
    assert [trace(problem, make_plan(4)) for problem in problems[:3]] == results[0][:3]


@pytest.mark.slow
def test_real_asserts_reproduce_their_values(mbpp_problems: tuple[Problem, ...]) -> None:
    plan = TracePlan(inputs=0, max_call_chars=10**6, max_output_chars=10**6)
    results = list(trace_programs(mbpp_problems, plan, workers=2))
    drops: dict[DropReason, int] = {}
    for result in results:
        for reason, count in result.drops.items():
            drops[reason] = drops.get(reason, 0) + count
    assert sum(len(result.traces) for result in results) == 2913
    # Six asserts are spelled twice; task 596 compares with sys.getsizeof.
    assert drops == {DropReason.DUPLICATE: 6, DropReason.NOT_A_LITERAL: 3}


def test_outputs_are_equal_to_what_the_asserts_say(mbpp_problems: tuple[Problem, ...]) -> None:
    for result in trace_programs(mbpp_problems[:20], TracePlan(inputs=2), workers=2):
        expected = [parse_assert(test) for test in result.problem.test_list]
        for row, call in zip(result.traces, expected, strict=False):
            if row.origin is Origin.ASSERT and call is not None and call.expected is not None:
                assert equal(EqualityPolicy.PYTHON_EQ, row.output, call.expected)
        assert len(generated(result)) in (1, 2)


def test_type_hints_stand_in_for_literal_arguments() -> None:
    code = "def f(items: list[int], n: int | None):\n    return [i for i in items if i != n]"
    problem = make_problem(code, "assert f(list(range(3)), max(2, 1)) == [0, 1]")
    result = trace(problem, make_plan(12))
    assert result.traces[0].call == "f(list(range(3)), max(2, 1))"
    assert len(generated(result)) >= 11
    assert any("None" in t.call for t in generated(result))
    assert result.note == ""
