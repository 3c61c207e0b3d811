"""The batch-invariance report: which items are repeated, what counts as a change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.trace_files import read_traces
from probe.config import ExecutionConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Completion, Decoding, Finish, Request
from probe.runs import read_run
from probe.tasks.execution import evaluate_execution
from probe.tasks.invariance import ALONE, invariance_results, items_to_repeat
from probe.tasks.scoring import score_sample
from probe.verify import verify


class FakeFickle(FakeGenerator):
    """Says something else when it is asked alone about the calls named."""

    def __init__(self, other: dict[str, str]) -> None:
        super().__init__(lambda _: " 1\n")
        self._other = other
        self.asked: list[str] = []

    def alone(self, request: Request, decoding: Decoding) -> Completion | None:
        self.asked.append(request.key)
        usual = super().alone(request, decoding)
        return (
            replace(usual, text=self._other[request.key]) if request.key in self._other else usual
        )


class FakeServer(FakeGenerator):
    """Cannot be asked alone."""

    def alone(self, request: Request, decoding: Decoding) -> None:
        return


class FakeTight(FakeGenerator):
    """Has no room for any prompt."""

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        for found in super().generate(requests, decoding):
            yield replace(found, text="", finish=Finish.OVERFLOW)


@pytest.fixture
def config(tiny_traces: Path, tmp_path: Path) -> ExecutionConfig:
    return ExecutionConfig(traces=tiny_traces, out=tmp_path / "run", batch_invariance_items=4)


def test_changes_are_counted_by_kind(config: ExecutionConfig) -> None:
    traces = read_traces(config.traces)
    first, second, third, fourth = sorted(items_to_repeat([trace.trace_id for trace in traces], 4))
    expected = {trace.trace_id: trace.output for trace in traces}
    assert expected[third] != "1"
    other = {first: "  1", second: " 2222", third: f" {expected[third]}"}
    fickle = FakeFickle(other)
    results = evaluate_execution(config, lambda: fickle)
    found = results["batch_invariance"]
    assert sorted(fickle.asked) == [first, second, third, fourth]
    assert found["n_items"] == 4
    assert found["texts_changed"] == 3
    assert found["answers_changed"] == 2  # a space more is the same answer
    assert found["scores_changed"] == (2 if expected[second] == "1" else 1)
    assert found["flip_rate"]["estimate"] == 0.75
    assert sum(ALONE in row for row in read_run(config.out).samples) == 4
    assert all(part.ok for part in verify(config.out))


def test_verify_sees_a_touched_repetition(config: ExecutionConfig) -> None:
    evaluate_execution(config, lambda: FakeFickle({}))
    samples = config.out / "samples.jsonl"
    text = samples.read_text()
    samples.write_text(text.replace('"alone": " 1"', '"alone": " 2"'))
    assert samples.read_text() != text
    assert not all(part.ok for part in verify(config.out))


@pytest.mark.parametrize("make", [FakeServer, FakeTight])
def test_nothing_to_say_is_said_by_leaving_it_out(
    config: ExecutionConfig, make: type[FakeGenerator]
) -> None:
    assert "batch_invariance" not in evaluate_execution(config, lambda: make(lambda _: " 1\n"))


def test_it_can_be_turned_off(config: ExecutionConfig) -> None:
    fickle = FakeFickle({})
    off = replace(config, batch_invariance_items=0)
    assert "batch_invariance" not in evaluate_execution(off, lambda: fickle)
    assert fickle.asked == []


@given(st.lists(st.text(max_size=4), unique=True), st.integers(0, 20))
def test_the_choice_depends_on_the_items_alone(keys: list[str], count: int) -> None:
    chosen = items_to_repeat(keys, count)
    assert len(chosen) == min(count, len(keys))
    assert chosen <= set(keys)
    assert chosen == items_to_repeat(keys[::-1], count)
    assert chosen <= items_to_repeat(keys, count + 1)


@given(st.lists(st.tuples(st.sampled_from([" 1", " 2", "x"]), st.sampled_from([" 1", "x"]))))
def test_rates_follow_from_counts(pairs: list[tuple[str, str]]) -> None:
    rows = []
    for number, (together, alone) in enumerate(pairs):
        row = {"key": str(number), "completion": together, "expected": "1", "finish": "stop"}
        rows.append({**row, "call": "f()", **score_sample({**row, "call": "f()"}), ALONE: alone})
    results = invariance_results(rows, score_sample)
    if not pairs:
        assert results == {}
        return
    found = results["batch_invariance"]
    assert found["texts_changed"] == sum(a != b for a, b in pairs)
    assert found["flip_rate"]["estimate"] == found["texts_changed"] / len(pairs)
    assert found["scores_changed"] <= found["answers_changed"] <= found["texts_changed"]
