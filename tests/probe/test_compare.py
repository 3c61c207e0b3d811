"""Comparing two runs: what arithmetic says of them, and what may not be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.errors import RunError
from generators.trace_files import read_traces
from probe.compare import compare_lines, compare_runs
from probe.config import ExecutionConfig, GridConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.runs import read_run
from probe.statistics import detectable_difference, holm
from probe.tasks.execution import evaluate_execution
from probe.tasks.grid import evaluate_grid
from probe.tasks.measures import MEASURES
from probe.tasks.names import COUNTERFACTUAL, EXECUTION, GRID, STEPS, SYNTHESIS

Answer = Callable[[Request], str]


def constant(_: Request) -> str:
    return " True\n"


def make_oracle(path: Path) -> Answer:
    outputs = {trace.trace_id: trace.output for trace in read_traces(path)}
    return lambda request: f" {outputs['/'.join(request.key.split('/')[-2:])]}\n"


@pytest.fixture
def config(tiny_traces: Path, tmp_path: Path) -> ExecutionConfig:
    return ExecutionConfig(traces=tiny_traces, out=tmp_path / "a")


def evaluate(config: ExecutionConfig, name: str, answer: Answer, **changes: Any) -> Path:
    out = config.out.with_name(name)
    evaluate_execution(replace(config, out=out, **changes), lambda: FakeGenerator(answer))
    return out


def test_an_oracle_against_a_constant(config: ExecutionConfig) -> None:
    first = evaluate(config, "constant", constant)
    second = evaluate(config, "oracle", make_oracle(config.traces))
    found = compare_runs(first, second)
    outputs = [trace.output for trace in read_traces(config.traces)]
    true = outputs.count("True")
    assert found.names == ("constant", "oracle")
    assert [one.name for one in found.comparisons] == ["exact_text", "exact"]
    for one in found.comparisons:
        assert (one.n, one.first, one.second) == (len(outputs), true / len(outputs), 1)
        assert one.paired.difference.estimate == pytest.approx(1 - true / len(outputs))
        assert (one.paired.both, one.paired.only_first) == (true, 0)
        assert (one.paired.only_second, one.paired.neither) == (len(outputs) - true, 0)
        assert one.paired.p == pytest.approx(2 * 0.5 ** (len(outputs) - true))
    assert [one.paired.p_holm for one in found.comparisons] == holm(
        [one.paired.p for one in found.comparisons]
    )


def test_what_could_have_been_found_is_told(config: ExecutionConfig) -> None:
    paths = [
        evaluate(config, "constant", constant),
        evaluate(config, "oracle", make_oracle(config.traces)),
    ]
    found = compare_runs(*paths)
    measured = MEASURES[EXECUTION](read_run(paths[0]).samples)[0]
    wanted = detectable_difference(
        list(measured.right.values()),
        [True] * len(measured.right),
        [task for task, _ in measured.right],
    )
    told = found.to_json()["comparisons"][0]["detectable"]
    assert told == wanted
    head, row = (
        line for line in compare_lines(found) if line.startswith(("measure", "exact_text"))
    )
    end = head.index("could have found") + len("could have found")
    assert row[:end].split()[-1] == f"{100 * told:.1f}"
    assert "with 80% power (level 0.05, one test)" in compare_lines(found)[-1]


def test_a_run_does_not_differ_from_itself_elsewhere(config: ExecutionConfig) -> None:
    paths = [evaluate(config, name, constant) for name in ("one", "two")]
    for one in compare_runs(*paths).comparisons:
        difference = one.paired.difference
        assert (difference.estimate, difference.low, difference.high) == (0, 0, 0)
        assert one.paired.p == 1


def test_another_way_of_asking_is_declared(config: ExecutionConfig) -> None:
    first = evaluate(config, "three", constant)
    second = evaluate(config, "none", constant, shots=0)
    found = compare_runs(first, second)
    assert {one.field for one in found.declared} == {"shots", "shot_ids"}
    assert "asked in different ways: shots: 3 -> 0" in "\n".join(compare_lines(found))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": 1}, "seed: 0 -> 1"),
        ({"max_new_tokens": 5}, "max_new_tokens: 64 -> 5"),
        ({"limit": 3}, "items: .* -> 3 items, 3 keys in common"),
    ],
)
def test_unmatched_runs_are_refused_and_the_field_named(
    config: ExecutionConfig, changes: dict[str, Any], says: str
) -> None:
    first = evaluate(config, "usual", constant)
    second = evaluate(config, "other", constant, **changes)
    with pytest.raises(RunError, match=f"not matched: .*{says}"):
        compare_runs(first, second)


def test_runs_of_other_kinds_are_refused(config: ExecutionConfig) -> None:
    first = evaluate(config, "usual", constant)
    grid = config.out.with_name("grid")
    evaluate_grid(
        GridConfig(traces=config.traces, out=grid, contents=("code",)),
        lambda: FakeGenerator(constant),
    )
    with pytest.raises(RunError, match="kind: execution -> execution_grid"):
        compare_runs(first, grid)


def row(task: int, key: str, **fields: Any) -> dict[str, Any]:
    return {"task_id": task, "key": key, **fields}


def test_a_cell_of_the_grid_wants_both_calls_right() -> None:
    cell = {"content": "code", "setting": "R", "inputs": "public"}
    rows = [
        row(1, "1/0", **cell, exact_text=True, exact=True),
        row(1, "1/1", **cell, exact_text=False, exact=True),
        row(2, "2/0", **{**cell, "content": "tests"}, exact_text=True, exact=True),
    ]
    assert {one.name: one.right for one in MEASURES[GRID](rows)} == {
        "code, R, public, exact_text": {(1, ""): False},
        "code, R, public, exact": {(1, ""): True},
        "tests, R, public, exact_text": {(2, ""): True},
        "tests, R, public, exact": {(2, ""): True},
    }


def test_measures_of_samples_that_were_run() -> None:
    rows = [
        row(1, "1/0", verdict="fail"),
        row(1, "1/1", verdict="pass"),
        row(2, "2/0", verdict="fail"),
    ]
    solved, right = MEASURES[SYNTHESIS](rows)
    assert solved.right == {(1, ""): True, (2, ""): False}
    assert right.right == {(1, "1/0"): False, (1, "1/1"): True, (2, "2/0"): False}
    (only,) = MEASURES[SYNTHESIS](rows[1:])
    assert (only.name, only.right) == ("solved", {(1, ""): True, (2, ""): False})


@pytest.mark.parametrize(("task", "field"), [(STEPS, "kind"), (COUNTERFACTUAL, "family")])
def test_measures_within_kinds(task: str, field: str) -> None:
    rows = [
        row(1, "a", exact_text=False, exact=True, **{field: "x"}),
        row(1, "b", exact_text=True, exact=True, **{field: "y"}),
    ]
    found = {one.name: one.right for one in MEASURES[task](rows)}
    assert found == {
        "x, exact_text": {(1, "a"): False},
        "x, exact": {(1, "a"): True},
        "y, exact_text": {(1, "b"): True},
        "y, exact": {(1, "b"): True},
    }
