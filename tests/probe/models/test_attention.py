"""Attention put together from parts equals attention over everything at once."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from probe.models.attention import Score, Sums


def reference(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, score: Score
) -> torch.Tensor:
    """Plain attention of ``queries``, which are the last of the positions that ``keys`` have."""
    count, length = queries.shape[2], keys.shape[1]
    places = torch.arange(length - count, length)
    distance = places[:, None] - torch.arange(length)
    visible = distance >= 0
    if score.window is not None:
        visible &= distance < score.window
    scores = torch.einsum("hgqd,hkd->hgqk", queries, keys) * score.scale
    weights = scores.masked_fill(~visible, -torch.inf).softmax(-1)
    return torch.einsum("hgqk,hkd->hgqd", weights, values)


@given(
    own=st.integers(1, 6),
    before=st.lists(st.integers(1, 9), max_size=3),
    window=st.none() | st.integers(1, 12),
    spread=st.sampled_from([0.1, 3.0, 200.0]),
    seed=st.integers(0, 1000),
)
def test_parts_add_up(
    own: int,
    before: list[int],
    window: int | None,
    spread: float,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    length = sum(before) + own
    queries = torch.randn(2, 3, own, 4, dtype=torch.float64) * spread
    keys, values = torch.randn(2, 2, length, 4, dtype=torch.float64).unbind()
    score = Score(scale=0.7, window=window)
    places = torch.arange(length - own, length)
    distance = places[:, None] - torch.arange(length)
    visible = (distance >= 0) & (distance < (window or length))
    sums = Sums(queries, 4, score)
    start = length - own
    sums.set(slice(0, own), keys[:, start:], values[:, start:], visible[:, start:])
    end = start
    for size in before:
        part = slice(end - size, end)
        sums.add(slice(None), keys[:, part], values[:, part], visible[:, part])
        end -= size
    torch.testing.assert_close(sums.result(), reference(queries, keys, values, score))


@pytest.mark.parametrize("index", [slice(1, 3), torch.tensor([0, 2])])
def test_a_part_reaches_only_its_tokens(index: slice | torch.Tensor) -> None:
    torch.manual_seed(0)
    queries = torch.randn(2, 1, 3, 4, dtype=torch.float64)
    own_keys, own_values = torch.randn(2, 3, 2, 1, 4, dtype=torch.float64).unbind()
    keys, values = torch.randn(2, 2, 5, 4, dtype=torch.float64).unbind()
    sums = Sums(queries, 4, Score(scale=1.0, window=None))
    sums.set_rows(slice(0, len(own_keys)), own_keys, own_values, None)
    alone = own_values.transpose(0, 1)[:, None, :, 0]
    torch.testing.assert_close(sums.result(), alone)
    sums.add(index, keys, values, None)
    changed = (sums.result() - alone).abs().amax(dim=(0, 1, 3)) > 1e-6
    expected = torch.zeros(3, dtype=torch.bool)
    expected[index] = True
    assert changed.tolist() == expected.tolist()


def test_half_precision_sums_in_single() -> None:
    torch.manual_seed(0)
    queries, keys, values = (torch.randn(1, 1, 2000, 8) for _ in range(3))
    half = [states.bfloat16() for states in (queries[:, :, -1:], keys[0], values[0])]
    sums = Sums(half[0], 8, Score(scale=0.1, window=None))
    sums.set(slice(0, 1), half[1], half[2], None)
    assert sums.result().dtype is torch.bfloat16
    exact = reference(*(states.double() for states in half), Score(scale=0.1, window=None))
    assert float((sums.result() - exact).abs().max()) < 2e-3
