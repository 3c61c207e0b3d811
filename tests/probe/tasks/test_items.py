"""Which traces a run works on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from generators.records import Origin, Split, Trace
from probe.tasks.items import choose, split_programs


def make_traces(sizes: list[int]) -> list[Trace]:
    return [
        Trace(
            trace_id=f"{task}/{index}",
            source="test",
            task_id=task,
            split=Split.TRAIN,
            entry_point="f",
            text="",
            code="def f(x):\n    return x",
            setup="",
            call=f"f({index})",
            output=str(index),
            output_type="int",
            origin=Origin.ASSERT if index < 2 else Origin.GENERATED,
        )
        for task, size in enumerate(sizes)
        for index in range(size)
    ]


SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=8)


@given(SIZES, st.integers(0, 3), st.integers(1, 20))
def test_a_limit_is_spread_over_programs(sizes: list[int], seed: int, limit: int) -> None:
    traces = make_traces(sizes)
    chosen = choose(traces, seed=seed, limit=limit)
    assert len(chosen) == min(limit, len(traces))
    assert chosen == [trace for trace in traces if trace in chosen]
    counts = {task: sum(t.task_id == task for t in chosen) for task in range(len(sizes))}
    for task, size in enumerate(sizes):
        assert counts[task] >= min(size, max(counts.values()) - 1)


@given(SIZES, st.integers(0, 3))
def test_a_larger_limit_keeps_what_a_smaller_one_chose(sizes: list[int], seed: int) -> None:
    traces = make_traces(sizes)
    smaller = choose(traces, seed=seed, limit=2)
    larger = choose(traces, seed=seed, limit=5)
    assert {t.trace_id for t in smaller} <= {t.trace_id for t in larger}


def test_origin_and_number_a_program() -> None:
    traces = make_traces([5, 3])
    asserts = choose(traces, seed=0, origin=Origin.ASSERT)
    assert [t.trace_id for t in asserts] == ["0/0", "0/1", "1/0", "1/1"]
    two = choose(traces, seed=0, per_program=2)
    assert [t.task_id for t in two] == [0, 0, 1, 1]
    assert choose(traces, seed=0, per_program=2) == two
    assert any(choose(traces, seed=seed, per_program=2) != two for seed in range(1, 9))


@given(SIZES, st.floats(0, 0.9), st.integers(0, 3))
def test_splits_never_share_a_program(sizes: list[int], fraction: float, seed: int) -> None:
    traces = make_traces(sizes)
    train, held_out = split_programs(traces, fraction=fraction, seed=seed)
    assert not {t.task_id for t in train} & {t.task_id for t in held_out}
    assert len(train) + len(held_out) == len(traces)
    assert bool(held_out) == (fraction > 0)
