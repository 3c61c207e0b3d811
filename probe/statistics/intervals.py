"""Intervals for scores that come in clusters.

Several items of one program are one cluster, so programs, not items, are resampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probe.statistics.draws import draws

__all__ = [
    "DEFAULT_LEVEL",
    "DEFAULT_RESAMPLES",
    "Estimate",
    "balanced_bootstrap",
    "cluster_bootstrap",
    "cluster_sums",
    "paired_difference",
    "wilson",
]

DEFAULT_LEVEL = 0.95
DEFAULT_RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval.

    Attributes:
        estimate: The point estimate.
        low: Lower end of the interval.
        high: Upper end of the interval.
        n: Number of items.
        clusters: Number of clusters (programs) the items belong to.
        level: Nominal coverage of the interval.
        method: How the interval was made.
    """

    estimate: float
    low: float
    high: float
    n: int
    clusters: int
    level: float
    method: str

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as a JSON object."""
        return asdict(self)


def wilson(successes: int, n: int, level: float = DEFAULT_LEVEL) -> Estimate:
    """Return a proportion with its Wilson score interval.

    Args:
        successes: Number of successes, ``0 <= successes <= n``.
        n: Number of independent trials, at least 1.
        level: Nominal coverage.

    Raises:
        ValueError: ``n`` is not positive or ``successes`` is out of range.

    Source: Wilson, Probable inference (JASA 22, 1927).
    """
    from scipy.stats import binomtest  # slow to import

    interval = binomtest(successes, n).proportion_ci(confidence_level=level, method="wilson")
    return Estimate(
        estimate=successes / n,
        low=float(interval.low),
        high=float(interval.high),
        n=n,
        clusters=n,
        level=level,
        method="Wilson score",
    )


def cluster_sums(
    values: ArrayLike, clusters: Sequence[object]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum and the size of each cluster, clusters in a fixed order.

    Args:
        values: One number an item, shape ``(n,)``.
        clusters: The cluster of each item, length ``n``.

    Raises:
        ValueError: There is no item, or the lengths differ.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) != len(clusters):
        raise ValueError("values and clusters must be one-dimensional and equally long")
    if not len(array):
        raise ValueError("an estimate needs at least one item")
    names = sorted({str(name) for name in clusters})
    index = {name: position for position, name in enumerate(names)}
    codes = np.array([index[str(name)] for name in clusters])
    sums = np.bincount(codes, weights=array, minlength=len(names)).astype(np.float64)
    return sums, np.bincount(codes, minlength=len(names)).astype(np.float64)


def _interval(
    sums: NDArray[np.float64],
    sizes: NDArray[np.float64],
    rng: np.random.Generator,
    level: float,
    resamples: int,
) -> tuple[float, float]:
    """Bootstrap interval of a mean, its tails widened for the number of clusters."""
    count = len(sums)
    drawn = draws(rng, count, resamples)
    means = drawn.totals(sums) / drawn.totals(sizes)
    low, high = np.quantile(means, _tails(count, level))
    return float(low), float(high)


@cache
def _tails(count: int, level: float) -> tuple[float, float]:
    """Return the quantiles of a bootstrap interval over ``count`` clusters.

    Plain percentiles are too narrow with few clusters; the tails are taken where Student's t and
    the factor ``sqrt(n / (n - 1))`` put them. Source: Hesterberg, What Teachers Should Know about
    the Bootstrap (The American Statistician 69, 2015), section 4.2 (expanded percentile).
    """
    from scipy.stats import norm, t  # slow to import

    tail = (1 - level) / 2
    if count > 1:
        tail = float(norm.cdf(t.ppf(tail, count - 1) * np.sqrt(count / (count - 1))))
    return tail, 1 - tail


def cluster_bootstrap(
    values: ArrayLike,
    clusters: Sequence[object],
    *,
    rng: np.random.Generator,
    level: float = DEFAULT_LEVEL,
    resamples: int = DEFAULT_RESAMPLES,
) -> Estimate:
    """Return the mean of ``values`` with an interval from resampled clusters.

    Where all values are equal the bootstrap has no width; then the Wilson interval of as many
    independent trials as there are clusters stands in, if the values are 0 or 1.

    Args:
        values: One number an item, shape ``(n,)``.
        clusters: The cluster (program) of each item, length ``n``.
        rng: Source of randomness.
        level: Nominal coverage.
        resamples: Number of bootstrap resamples.

    Raises:
        ValueError: There is no item, or the lengths differ.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.
    """
    array = np.asarray(values, dtype=np.float64)
    sums, sizes = cluster_sums(array, clusters)
    count = len(sums)
    mean = float(array.mean())
    if np.all(array == array[0]) and array[0] in (0.0, 1.0):
        stand_in = wilson(int(array[0]) * count, count, level)
        low, high, method = stand_in.low, stand_in.high, "Wilson score over clusters"
    else:
        low, high = _interval(sums, sizes, rng, level, resamples)
        method = f"cluster bootstrap, expanded percentile, {resamples} resamples"
    return Estimate(
        estimate=mean,
        low=low,
        high=high,
        n=len(array),
        clusters=count,
        level=level,
        method=method,
    )


def balanced_bootstrap(
    values: ArrayLike,
    groups: Sequence[object],
    clusters: Sequence[object],
    *,
    rng: np.random.Generator,
    level: float = DEFAULT_LEVEL,
    resamples: int = DEFAULT_RESAMPLES,
) -> Estimate:
    """Return the mean over groups of each group's mean, with an interval from resampled clusters.

    Every group counts the same, however many items it has. A group that is missing from a
    resample is left out of that one.

    Args:
        values: One number an item, shape ``(n,)``.
        groups: The group (output type) of each item, length ``n``.
        clusters: The cluster (program) of each item, length ``n``.
        rng: Source of randomness.
        level: Nominal coverage.
        resamples: Number of bootstrap resamples.

    Raises:
        ValueError: There is no item, or the lengths differ.

    Source: the resamples of :func:`cluster_bootstrap`; that groups count alike is a macro-average.
    """
    array = np.asarray(values, dtype=np.float64)
    names = sorted({str(group) for group in groups})
    member = np.array([[str(group) == name for group in groups] for name in names], dtype=float)
    parts = [
        (cluster_sums(array * row, clusters)[0], cluster_sums(row, clusters)[0]) for row in member
    ]
    sums, sizes = (np.array(rows) for rows in zip(*parts, strict=True))
    count = sums.shape[1]
    drawn = draws(rng, count, resamples)
    with np.errstate(invalid="ignore"):
        means = np.nanmean(drawn.totals(sums) / drawn.totals(sizes), axis=0)
    low, high = np.quantile(means, _tails(count, level))
    return Estimate(
        estimate=float((sums.sum(axis=1) / sizes.sum(axis=1)).mean()),
        low=float(low),
        high=float(high),
        n=len(array),
        clusters=count,
        level=level,
        method=f"mean of {len(names)} groups, cluster bootstrap, {resamples} resamples",
    )


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    clusters: Sequence[object],
    *,
    rng: np.random.Generator,
    level: float = DEFAULT_LEVEL,
    resamples: int = DEFAULT_RESAMPLES,
) -> Estimate:
    """Return the mean of ``b - a`` over the same items, clusters resampled together.

    Args:
        a: Scores of the first system, shape ``(n,)``.
        b: Scores of the second system on the same items, shape ``(n,)``.
        clusters: The cluster of each item, length ``n``.
        rng: Source of randomness.
        level: Nominal coverage.
        resamples: Number of bootstrap resamples.

    Raises:
        ValueError: There is no item, or the lengths differ.

    Source: :func:`cluster_bootstrap` of the differences.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError("a and b must be scores of the same items")
    difference = second - first
    sums, sizes = cluster_sums(difference, clusters)
    low, high = _interval(sums, sizes, rng, level, resamples)
    return Estimate(
        estimate=float(difference.mean()),
        low=low,
        high=high,
        n=len(difference),
        clusters=len(sums),
        level=level,
        method=f"paired cluster bootstrap, expanded percentile, {resamples} resamples",
    )
