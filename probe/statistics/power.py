"""How small a difference a paired comparison would find: what a null result is worth.

Called by :mod:`probe.statistics.paired`. It is about one comparison; a correction for several asks
for more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probe.statistics.intervals import DEFAULT_LEVEL, cluster_sums

__all__ = ["DEFAULT_POWER", "detectable_difference"]

DEFAULT_POWER = 0.8


def detectable_difference(
    a: ArrayLike,
    b: ArrayLike,
    clusters: Sequence[object],
    *,
    level: float = DEFAULT_LEVEL,
    power: float = DEFAULT_POWER,
) -> float | None:
    """Return the smallest difference of two shares that would be found on as many items.

    As large a share of the items as here is taken to differ, whatever the difference; if that is
    too small a share for it, those that differ all go one way. Items in clusters count as so many
    independent ones as have the variance of the clusters (design effect), and at most as what they
    are; where all items differ alike or none does, as the clusters.

    Args:
        a: Right or wrong of the first system, shape ``(n,)``.
        b: The same of the second system on the same items.
        clusters: The cluster of each item, length ``n``.
        level: Coverage of the interval that is to leave out zero.
        power: How often it is to.

    Returns:
        A difference of shares, above 0 and at most 1; ``None`` with a single cluster, or where not
        even a difference of 1 would be found.

    Raises:
        ValueError: There is no item, or the lengths differ.

    Source: Connor, Sample size for testing differences in proportions for the paired-sample design
    (Biometrics 43, 1987), solved for the difference; quantiles of Student's t over clusters as in
    Bloom, Minimum detectable effects (Evaluation Review 19, 1995); design effect: Kish, Survey
    Sampling (1965), with the variance of the paired difference that is robust to clusters.
    """
    from scipy.stats import t  # slow to import

    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError("a and b must be scores of the same items")
    difference = second - first
    sums, sizes = cluster_sums(difference, clusters)
    count = len(sums)
    if count < 2:
        return None
    size, beyond = t.ppf([(1 + level) / 2, power], count - 1)
    n = _independent(difference, sums, sizes)
    if n <= size**2:
        return None
    root = math.sqrt(n - size**2 + beyond**2)
    differing = float(np.mean(difference**2))
    found = math.sqrt(differing) * (size * math.sqrt(n) + beyond * root) / (n + beyond**2)
    if found >= differing:
        found = 1 - ((math.sqrt(n) * root - size * beyond) / (n + beyond**2)) ** 2
    return float(found)


def _independent(
    difference: NDArray[np.float64], sums: NDArray[np.float64], sizes: NDArray[np.float64]
) -> float:
    """Return the number of independent items whose mean is as sure as that of the clusters."""
    n, count, mean = len(difference), len(sums), difference.mean()
    plain = float(((difference - mean) ** 2).sum())
    robust = float(((sums - mean * sizes) ** 2).sum()) * count / (count - 1)
    if plain == 0:
        return count
    return n * min(1.0, plain / robust) if robust else n
