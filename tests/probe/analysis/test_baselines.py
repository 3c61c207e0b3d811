"""Trivial baselines: what they predict, and that they never look at their own program."""

from __future__ import annotations

from generators.records import Origin, Split, Trace
from probe.analysis.baselines import BASELINES, predict_baselines


def make_trace(
    task_id: int, index: int, output: str, kind: str = "int", code: str = "", **changes: object
) -> Trace:
    fields = {
        "trace_id": f"{task_id}/{index}",
        "source": "test",
        "task_id": task_id,
        "split": Split.TEST,
        "entry_point": "f",
        "text": "",
        "code": code or f"def f(x):\n    return x + {task_id}",
        "setup": "",
        "call": f"f({index})",
        "output": output,
        "output_type": kind,
        "origin": Origin.ASSERT,
    }
    return Trace(**{**fields, **changes})


def test_every_item_has_every_baseline() -> None:
    pool = [make_trace(task, i, str(task + i)) for task in range(6) for i in range(3)]
    found = predict_baselines(pool[:7], pool)
    assert set(found) == set(BASELINES)
    for predictions in found.values():
        assert set(predictions) == {trace.trace_id for trace in pool[:7]}


def test_majority_is_taken_within_the_type_and_from_other_programs() -> None:
    reference = [
        *[make_trace(1, i, "True", "bool") for i in range(3)],
        *[make_trace(2, i, "7") for i in range(2)],
        make_trace(3, 0, "8"),
    ]
    items = [
        make_trace(9, 0, "0"),
        make_trace(9, 1, "False", "bool"),
        make_trace(9, 2, "'a'", "str"),
    ]
    found = predict_baselines(items, items, reference)["majority_by_type"]
    assert found == {"9/0": "7", "9/1": "True", "9/2": ""}


def test_own_program_is_left_out_of_the_reference() -> None:
    items = [make_trace(1, 0, "5")]
    reference = [*[make_trace(1, i, "5") for i in range(9)], make_trace(2, 0, "3")]
    found = predict_baselines(items, items, reference)
    assert found["majority_by_type"]["1/0"] == "3"
    assert found["nearest_neighbour"]["1/0"] == "3"
    assert found["classifier"]["1/0"] == "3"


def test_without_a_reference_the_folds_leave_the_own_program_out() -> None:
    pool = [make_trace(task, i, str(task)) for task in range(10) for i in range(4)]
    found = predict_baselines(pool, pool)
    for trace in pool:
        for name in ("majority_by_type", "nearest_neighbour", "classifier"):
            assert found[name][trace.trace_id] != trace.output


def test_copy_takes_another_call_of_the_program_asserts_first() -> None:
    pool = [
        make_trace(1, 0, "10"),
        make_trace(1, 1, "11"),
        make_trace(1, 2, "12", origin=Origin.GENERATED),
        make_trace(2, 0, "20"),
    ]
    found = predict_baselines(pool, pool)["copy_other_output"]
    assert found == {"1/0": "11", "1/1": "10", "1/2": "10", "2/0": ""}


def test_nearest_neighbour_finds_the_twin() -> None:
    twin = "def f(x):\n    return sorted(x)[::-1]"
    reference = [
        make_trace(1, 0, "'a'", code="def f(x):\n    return x.upper()"),
        make_trace(2, 0, "[3, 1]", code=twin),
    ]
    items = [make_trace(9, 0, "[2, 1]", code=twin)]
    assert predict_baselines(items, items, reference)["nearest_neighbour"] == {"9/0": "[3, 1]"}


def test_the_same_input_gives_the_same_predictions() -> None:
    pool = [make_trace(task, i, str((task * i) % 3)) for task in range(12) for i in range(3)]
    assert predict_baselines(pool, pool) == predict_baselines(pool, pool)
