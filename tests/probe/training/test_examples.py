"""Training examples: the prompts are those that a model is later asked in."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from generators.errors import DataError, UsageError
from generators.problems.sources import load_source
from generators.records import Origin, Split
from generators.trace_files import read_traces
from probe.config import FinetuneConfig, FinetuneTask, GridConfig, SynthesisConfig
from probe.models.fake import FakeGenerator
from probe.prompts import EXECUTION
from probe.tasks.grid import evaluate_grid
from probe.tasks.held_out import Inputs, Setting
from probe.tasks.synthesis import evaluate_synthesis
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
    assert made.config["shot_ids"] == [2, 3]
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


@pytest.fixture
def synthesis(tmp_path: Path) -> FinetuneConfig:
    return FinetuneConfig(out=tmp_path / "run", task=FinetuneTask.SYNTHESIS, source="basics")


def test_programs_are_learned_in_the_words_they_are_asked_for(synthesis: FinetuneConfig) -> None:
    made = make_examples(synthesis)
    source = load_source("basics")
    assert len(made.train) == len(source.split(Split.TRAIN))
    asked: list[str] = []
    evaluate_synthesis(
        SynthesisConfig(
            source="basics", split=Split.TRAIN, out=synthesis.out, shot_ids=(), limit=3
        ),
        lambda: FakeGenerator(lambda r: (asked.append(r.prompt), "pass[DONE]")[1]),
    )
    targets = {example.prompt: example.target for example in made.train}
    assert asked
    assert set(asked) <= set(targets)
    codes = {f"{problem.code.strip()}\n[DONE]" for problem in source.split(Split.TRAIN)}
    assert set(targets.values()) == codes
    assert not {e.group for e in made.train} & {e.group for e in made.validation}


def test_options_of_calls_do_not_go_with_programs(synthesis: FinetuneConfig) -> None:
    for changed, option in (
        (replace(synthesis, traces=Path("x.jsonl")), "--traces"),
        (replace(synthesis, contents=("tests",)), "--content"),
        (replace(synthesis, scratchpad=True), "--scratchpad"),
    ):
        with pytest.raises(UsageError, match=f"{option} is for training on calls"):
            make_examples(changed)


def test_calls_want_a_trace_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="wants --traces"):
        make_examples(FinetuneConfig(out=tmp_path))
