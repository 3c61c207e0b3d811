"""Statistics of pairs against scikit-learn, scipy and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from probe.statistics import auc, resampled, spearman

PAIRS = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40)
RANKS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40)


@given(PAIRS)
def test_auc_is_that_of_scikit_learn(pairs: list[tuple[bool, int]]) -> None:
    labels, scores = zip(*pairs, strict=True)
    if len(set(labels)) == 1:
        assert math.isnan(auc(labels, scores))
    else:
        assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))


@given(RANKS)
def test_spearman_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    first, second = zip(*pairs, strict=True)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert math.isnan(spearman(first, second))
    else:
        expected = stats.spearmanr(first, second).statistic
        assert spearman(first, second) == pytest.approx(expected, abs=1e-9)


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    shift, n, times, covered = 0.7, 60, 300, 0
    truth = float(stats.norm.cdf(shift / np.sqrt(2)))  # of two normal distributions so far apart
    labels = np.arange(n) % 2
    for _ in range(times):
        scores = rng.normal(labels * shift)
        found = resampled(auc, labels, scores, list(range(n)), rng=rng, resamples=300)
        assert found is not None
        covered += found.low <= truth <= found.high
    assert 0.90 < covered / times < 0.985


def test_equal_pairs_in_clusters_do_not_narrow_the_interval() -> None:
    labels, scores = [0, 1] * 20, list(np.random.default_rng(2).normal(size=40))
    once = resampled(auc, labels, scores, list(range(40)), rng=np.random.default_rng(1))
    often = resampled(
        auc, labels * 5, scores * 5, list(range(40)) * 5, rng=np.random.default_rng(1)
    )
    assert once is not None
    assert often is not None
    assert (often.n, often.clusters) == (200, 40)
    assert (often.estimate, often.low, often.high) == pytest.approx(
        (once.estimate, once.low, once.high)
    )


def test_what_cannot_be_said_is_not_said() -> None:
    rng = np.random.default_rng(0)
    assert resampled(auc, [1, 1], [0.1, 0.2], [1, 2], rng=rng) is None
    assert resampled(spearman, [1, 1], [0.1, 0.2], [1, 2], rng=rng) is None
    with pytest.raises(ValueError, match="a cluster for each"):
        resampled(auc, [1, 0], [0.1, 0.2], [1], rng=rng)
