"""What items share with training and shots, on made-up traces and on the real MBPP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from generators.problems.sources import load_source
from generators.records import Origin, Problem, Split, Trace
from probe.analysis.leakage import Leak, find_leaks
from probe.config import DataOptions
from probe.tasks.shots import few_shot_programs


def make_trace(trace_id: str = "1/0", **fields: str) -> Trace:
    base = Trace(
        trace_id=trace_id,
        source="toy",
        task_id=int(trace_id.partition("/")[0]),
        split=Split.TEST,
        entry_point="twice",
        text="Double a number.",
        code="def twice(x):\n    return 2 * x",
        setup="",
        call="twice(3)",
        output="6",
        output_type="int",
        origin=Origin.ASSERT,
    )
    return replace(base, **fields)


OTHER = {"text": "Halve it.", "code": "def half(y):\n    return y / 2", "entry_point": "half"}


@pytest.mark.parametrize(
    ("training", "leaks"),
    [
        (make_trace("2/0", code="def double(n):\n  # twice\n  return 2 * n"), "program text input"),
        (make_trace("2/0", **OTHER, call="half(3)"), ""),
        (make_trace("2/0", **(OTHER | {"entry_point": "twice"}), call="twice( 3 )"), "input"),
        (make_trace("2/0", **(OTHER | {"text": "double a number"}), call="half(4)"), "text"),
        (make_trace("2/0", call="twice(4)", text=""), "program"),
    ],
)
def test_what_is_shared_is_found(training: Trace, leaks: str) -> None:
    found = find_leaks([make_trace()], [training], [])
    assert found.get("1/0", []) == leaks.split()


def test_shots_are_a_kind_of_their_own() -> None:
    shot = make_trace("3/0", text="Something else.")
    assert find_leaks([make_trace()], [], [shot]) == {"1/0": [Leak.SHOT]}
    assert find_leaks([make_trace()], [], []) == {}


def test_programs_without_a_description_share_none() -> None:
    blank = make_trace("2/0", text="", code="def g():\n    pass", entry_point="g", call="g()")
    assert find_leaks([make_trace(text="")], [blank], []) == {}


def make_asserted(problem: Problem) -> Trace:
    return make_trace(
        f"{problem.task_id}/0", text=problem.text, code=problem.code, call="f(0)", entry_point=""
    )


def test_the_tasks_that_mbpp_shares_between_its_splits_are_found(data_dir: Path) -> None:
    source = load_source("mbpp", data_dir=data_dir)
    items = [make_asserted(problem) for problem in source.split(Split.TEST)]
    training = [make_asserted(problem) for problem in source.split(Split.TRAIN)]
    shots, _ = few_shot_programs("mbpp", 3, DataOptions(data_dir=data_dir))
    found = find_leaks(items, training, [shot for solved in shots for shot in solved])
    texts = {int(key.partition("/")[0]) for key, leaks in found.items() if Leak.TEXT in leaks}
    programs = {int(key.partition("/")[0]) for key, leaks in found.items() if Leak.PROGRAM in leaks}
    assert {216, 217, 248} <= texts
    assert len(texts) == 3
    assert len(programs) >= 4
