"""Which clusters a bootstrap draws: the same draws for the same generator are made once.

Called by :mod:`probe.statistics.intervals`. A report has thousands of intervals over the same
number of programs, each from a generator that was seeded alike; drawing took most of their time.
The values that come out, and the state that a generator is left in, are those of drawing anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Draws", "draws"]

_KEPT_CELLS = 1 << 21
"""Draws of more cells (resamples by clusters) are made anew each time: they would fill memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Resamples of clusters, with replacement.

    Attributes:
        picks: The clusters of each resample, shape ``(resamples, count)``.
        counts: How often each cluster is in each resample, of the same shape.
    """

    picks: NDArray[np.int64]
    counts: NDArray[np.float64]

    def totals(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up values of clusters over each resample.

        Whole numbers are added by counting, exactly; others in the order of the picks, so that
        rounding is that of the plain sum.

        Args:
            values: One number a cluster, shape ``(..., count)``.

        Returns:
            Shape ``(..., resamples)``.
        """
        if np.array_equal(values, np.rint(values)):
            return (self.counts @ values.T).T  # laid out as the plain sum, so what follows is alike
        return np.asarray(values[..., self.picks].sum(axis=-1))


def draws(rng: np.random.Generator, count: int, resamples: int) -> Draws:
    """Draw ``resamples`` resamples of ``count`` clusters.

    Args:
        rng: Source of randomness; left as after the drawing.
        count: Number of clusters, at least 1.
        resamples: Number of resamples.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 6.
    """
    if resamples * count > _KEPT_CELLS:
        return _drawn(rng, count, resamples)
    found, after = _known(_Start(rng.bit_generator.state), count, resamples)
    rng.bit_generator.state = after
    return found


class _Start:
    """State of a generator, as a key."""

    def __init__(self, state: Any) -> None:
        self.state = state
        self._told = repr(state)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Start) and other._told == self._told

    def __hash__(self) -> int:
        return hash(self._told)


@lru_cache(maxsize=8)
def _known(start: _Start, count: int, resamples: int) -> tuple[Draws, Any]:
    generator = getattr(np.random, start.state["bit_generator"])()
    generator.state = start.state
    found = _drawn(np.random.Generator(generator), count, resamples)
    return found, generator.state


def _drawn(rng: np.random.Generator, count: int, resamples: int) -> Draws:
    picks = rng.integers(0, count, size=(resamples, count))
    places = picks + count * np.arange(resamples)[:, None]
    flat = np.bincount(places.ravel(), minlength=resamples * count)
    counts = flat.reshape(resamples, count).astype(np.float64)
    for kept in (picks, counts):
        kept.setflags(write=False)
    return Draws(picks=picks, counts=counts)
