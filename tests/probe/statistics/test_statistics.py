"""Intervals and tests against scipy, brute force and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from probe.statistics import (
    associate,
    associations_corrected,
    balanced_bootstrap,
    cluster_bootstrap,
    corrected,
    holm,
    mcnemar,
    pair,
    paired_difference,
    wilson,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


@given(st.integers(1, 300), st.data())
def test_wilson_is_the_closed_form(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    z = stats.norm.ppf(0.975)
    middle = (k + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * np.sqrt(k * (n - k) / n + z * z / 4)
    found = wilson(k, n)
    assert found.low == pytest.approx(max(0.0, middle - half), abs=1e-9)
    assert found.high == pytest.approx(min(1.0, middle + half), abs=1e-9)


def test_bootstrap_of_one_item_clusters_is_the_binomial_interval(rng: np.random.Generator) -> None:
    values = np.array([1] * 120 + [0] * 280)
    found = cluster_bootstrap(values, range(400), rng=rng, resamples=20_000)
    low, high = stats.binom.ppf([0.025, 0.975], 400, 0.3) / 400
    assert found.estimate == pytest.approx(0.3)
    assert found.low == pytest.approx(low, abs=0.005)
    assert found.high == pytest.approx(high, abs=0.005)


def test_equal_items_in_clusters_do_not_narrow_the_interval(rng: np.random.Generator) -> None:
    few = cluster_bootstrap([1, 0, 1, 0, 0, 1, 0, 0], range(8), rng=rng)
    many = cluster_bootstrap(
        np.repeat([1, 0, 1, 0, 0, 1, 0, 0], 50), np.repeat(np.arange(8), 50), rng=rng
    )
    assert many.n == 400
    assert many.clusters == 8
    assert many.high - many.low == pytest.approx(few.high - few.low, abs=0.126)  # one program


def test_bootstrap_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    hits, runs, programs, calls = 0, 2000, 60, 5
    for _ in range(runs):
        ability = rng.beta(2, 3, size=programs)
        values = (rng.random((programs, calls)) < ability[:, None]).astype(float).ravel()
        found = cluster_bootstrap(
            values, np.repeat(np.arange(programs), calls), rng=rng, resamples=500
        )
        hits += found.low <= 0.4 <= found.high
    assert 0.93 <= hits / runs <= 0.97


@pytest.mark.parametrize(("value", "end"), [(0, "low"), (1, "high")])
def test_unanimous_items_still_have_an_interval(
    rng: np.random.Generator, value: int, end: str
) -> None:
    found = cluster_bootstrap([value] * 40, np.repeat(np.arange(10), 4), rng=rng)
    assert getattr(found, end) == pytest.approx(value)
    assert found.high - found.low > 0.2  # ten programs, not forty items
    assert "Wilson" in found.method


def test_the_same_seed_gives_the_same_interval() -> None:
    values, clusters = [1, 0, 0, 1, 1, 0], ["a", "a", "b", "b", "c", "c"]
    first, again = (
        cluster_bootstrap(values, clusters, rng=np.random.default_rng(3)) for _ in range(2)
    )
    assert first == again


def test_order_of_items_does_not_change_the_interval() -> None:
    values, clusters = [1, 0, 0, 1, 1, 0], ["a", "a", "b", "b", "c", "c"]
    first = cluster_bootstrap(values, clusters, rng=np.random.default_rng(3))
    turned = cluster_bootstrap(values[::-1], clusters[::-1], rng=np.random.default_rng(3))
    assert first == turned


def test_a_paired_difference_is_narrower_than_two_intervals(rng: np.random.Generator) -> None:
    before = (rng.random(200) < 0.4).astype(float)
    after = before.copy()
    after[np.flatnonzero(before == 0)[:20]] = 1
    found = paired_difference(before, after, range(200), rng=rng)
    alone = cluster_bootstrap(before, range(200), rng=rng)
    assert found.estimate == pytest.approx(0.1)
    assert found.low > 0
    assert found.high - found.low < alone.high - alone.low


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_is_the_sign_test_on_what_differs(pairs: list[tuple[bool, bool]]) -> None:
    found = mcnemar([a for a, _ in pairs], [b for _, b in pairs])
    assert found.only_a == sum(a and not b for a, b in pairs)
    assert found.only_b == sum(b and not a for a, b in pairs)
    n = found.only_a + found.only_b
    p = stats.binomtest(found.only_b, n).pvalue if n else 1.0
    assert found.p == pytest.approx(p)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_scores_that_do_not_fit_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="at least one item"):
        cluster_bootstrap([], [], rng=rng)
    with pytest.raises(ValueError, match="equally long"):
        cluster_bootstrap([1, 0], [1], rng=rng)
    with pytest.raises(ValueError, match="same items"):
        paired_difference([1], [1, 0], [1], rng=rng)
    with pytest.raises(ValueError, match="same items"):
        mcnemar([True], [True, False])


def test_balanced_counts_every_group_the_same(rng: np.random.Generator) -> None:
    values = [1] * 90 + [0] * 10
    groups = ["int"] * 90 + ["str"] * 10
    found = balanced_bootstrap(values, groups, range(100), rng=rng)
    assert found.estimate == pytest.approx(0.5)
    assert found.low == found.high == pytest.approx(0.5)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("ab")), min_size=1, max_size=30))
def test_balanced_is_the_mean_of_the_means(rows: list[tuple[bool, str]]) -> None:
    values, groups = [row[0] for row in rows], [row[1] for row in rows]
    found = balanced_bootstrap(
        values, groups, range(len(rows)), rng=np.random.default_rng(0), resamples=50
    )
    means = [
        np.mean([value for value, group in rows if group == name]) for name in sorted(set(groups))
    ]
    assert found.estimate == pytest.approx(np.mean(means))
    assert found.low <= found.high


def test_balanced_covers_the_truth(rng: np.random.Generator) -> None:
    """Two groups of unlike size and share: the interval holds their mean about as often as said."""
    hits = 0
    for _ in range(200):
        values = np.concatenate([rng.random(80) < 0.3, rng.random(20) < 0.7])
        groups = ["a"] * 80 + ["b"] * 20
        found = balanced_bootstrap(values, groups, range(100), rng=rng, resamples=400)
        hits += found.low <= 0.5 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_a_pair_counts_every_item_once(answers: list[tuple[bool, bool]]) -> None:
    first, second = ([a for a, _ in answers], [b for _, b in answers])
    found = pair(first, second, range(len(answers)))
    counts = [answers.count(both) for both in ((True, True), (True, False), (False, True))]
    assert [found.both, found.only_first, found.only_second] == counts
    assert found.neither == answers.count((False, False))
    assert found.difference.estimate == pytest.approx(np.mean(second) - np.mean(first))
    assert found.p == found.p_holm == mcnemar(first, second).p


def test_pairs_are_corrected_together() -> None:
    family = [pair([False] * n, [True] * n, range(n)) for n in (3, 8, 5)]
    assert [one.p_holm for one in corrected(family)] == holm([one.p for one in family])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_association_is_that_of_the_contingency_table(pairs: list[tuple[bool, bool]]) -> None:
    first, second = zip(*pairs, strict=True)
    found = associate(first, second)
    both = sum(a and b for a, b in pairs)
    only_first = sum(a and not b for a, b in pairs)
    only_second = sum(b and not a for a, b in pairs)
    table = [[both, only_first], [only_second, len(pairs) - both - only_first - only_second]]
    if len(set(first)) < 2 or len(set(second)) < 2:
        assert not found.defined
        assert found.p == 1.0
        return
    assert found.defined
    assert found.p == pytest.approx(stats.fisher_exact(table).pvalue)
    assert 0 <= found.low <= (np.inf if found.odds_ratio is None else found.odds_ratio)
    flipped = associate(second, first)
    assert flipped.odds_ratio == pytest.approx(found.odds_ratio)
    assert associate(np.array(first), ~np.array(second)).p == pytest.approx(found.p)


def test_associations_are_corrected_together() -> None:
    one = associate([True] * 9 + [False] * 9, [True] * 8 + [False] * 10)
    same = associations_corrected([one, one])
    assert [found.p_holm for found in same] == pytest.approx([2 * one.p] * 2)


def test_a_property_wants_the_same_problems() -> None:
    with pytest.raises(ValueError, match="same problems"):
        associate([True], [True, False])
    with pytest.raises(ValueError, match="same problems"):
        associate([], [])
