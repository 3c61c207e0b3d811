"""Training examples: the prompts are those that a model is later asked in."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from generators.errors import DataError, UsageError
from generators.records import Origin
from generators.trace_files import read_traces
from probe.config import FinetuneConfig, GridConfig
from probe.models.fake import FakeGenerator
from probe.prompts import EXECUTION
from probe.tasks.grid import evaluate_grid
from probe.tasks.held_out import Inputs, Setting
from probe.training.examples import make_examples


@pytest.fixture
def config(tiny_traces: Path, tmp_path: Path) -> FinetuneConfig:
    return FinetuneConfig(traces=tiny_traces, out=tmp_path / "run", validation_fraction=0.25)


def test_asserts_alone_in_every_content(config: FinetuneConfig) -> None:
    every = replace(
        config,
        origin=Origin.ASSERT,
        contents=tuple(EXECUTION),
        settings=tuple(Setting),
    )
    made = make_examples(every)
    traces = read_traces(config.traces)
    programs = {example.group for example in made.train}
    asserts = [
        trace
        for trace in traces
        if trace.origin is Origin.ASSERT and f"{trace.source}/{trace.task_id}" in programs
    ]
    assert len(programs) == 6
    assert len(made.train) == len(asserts) * (3 + 4 * 2)
    assert len({example.prompt for example in made.train}) == len(made.train)
    assert not programs & {example.group for example in made.validation}


def test_drawn_prompts_are_some_of_all_and_the_same_again(config: FinetuneConfig) -> None:
    every = replace(config, contents=tuple(EXECUTION))
    some = replace(every, prompts_per_trace=2)
    whole, drawn = make_examples(every).train, make_examples(some).train
    assert len(drawn) * 7 == len(whole) * 2
    assert {e.prompt for e in drawn} < {e.prompt for e in whole}
    assert make_examples(some).train == drawn
    assert make_examples(replace(some, seed=1)).train != drawn


def test_trained_prompts_are_asked_prompts(config: FinetuneConfig) -> None:
    """The grid asks, word for word, what was trained, for the calls that both have."""
    asked: set[str] = set()
    grid = GridConfig(
        traces=config.traces,
        out=config.out,
        shots=0,
        inputs=(Inputs.PUBLIC,),
        settings=(Setting.L,),
    )
    evaluate_grid(grid, lambda: FakeGenerator(lambda r: (asked.add(r.prompt), " 1\n")[1]))
    trained = make_examples(
        replace(config, contents=tuple(EXECUTION), origin=Origin.ASSERT, validation_fraction=0)
    ).train
    assert asked <= {example.prompt for example in trained}


def test_shots_stand_before_the_query(config: FinetuneConfig) -> None:
    made = make_examples(replace(config, shots=2, contents=("code+tests",)))
    assert made.shot_ids == [2, 3]
    for example in made.train:
        counts = Counter(line for line in example.prompt.splitlines() if line.startswith("# "))
        assert counts["# Program"] == counts["# Tests"] == counts["# Result"] == 3


def test_nothing_to_train_on_is_an_error(config: FinetuneConfig, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text(config.traces.read_text().splitlines(keepends=True)[0])
    with pytest.raises(DataError, match="no traces to train on"):
        make_examples(replace(config, traces=empty))


def test_too_many_shots_are_refused(config: FinetuneConfig) -> None:
    with pytest.raises(UsageError, match="--shots is 4"):
        make_examples(replace(config, shots=4))
