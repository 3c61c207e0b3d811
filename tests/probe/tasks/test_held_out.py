"""Which calls are held out: against the paper's rule, and the choice of fresh ones."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.records import Origin, Split, Trace
from probe.tasks.held_out import Inputs, Setting, hold_out, with_tests


def make_trace(task: int, index: int, origin: Origin, *, kind: str = "int") -> Trace:
    return Trace(
        trace_id=f"{task}/{index}",
        source="toy",
        task_id=task,
        split=Split.TEST,
        entry_point="f",
        text="Do it.",
        code="def f(x):\n    return x",
        setup="",
        call=f"f({index})",
        output=str(index),
        output_type=kind,
        origin=origin,
    )


def make_program(task: int, asserts: int, generated: int = 0) -> list[Trace]:
    found = [make_trace(task, i, Origin.ASSERT) for i in range(asserts)]
    return found + [make_trace(task, asserts + i, Origin.GENERATED) for i in range(generated)]


@pytest.mark.parametrize(
    ("asserts", "setting", "held", "shown"),
    [
        (3, Setting.L, ["1/2"], ["1/0", "1/1"]),
        (3, Setting.R, ["1/1", "1/2"], ["1/0"]),
        (4, Setting.L, ["1/3"], ["1/0", "1/1"]),
        (2, Setting.L, ["1/1"], ["1/0"]),
        (2, Setting.R, ["1/0", "1/1"], []),
        (1, Setting.R, ["1/0"], []),
    ],
)
def test_public_calls_are_the_last_asserts(
    asserts: int, setting: Setting, held: list[str], shown: list[str]
) -> None:
    (one,) = hold_out(make_program(1, asserts, 5), setting, Inputs.PUBLIC, seed=0)
    assert [trace.trace_id for trace in one.traces] == held
    assert [trace.trace_id for trace in one.tests] == shown


@pytest.mark.parametrize("setting", Setting)
def test_fresh_calls_stand_beside_the_same_tests(setting: Setting) -> None:
    traces = make_program(1, 3, 5)
    (public,) = hold_out(traces, setting, Inputs.PUBLIC, seed=0)
    (fresh,) = hold_out(traces, setting, Inputs.FRESH, seed=0)
    assert fresh.tests == public.tests
    assert {trace.origin for trace in fresh.traces} == {Origin.GENERATED}
    assert len(set(fresh.traces)) == len(public.traces)


def test_programs_without_enough_generated_calls_are_left_out() -> None:
    traces = make_program(1, 3, 1) + make_program(2, 3, 2) + make_program(3, 3)
    assert [one.traces[0].task_id for one in hold_out(traces, Setting.R, Inputs.FRESH, seed=0)] == [
        2
    ]


def test_the_one_call_of_l_is_among_the_two_of_r() -> None:
    traces = [trace for task in range(9) for trace in make_program(task, 3, 6)]
    for inputs in Inputs:
        one = hold_out(traces, Setting.L, inputs, seed=3)
        two = hold_out(traces, Setting.R, inputs, seed=3)
        if inputs is Inputs.PUBLIC:
            assert all(a.traces[0] in b.traces for a, b in zip(one, two, strict=True))
        assert len(one) == len(two) == 9


@given(st.permutations(range(12)), st.integers(0, 3))
def test_fresh_outputs_are_even_in_type_whatever_the_order(order: list[int], seed: int) -> None:
    traces = []
    for task in order:
        traces.append(make_trace(task, 0, Origin.ASSERT))
        for index, kind in enumerate(("int", "int", "int", "str", "bool"), 1):
            traces.append(make_trace(task, index, Origin.GENERATED, kind=kind))
    held = hold_out(traces, Setting.L, Inputs.FRESH, seed=seed)
    types = Counter(trace.output_type for one in held for trace in one.traces)
    assert types == {"int": 4, "str": 4, "bool": 4}
    again = hold_out(sorted(traces, key=lambda t: t.trace_id), Setting.L, Inputs.FRESH, seed=seed)
    assert {one.traces for one in again} == {one.traces for one in held}


def test_calls_that_raise_are_not_asked_for() -> None:
    program = make_program(1, 3)
    raising = Trace(**{**_fields(make_trace(1, 9, Origin.GENERATED)), "raises": "ValueError"})
    assert hold_out([*program, raising], Setting.L, Inputs.FRESH, seed=0) == []


def _fields(trace: Trace) -> dict:
    return {name: getattr(trace, name) for name in Trace.__dataclass_fields__}


def test_a_call_is_never_among_the_tests_beside_it() -> None:
    program = make_program(1, 3, 2)
    for setting, count in ((Setting.L, 2), (Setting.R, 1)):
        for trace in program:
            asked = with_tests(trace, program, setting)
            assert len(asked.tests) == count
            assert trace not in asked.tests
            assert all(test.origin is Origin.ASSERT for test in asked.tests)
