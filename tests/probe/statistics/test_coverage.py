"""Intervals hold the truth as often as they say, within two points: exactly, or by simulation.

Where one does not, at these sizes or others, docs/method.md says by how much.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from probe.analysis.scaling import fit_scaling
from probe.statistics import (
    Estimate,
    associate,
    auc,
    balanced_bootstrap,
    paired_difference,
    resampled,
    spearman,
    wilson,
)
from probe.statistics.draws import draws

RUNS = 2000
RESAMPLES = 500
Counts = NDArray[np.float64]


def seed_0() -> np.random.Generator:
    return np.random.default_rng(0)


def share_held(make: Callable[[np.random.Generator], Estimate], truth: float) -> float:
    """How often intervals of drawn samples hold the truth; each is resampled from seed 0."""
    rng = np.random.default_rng(11)
    found = [make(rng) for _ in range(RUNS)]
    return sum(one.low <= truth <= one.high for one in found) / RUNS


@pytest.mark.parametrize("n", [10, 50, 200])
def test_wilson_on_the_average_over_shares(n: int) -> None:
    ends = np.array([(one.low, one.high) for one in (wilson(k, n) for k in range(n + 1))])
    shares = np.linspace(0.005, 0.995, 199)[:, None]
    held = (ends[:, 0] <= shares) & (shares <= ends[:, 1])
    cover = (stats.binom.pmf(np.arange(n + 1), n, shares) * held).sum(axis=1)
    assert 0.94 <= cover.mean() <= 0.96
    assert cover.min() > 0.85


def test_the_paired_difference_in_clusters() -> None:
    programs, calls = 60, 5
    clusters = np.repeat(np.arange(programs), calls).tolist()

    def make(rng: np.random.Generator) -> Estimate:
        """One in five differs; five of eight of those for the better; unlike by program."""
        shape = (programs, calls)
        differs = rng.random(shape) < rng.beta(0.4, 1.6, size=(programs, 1))
        better = rng.random(shape) < rng.beta(1.25, 0.75, size=(programs, 1))
        first, second = differs & ~better, differs & better
        return paired_difference(
            first.ravel(), second.ravel(), clusters, rng=seed_0(), resamples=RESAMPLES
        )

    assert 0.93 <= share_held(make, 0.2 * 0.25) <= 0.97


def test_the_mean_of_unlike_groups() -> None:
    groups = ["a"] * 80 + ["b"] * 20

    def make(rng: np.random.Generator) -> Estimate:
        values = np.concatenate([rng.random(80) < 0.3, rng.random(20) < 0.7])
        return balanced_bootstrap(values, groups, range(100), rng=seed_0(), resamples=RESAMPLES)

    assert 0.93 <= share_held(make, 0.5) <= 0.97


def test_the_slope_over_sizes() -> None:
    chances = np.array([0.2, 0.35, 0.5])

    def make(rng: np.random.Generator) -> Estimate:
        scores = rng.random((3, 120)) < chances[:, None]
        return fit_scaling(
            [1e8, 1e9, 1e10], scores, rng=seed_0(), resamples=RESAMPLES, points=2
        ).slope

    assert 0.93 <= share_held(make, 0.15) <= 0.97


def test_the_odds_ratio_is_exact_given_its_margins() -> None:
    """Over all tables with these margins; an exact interval holds the truth never less often."""
    n, first, second = 200, 120, 60
    both = np.arange(second + 1)
    truths = np.exp(np.linspace(np.log(0.2), np.log(5), 41))
    chances = np.array([stats.nchypergeom_fisher.pmf(both, n, first, second, x) for x in truths])
    cover = np.zeros(len(truths))
    for k in both[chances.max(axis=0) > 1e-7]:
        found = associate(np.arange(n) < first, (np.arange(n) - first + k) % n < second)
        low, high = found.low or 0.0, np.inf if found.high is None else found.high
        cover += chances[:, k] * ((low <= truths) & (truths <= high))
    assert cover.min() >= 0.95 - 1e-6
    assert cover.mean() <= 0.97


def auc_by_counts(labels: NDArray[np.bool_], scores: Counts, counts: Counts) -> Counts:
    """AUC of many resamples at once, from how often each item is in each, shape (resamples, n)."""
    above, below = scores[labels][:, None], scores[~labels]
    wins = (above > below) + 0.5 * (above == below)
    drawn_above, drawn_below = counts[:, labels], counts[:, ~labels]
    pairs = drawn_above.sum(axis=1) * drawn_below.sum(axis=1)
    return ((drawn_above @ wins) * drawn_below).sum(axis=1) / pairs


def spearman_by_counts(first: Counts, second: Counts, counts: Counts) -> Counts:
    """Rank correlation of many resamples at once, from the same."""
    n = counts.shape[1]
    a, b = (
        counts @ ((side[:, None] < side) + 0.5 * (side[:, None] == side)) - n / 2
        for side in (first, second)
    )
    return (counts * a * b).sum(axis=1) / np.sqrt(
        (counts * a**2).sum(axis=1) * (counts * b**2).sum(axis=1)
    )


@pytest.mark.parametrize("name", ["auc", "spearman"])
def test_resamples_at_once_are_those_of_the_product(name: str) -> None:
    rng, n = np.random.default_rng(1), 60
    labels = np.arange(n) % 2 == 1
    scores, others = rng.integers(0, 9, size=(2, n)).astype(float)
    counts = draws(seed_0(), n, 300).counts
    if name == "auc":
        found = resampled(auc, labels, scores, range(n), rng=seed_0(), resamples=300)
        at_once = auc_by_counts(labels, scores, counts)
    else:
        found = resampled(spearman, scores, others, range(n), rng=seed_0(), resamples=300)
        at_once = spearman_by_counts(scores, others, counts)
    assert found is not None
    assert np.quantile(at_once, [0.025, 0.975]) == pytest.approx([found.low, found.high])


def test_the_area_under_the_curve() -> None:
    n, shift, rng = 100, 0.7, np.random.default_rng(11)
    labels, counts = np.arange(n) % 2 == 1, draws(seed_0(), n, RESAMPLES).counts
    drawn = [auc_by_counts(labels, rng.normal(labels * shift), counts) for _ in range(RUNS)]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
    truth = stats.norm.cdf(shift / np.sqrt(2))
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.97


def test_the_rank_correlation() -> None:
    n, rho, rng = 100, 0.5, np.random.default_rng(11)
    counts = draws(seed_0(), n, RESAMPLES).counts
    pairs = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=(RUNS, n))
    drawn = [spearman_by_counts(x, y, counts) for x, y in np.moveaxis(pairs, 2, 1)]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
    truth = 6 / np.pi * np.arcsin(rho / 2)  # of a normal distribution (Pearson 1907)
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.97
