"""Lines of score over size: against numpy's fit, on made-up models, by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.analysis.scaling import fit_scaling


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@given(st.integers(2, 6), st.integers(1, 30), st.integers(0, 1000))
def test_the_line_is_that_of_least_squares(models: int, problems: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    sizes = 10.0 ** np.sort(draw.uniform(7, 11, size=models)) + np.arange(models)
    scores = (draw.random((models, problems)) < 0.4).astype(float)
    fit = fit_scaling(sizes, scores, rng=np.random.default_rng(1), resamples=20)
    slope, intercept = np.polyfit(np.log10(sizes), scores.mean(axis=1), 1)
    assert fit.slope.estimate == pytest.approx(slope, abs=1e-6)
    assert fit.intercept == pytest.approx(intercept, abs=1e-4)
    assert len(fit.parameters) == len(fit.line) == len(fit.low) == len(fit.high)
    assert fit.parameters[0] == pytest.approx(sizes.min())
    assert fit.parameters[-1] == pytest.approx(sizes.max())


def test_models_on_a_line_leave_no_residual(rng: np.random.Generator) -> None:
    scores = np.zeros((3, 100))
    for row, right in enumerate((10, 30, 50)):
        scores[row, :right] = 1
    fit = fit_scaling([1e8, 1e9, 1e10], scores, rng=rng)
    assert fit.slope.estimate == pytest.approx(0.2)
    assert fit.residual == pytest.approx(0, abs=1e-9)
    assert fit.line[0] == pytest.approx(0.1)
    assert fit.low[0] <= 0.1 <= fit.high[0]


def test_the_slopes_interval_holds_the_truth_about_as_often_as_said(
    rng: np.random.Generator,
) -> None:
    chances = np.array([0.2, 0.35, 0.5])
    hits = 0
    for _ in range(200):
        scores = (rng.random((3, 120)) < chances[:, None]).astype(float)
        fit = fit_scaling([1e8, 1e9, 1e10], scores, rng=rng, resamples=300, points=2)
        hits += fit.slope.low <= 0.15 <= fit.slope.high
    assert 0.90 <= hits / 200 <= 0.99


@pytest.mark.parametrize(
    ("sizes", "scores"),
    [([1e8, 1e8], [[1], [0]]), ([1e8], [[1]]), ([1e8, 1e9], [1, 0]), ([1e8, 1e9], [[], []])],
)
def test_what_is_no_line_is_refused(
    sizes: list[float], scores: list[object], rng: np.random.Generator
) -> None:
    with pytest.raises(ValueError, match=r"scores must|two sizes"):
        fit_scaling(sizes, scores, rng=rng)
