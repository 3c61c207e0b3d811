"""The smallest difference that is found: exact power, simulation, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from probe.statistics import detectable_difference, mcnemar, paired_difference

ANSWERS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def make_answers(only_first: int, only_second: int, n: int) -> tuple[list[bool], list[bool]]:
    rest = n - only_first - only_second
    first = [True] * only_first + [False] * only_second + [True] * rest
    second = [False] * only_first + [True] * only_second + [True] * rest
    return first, second


def exact_power(n: int, differing: float, difference: float) -> float:
    """Chance that the exact McNemar test finds a difference, over all tables (Duffy 1984)."""
    found = 0.0
    for pairs in range(n + 1):
        counts = np.arange(pairs + 1)
        tails = stats.binom.cdf(np.minimum(counts, pairs - counts), pairs, 0.5)
        rejected = stats.binom.pmf(
            counts[2 * tails < 0.05], pairs, (differing + difference) / differing / 2
        )
        found += stats.binom.pmf(pairs, n, differing) * rejected.sum()
    return found


@pytest.mark.parametrize(("n", "differing"), [(100, 20), (200, 20), (300, 90)])
def test_the_exact_test_finds_it_nearly_as_often_as_said(n: int, differing: int) -> None:
    found = detectable_difference(*make_answers(differing // 2, differing // 2, n), range(n))
    assert found is not None
    assert 0.76 <= exact_power(n, differing / n, found) <= 0.81
    assert exact_power(n, differing / n, 0.7 * found) < 0.6


@pytest.mark.parametrize("n", [30, 100, 500])
def test_where_none_differs_yet_what_is_found_goes_one_way(n: int) -> None:
    found = detectable_difference([True] * n, [True] * n, range(n))
    assert found is not None
    assert 0.78 <= exact_power(n, found, found) <= 0.86


def test_the_closed_form_is_the_equation_that_it_solves() -> None:
    first, second = make_answers(20, 40, 300)
    found = detectable_difference(first, second, range(300), level=0.9, power=0.6)
    assert found is not None
    size, beyond = stats.t.ppf([0.95, 0.6], 299)
    independent = 300 * 299 / 300
    wanted = size * np.sqrt(0.2) + beyond * np.sqrt(0.2 - found**2)
    assert np.sqrt(independent) * found == pytest.approx(wanted)


def make_clustered(
    rng: np.random.Generator, difference: float, *, programs: int, calls: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Answers of which one in five differs, more of them and the same way in some programs."""
    shape = (programs, calls)
    up = (0.2 + difference) / 0.4
    differs = rng.random(shape) < rng.beta(0.4, 1.6, size=(programs, 1))
    better = rng.random(shape) < rng.beta(2 * up, 2 - 2 * up, size=(programs, 1))
    rest = rng.random(shape) < 0.4
    return np.where(differs, ~better, rest).ravel(), np.where(differs, better, rest).ravel()


def test_in_clusters_the_interval_finds_it_as_often_as_said() -> None:
    rng, programs, calls, runs = np.random.default_rng(4), 60, 5, 1500
    clusters = np.repeat(np.arange(programs), calls).tolist()
    of_nulls = [
        detectable_difference(*make_clustered(rng, 0, programs=programs, calls=calls), clusters)
        for _ in range(200)
    ]
    difference = float(np.median([one for one in of_nulls if one is not None]))
    hits = 0
    for _ in range(runs):
        first, second = make_clustered(rng, difference, programs=programs, calls=calls)
        found = paired_difference(
            first, second, clusters, rng=np.random.default_rng(0), resamples=500
        )
        hits += found.low > 0 or found.high < 0
    assert 0.77 <= hits / runs <= 0.83
    alone = detectable_difference(first, second, range(programs * calls))
    assert alone is not None
    assert alone < 0.9 * difference  # items of one program are worth less


def test_items_told_many_times_find_no_more() -> None:
    first, second = make_answers(9, 12, 80)
    once = detectable_difference(first, second, range(80))
    often = detectable_difference(
        np.repeat(first, 7), np.repeat(second, 7), np.repeat(range(80), 7)
    )
    assert once == pytest.approx(often)
    same = [
        detectable_difference([True] * n, [True] * n, [i % 40 for i in range(n)]) for n in (40, 200)
    ]
    assert same[0] == same[1]


@given(ANSWERS, st.integers(1, 9))
def test_it_is_a_difference_that_there_can_be(
    answers: list[tuple[bool, bool]], programs: int
) -> None:
    first, second = zip(*answers, strict=True)
    clusters = [place % programs for place in range(len(answers))]
    found = detectable_difference(first, second, clusters)
    assert found == detectable_difference(second, first, clusters)
    assert found is None or 0 < found <= 1
    if found is not None:
        twice = detectable_difference(
            first * 2, second * 2, [*clusters, *(c + 9 for c in clusters)]
        )
        assert twice is not None
        assert twice < found
        surer = detectable_difference(first, second, clusters, power=0.9)
        assert surer is None or surer > found


def test_too_few_find_nothing() -> None:
    assert detectable_difference([True, False], [False, True], ["a", "a"]) is None
    assert detectable_difference([False] * 3, [True] * 3, range(3)) is None
    assert mcnemar([False] * 5, [True] * 5).p > 0.05
    assert detectable_difference([False] * 5, [True] * 5, range(5)) is None
    with pytest.raises(ValueError, match="same items"):
        detectable_difference([1], [1, 0], [1])
