"""The quality report adds up and says what is short."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.records import Origin, Problem, Recording, Split, Trace
from generators.trace_quality import coverage, entropy_bits, quality

CODE = "def f(x):\n    if x:\n        return 1\n    return 0\n"


def make_problem(task_id: int, code: str = CODE, split: Split = Split.TRAIN) -> Problem:
    return Problem(
        source="toy",
        task_id=task_id,
        text="",
        code=code,
        test_list=("assert f(1) == 1",),
        split=split,
    )


def make_trace(
    task_id: int, output: str, *branches: int, origin: Origin = Origin.GENERATED, raises: str = ""
) -> Trace:
    return Trace(
        trace_id=f"{task_id}/0",
        source="toy",
        task_id=task_id,
        split=Split.TRAIN,
        entry_point="f",
        text="",
        code=CODE,
        setup="",
        call="f(1)",
        output=output,
        output_type="int",
        origin=origin,
        raises=raises,
        recording=Recording(lines=(2,), branches=branches, steps=3, complete=True),
    )


def test_the_figures_of_two_programs() -> None:
    problems = [make_problem(1), make_problem(2)]
    traces = [
        make_trace(1, "1", 0, origin=Origin.ASSERT),
        make_trace(1, "0", 1),
        make_trace(1, "1", 0),
        make_trace(2, "1", 0, origin=Origin.ASSERT),
        make_trace(2, "", 0, raises="KeyError"),
    ]
    found = quality(traces, problems, problems)
    assert found["generated_per_program"]["mean"] == 1
    assert found["generated_per_program"]["share_of_programs_with_at_least"]["1"] == 0.5
    assert found["branch_coverage"] == {
        "programs_with_branches": 2,
        "asserts": 0.5,
        "generated": 0.75,
        "all": 0.75,
    }
    assert found["exceptions"] == {"KeyError": 1}
    assert found["steps"] == {"median": 3, "largest": 3}
    assert found["twins_across_splits"] == []


def test_twins_across_splits_are_listed() -> None:
    source = [make_problem(1), make_problem(2, split=Split.TEST), make_problem(3, "def f(x): 5")]
    (twins,) = quality([], source, source)["twins_across_splits"]
    assert set(twins["tasks"]) == {"1", "2"}


def test_forged_branches_do_not_count() -> None:
    assert coverage([make_trace(1, "1", 0, 7, 900)], 2) == 0.5


@given(st.lists(st.sampled_from("abcd")))
def test_entropy(outputs: list[str]) -> None:
    bits = entropy_bits(outputs)
    assert 0 <= bits <= math.log2(max(1, len(set(outputs)))) + 1e-9
    assert (bits == 0) == (len(set(outputs)) < 2)


def test_entropy_of_two_equal_halves_is_one_bit() -> None:
    assert entropy_bits(["a", "b"] * 4) == pytest.approx(1)
