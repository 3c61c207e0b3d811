"""Passes give the same texts whatever fits into one, and hold no more than they may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.models.batching import Batching, Capacity, Ended
from probe.models.lanes import NARROWEST
from probe.models.load import LoadedModel, load_model
from probe.models.prefixes import PrefixNode, prefix_tree
from probe.models.text import Finish

ROOM = 6
ROOMY = Capacity(columns=100_000, rows=64, chunk=1000)


@pytest.fixture(scope="module", params=["llama", "gemma3"])
def loaded(request: pytest.FixtureRequest, make_model_folder: Callable[..., Path]) -> LoadedModel:
    """A tiny model in double precision, one with windows and one without."""
    return load_model(str(make_model_folder(request.param)), device="cpu", dtype="float64")


def greedy(logits: torch.Tensor, rows: Sequence[int], steps: Sequence[int]) -> list[int]:
    assert len(rows) == len(steps) == len(logits)
    chosen: list[int] = logits.argmax(-1).tolist()
    return chosen


def uneven(row: int, said: Sequence[int]) -> Finish | None:
    """Rows end after different numbers of tokens."""
    return Finish.LENGTH if len(said) > row % ROOM else None


def make_prompts(groups: Sequence[int], *, vocabulary: int = 300) -> list[list[int]]:
    """Prompts under a common prefix, in groups with a prefix of their own."""
    generator = torch.Generator().manual_seed(sum(groups))

    def drawn(count: int) -> list[int]:
        tokens: list[int] = torch.randint(2, vocabulary, (count,), generator=generator).tolist()
        return tokens

    common = drawn(40)
    return [
        common + own + drawn(1 + 3 * number % 11)
        for size in groups
        for own in [drawn(7 * size)]
        for number in range(size)
    ]


def run(
    model: object, prompts: list[list[int]], capacity: Capacity, *, minimum: int | None = 5
) -> tuple[dict[int, Ended], Batching]:
    batching = Batching(model, prompts, greedy, uneven, room=ROOM, capacity=capacity)
    ended = list(batching.run(prefix_tree(prompts, minimum=minimum)))
    assert len(ended) == len(prompts)
    return {one.row: one for one in ended}, batching


@settings(max_examples=15)
@given(
    groups=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    rows=st.integers(1, 9),
    chunk=st.integers(1, 60),
    columns=st.integers(1, 400),
    minimum=st.none() | st.integers(1, 50),
)
def test_what_fits_into_a_pass_changes_nothing(
    loaded: LoadedModel,
    groups: list[int],
    rows: int,
    chunk: int,
    columns: int,
    minimum: int | None,
) -> None:
    prompts = make_prompts(groups)
    expected, _ = run(loaded.model, prompts, ROOMY, minimum=None)
    tight = Capacity(columns=columns, rows=rows, chunk=chunk)
    found, batching = run(loaded.model, prompts, tight, minimum=minimum)
    assert found == expected
    assert batching._held == 0  # every prefix was let go


def nodes(tree: PrefixNode) -> list[PrefixNode]:
    return [tree, *(below for child in tree.children for below in nodes(child))]


def test_every_prefix_is_computed_once(loaded: LoadedModel) -> None:
    prompts = make_prompts([4, 3, 1])
    tree = prefix_tree(prompts, minimum=5)
    distinct = sum(
        node.end - node.start + sum(len(prompts[row]) - node.end for row in node.rows)
        for node in nodes(tree)
    )
    _, batching = run(loaded.model, prompts, ROOMY)
    assert batching.computed == distinct < sum(map(len, prompts))


@pytest.mark.parametrize("columns", [300, 400, 800])
def test_no_more_is_held_than_may_be(loaded: LoadedModel, columns: int) -> None:
    prompts = make_prompts([4, 4, 4, 2])
    longest = max(map(len, prompts)) + NARROWEST
    _, batching = run(loaded.model, prompts, Capacity(columns=columns, rows=64, chunk=32))
    assert longest < columns  # so every row fits by itself
    assert batching.peak <= columns


def test_rows_of_different_length_are_held_in_lanes(loaded: LoadedModel) -> None:
    """One long row does not make the others as wide; a row that grows changes its lane."""
    generator = torch.Generator().manual_seed(1)
    lengths = [600, 30, 31, 32, 33, 126]
    prompts = [torch.randint(2, 300, (n,), generator=generator).tolist() for n in lengths]
    held = []

    def judge(row: int, said: Sequence[int]) -> Finish | None:
        lanes = batching._lanes._lanes
        held.append(({w: [u.row for u in lane.units] for w, lane in lanes.items()}, len(said)))
        return Finish.LENGTH if len(said) == 8 else None

    def texts(capacity: Capacity) -> dict[int, list[int]]:
        nonlocal batching
        batching = Batching(loaded.model, prompts, greedy, judge, room=8, capacity=capacity)
        return {one.row: one.said for one in batching.run(prefix_tree(prompts, minimum=None))}

    batching: Batching
    together = texts(ROOMY)
    rows = [lanes for lanes, _ in held]
    assert {1024: [0]}.items() <= rows[-1].items()
    assert any(5 in lanes.get(128, []) for lanes in rows)
    assert any(5 in lanes.get(256, []) for lanes in rows)  # 126 tokens and three more
    assert not any(1 in lanes.get(256, []) for lanes in rows)
    assert together == texts(Capacity(columns=1, rows=1, chunk=1000))


def test_a_row_longer_than_the_budget_is_computed_alone(loaded: LoadedModel) -> None:
    prompts = make_prompts([2, 2])
    expected, _ = run(loaded.model, prompts, ROOMY)
    found, _ = run(loaded.model, prompts, Capacity(columns=1, rows=64, chunk=1000))
    assert found == expected


def test_rows_that_end_make_room_at_once(loaded: LoadedModel) -> None:
    """Twelve rows of one to six tokens, two at a time: batches would wait for the longest."""
    prompts = make_prompts([4, 4, 4])
    _, batching = run(loaded.model, prompts, Capacity(columns=100_000, rows=2, chunk=1000))
    tokens = sum(row % ROOM + 1 for row in range(12))
    assert batching.passes < tokens / 2 + 12
