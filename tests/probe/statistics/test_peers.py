"""The same numbers as statsmodels and scipy, where they have the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as peer_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from probe.statistics import (
    Estimate,
    cluster_bootstrap,
    holm,
    mcnemar,
    paired_difference,
    resampled,
    wilson,
)

RESAMPLES = 20_000
Values = NDArray[np.float64]


@settings(max_examples=15)  # 40 ms each, all theirs
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(*[st.integers(0, 60)] * 4)
def test_mcnemar_is_that_of_statsmodels(
    both: int, only_first: int, only_second: int, neither: int
) -> None:
    first = [True] * (both + only_first) + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    peer = peer_mcnemar([[both, only_first], [only_second, neither]], exact=True)
    assert mcnemar(first, second).p == pytest.approx(peer.pvalue)


@given(st.integers(1, 500), st.floats(0, 1), st.floats(0.5, 0.99))
def test_wilson_is_that_of_statsmodels(n: int, share: float, level: float) -> None:
    found = wilson(round(share * n), n, level)
    low, high = proportion_confint(round(share * n), n, alpha=1 - level, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def mean_of_second_minus_first(a: Values, b: Values, axis: int = -1) -> Any:
    return np.mean(b - a, axis=axis)


def peer_ends(samples: tuple[Values, ...], statistic: Any, *, expanded: bool = True) -> Values:
    """Ends of scipy's percentile interval; expanded, at the tails of Hesterberg (2015), 4.2."""
    n, tail = len(samples[0]), 0.025
    if expanded:
        tail = stats.norm.cdf(stats.t.ppf(tail, n - 1) * np.sqrt(n / (n - 1)))
    found = stats.bootstrap(
        samples,
        statistic,
        n_resamples=RESAMPLES,
        batch=1000,
        method="percentile",
        confidence_level=1 - 2 * tail,
        paired=True,
        rng=np.random.default_rng(8),
    )
    return np.array(found.confidence_interval)


def check(found: Estimate, wanted: Values) -> None:
    """Ends of two times 20,000 resamples: 4 standard errors are 3% of the interval."""
    allowed = 0.03 * (wanted[1] - wanted[0])
    assert [found.low, found.high] == pytest.approx(wanted, abs=allowed)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(6)


@pytest.mark.parametrize("calls", [1, 5])
def test_the_cluster_bootstrap_is_that_of_scipy_over_programs(
    rng: np.random.Generator, calls: int
) -> None:
    values = rng.exponential(size=(12, calls)) + rng.exponential(size=(12, 1))
    found = cluster_bootstrap(
        values.ravel(), np.repeat(np.arange(12), calls).tolist(), rng=rng, resamples=RESAMPLES
    )
    check(found, peer_ends((values.mean(axis=1),), np.mean))


def test_the_paired_bootstrap_is_that_of_scipy(rng: np.random.Generator) -> None:
    first, noise = rng.exponential(size=(2, 15))
    second = first + noise - 0.3
    found = paired_difference(first, second, range(15), rng=rng, resamples=RESAMPLES)
    check(found, peer_ends((first, second), mean_of_second_minus_first))


def test_the_bootstrap_of_other_statistics_is_that_of_scipy(rng: np.random.Generator) -> None:
    first, second = rng.exponential(size=(2, 30))
    found = resampled(
        mean_of_second_minus_first, first, second, range(30), rng=rng, resamples=RESAMPLES
    )
    assert found is not None
    check(found, peer_ends((first, second), mean_of_second_minus_first, expanded=False))
