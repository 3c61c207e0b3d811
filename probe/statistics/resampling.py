"""Intervals of statistics that are no means, such as ranks and areas: clusters are resampled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probe.statistics.intervals import DEFAULT_LEVEL, Estimate

__all__ = ["auc", "resampled", "spearman"]

_RESAMPLES = 2000


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the chance that a positive scores higher than a negative, ties counted half.

    Args:
        labels: Positive or not, shape ``(n,)``.
        scores: What positives should have more of, shape ``(n,)``.

    Returns:
        From 0 to 1; ``nan`` if there is no positive or no negative.

    Source: Hanley and McNeil, Radiology 143 (1982): the area under the ROC curve as a rank sum.
    """
    positive, values = np.asarray(labels, dtype=bool), np.asarray(scores, dtype=np.float64)
    above, below = values[positive], np.sort(values[~positive])
    if not len(above) or not len(below):
        return float("nan")
    wins = sum(int(np.searchsorted(below, above, side).sum()) for side in ("left", "right")) / 2
    return wins / (len(above) * len(below))


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Return Spearman's rank correlation, ``nan`` where one side is constant.

    Args:
        first: Numbers, shape ``(n,)``.
        second: Numbers that belong to them, shape ``(n,)``.

    Source: Spearman, The proof and measurement of association between two things (1904), as
    Pearson's correlation of average ranks.
    """
    from scipy.stats import rankdata

    a, b = (rankdata(np.asarray(side, dtype=np.float64)) for side in (first, second))
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def resampled(
    statistic: Callable[[ArrayLike, ArrayLike], float],
    first: ArrayLike,
    second: ArrayLike,
    clusters: Sequence[object],
    *,
    rng: np.random.Generator,
    level: float = DEFAULT_LEVEL,
    resamples: int = _RESAMPLES,
) -> Estimate | None:
    """Return a statistic of pairs with a percentile interval from resampled clusters.

    Args:
        statistic: Such as :func:`auc`; resamples on which it is ``nan`` are left out.
        first: Its first argument, shape ``(n,)``.
        second: Its second argument, shape ``(n,)``.
        clusters: The cluster of each pair, length ``n``.
        rng: Source of randomness.
        level: Nominal coverage.
        resamples: Number of resamples.

    Returns:
        The estimate, ``None`` if the statistic is ``nan`` on the pairs themselves.

    Raises:
        ValueError: The lengths differ.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentiles).
    """
    a, b = np.asarray(first), np.asarray(second)
    if not len(a) == len(b) == len(clusters):
        raise ValueError("a statistic of pairs wants as many of both, and a cluster for each")
    found = statistic(a, b)
    if np.isnan(found):
        return None
    members: dict[object, list[int]] = {}
    for place, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(place)
    groups: list[NDArray[np.intp]] = [np.array(places) for places in members.values()]
    drawn = []
    for _ in range(resamples):
        places = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        drawn.append(statistic(a[places], b[places]))
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(
        estimate=found,
        low=float(low),
        high=float(high),
        n=len(a),
        clusters=len(groups),
        level=level,
        method=f"cluster bootstrap, percentile, {resamples} resamples",
    )
