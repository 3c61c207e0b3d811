"""Draws that are kept are those of drawing anew, to the last bit, and leave the generator alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from probe.statistics import draws as module
from probe.statistics.draws import draws

WHOLE = st.integers(-1000, 1000).map(float)
ANY = st.floats(-1e6, 1e6)


@given(
    seed=st.integers(0, 5),
    count=st.integers(1, 12),
    resamples=st.integers(1, 20),
    data=st.data(),
)
def test_totals_are_those_of_the_plain_sum(
    seed: int, count: int, resamples: int, data: st.DataObject
) -> None:
    rng, plain = np.random.default_rng(seed), np.random.default_rng(seed)
    picks = plain.integers(0, count, size=(resamples, count))
    found = draws(rng, count, resamples)
    for elements in (WHOLE, ANY):
        values = data.draw(arrays(np.float64, count, elements=elements))
        both = np.array([values, values[::-1]])
        assert found.totals(values).tolist() == values[picks].sum(axis=1).tolist()
        plain_totals = both[:, picks].sum(axis=2)
        assert found.totals(both).tolist() == plain_totals.tolist()
    assert rng.integers(0, 1 << 60) == plain.integers(0, 1 << 60)


def test_one_generator_goes_on_drawing() -> None:
    rng = np.random.default_rng(0)
    first, second = (draws(rng, 30, 10).picks.tolist() for _ in range(2))
    assert first != second
    again = np.random.default_rng(0)
    assert [draws(again, 30, 10).picks.tolist() for _ in range(2)] == [first, second]


def test_half_used_words_of_a_generator_belong_to_its_state() -> None:
    """PCG64 hands out 32 bits at a time for small numbers, and keeps the other half."""
    rng, plain = np.random.default_rng(0), np.random.default_rng(0)
    for one in (rng, plain):
        one.integers(0, 9, dtype=np.int32)
    draws(np.random.default_rng(0), 7, 3)
    assert draws(rng, 7, 3).picks.tolist() == plain.integers(0, 7, size=(3, 7)).tolist()


def test_large_draws_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT_CELLS", 10)
    module._known.cache_clear()
    rng = np.random.default_rng(1)
    plain = np.random.default_rng(1).integers(0, 6, size=(4, 6)).tolist()
    assert draws(rng, 6, 4).picks.tolist() == plain
    assert module._known.cache_info().currsize == 0


def test_kept_draws_cannot_be_changed() -> None:
    found = draws(np.random.default_rng(2), 5, 5)
    with pytest.raises(ValueError, match="read-only"):
        found.picks[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        found.counts[0, 0] = 1


def test_totals_of_several_rows_are_averaged_as_plain_sums_are() -> None:
    """The order in which numbers are added depends on how they lie in memory."""
    rng = np.random.default_rng(3)
    rows, sizes = rng.integers(0, 50, (11, 40)).astype(float), rng.integers(1, 9, (11, 40))
    picks = np.random.default_rng(0).integers(0, 40, size=(200, 40))
    plain = np.mean(rows[:, picks].sum(axis=2) / sizes[:, picks].sum(axis=2), axis=0)
    found = draws(np.random.default_rng(0), 40, 200)
    again = np.mean(found.totals(rows) / found.totals(sizes.astype(float)), axis=0)
    assert again.tolist() == plain.tolist()
