"""How a score grows with the size of the model: a line over the logarithm of its parameters.

Called by the report where runs of several models answer the same problems. The interval comes from
resampling problems, the same for every model, so it is about problems; with few models the form
of the line is an assumption, not a finding.

Source: paper, section 4.1 (its figure is a line over log parameters).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probe.statistics import DEFAULT_LEVEL, DEFAULT_RESAMPLES, Estimate
from probe.statistics.draws import draws

__all__ = ["ScalingFit", "fit_scaling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingFit:
    """A line of score over log10 of parameters.

    Attributes:
        slope: Share of problems gained by ten times the parameters.
        intercept: Score that the line has at one parameter.
        residual: Root mean square distance of the models from the line, 0 for two models.
        parameters: Where the band is given, ascending.
        line: The line there.
        low: Lower end of the band there.
        high: Upper end of the band there.
    """

    slope: Estimate
    intercept: float
    residual: float
    parameters: tuple[float, ...]
    line: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def fit_scaling(
    parameters: Sequence[float],
    scores: ArrayLike,
    *,
    rng: np.random.Generator,
    level: float = DEFAULT_LEVEL,
    resamples: int = DEFAULT_RESAMPLES,
    points: int = 25,
) -> ScalingFit:
    """Fit a line by least squares, with intervals from resampled problems.

    Args:
        parameters: Number of parameters of each model, shape ``(models,)``, at least two unlike.
        scores: Score of each model on each problem, shape ``(models, problems)``.
        rng: Source of randomness.
        level: Nominal coverage.
        resamples: Number of bootstrap resamples.
        points: Number of places at which the band is given.

    Raises:
        ValueError: The shapes do not fit, or all models have one size.
    """
    values = np.asarray(scores, dtype=np.float64)
    x = np.log10(np.asarray(parameters, dtype=np.float64))
    if values.ndim != 2 or values.shape[0] != len(x) or not values.shape[1]:
        raise ValueError("scores must have a row for each model and a column for each problem")
    if len(np.unique(x)) < 2:
        raise ValueError("a line over sizes needs models of two sizes")
    models, problems = values.shape
    means = values.mean(axis=1)
    slope, intercept = _line(x, means[None, :])
    drawn = draws(rng, problems, resamples)
    shares = np.stack([drawn.totals(row) for row in values], axis=1) / problems
    slopes, intercepts = _line(x, shares)
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(slopes, tails)
    places = np.linspace(x.min(), x.max(), points)
    band = np.quantile(intercepts[:, None] + slopes[:, None] * places, tails, axis=0)
    residuals = means - (intercept[0] + slope[0] * x)
    return ScalingFit(
        slope=Estimate(
            estimate=float(slope[0]),
            low=float(low),
            high=float(high),
            n=models,
            clusters=problems,
            level=level,
            method=f"least squares, problems resampled {resamples} times",
        ),
        intercept=float(intercept[0]),
        residual=float(np.sqrt(np.mean(residuals**2))),
        parameters=tuple(float(10**place) for place in places),
        line=tuple(float(intercept[0] + slope[0] * place) for place in places),
        low=tuple(map(float, band[0])),
        high=tuple(map(float, band[1])),
    )


def _line(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return slopes and intercepts of many lines over the same places; ``y``: lines by places."""
    centred = x - x.mean()
    slopes = (y @ centred) / (centred @ centred)
    return slopes, y.mean(axis=1) - slopes * x.mean()
