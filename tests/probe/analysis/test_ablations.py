"""Curves over budgets and ensembles, against brute force."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.analysis.ablations import ensemble_solved, solved_by_budget

ANSWERS = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=4)


def counts(answers: list[list[bool]]) -> dict[int, tuple[int, int]]:
    return {task: (len(row), sum(row)) for task, row in enumerate(answers)}


@given(ANSWERS)
def test_a_curve_is_the_mean_over_all_choices_of_samples(answers: list[list[bool]]) -> None:
    found = solved_by_budget(counts(answers), [1, 2, 3, 4])
    for k, one in zip((1, 2, 3, 4), found, strict=True):
        every = [any(pick) for row in answers for pick in combinations(row, k)]
        assert one.estimate == pytest.approx(sum(every) / len(every))
        assert one.n == len(answers)


@given(ANSWERS, st.data())
def test_an_ensemble_is_the_mean_over_all_choices_from_each(
    answers: list[list[bool]], data: st.DataObject
) -> None:
    same = st.lists(
        st.lists(st.booleans(), min_size=4, max_size=4),
        min_size=len(answers),
        max_size=len(answers),
    )
    others = data.draw(same)
    found = ensemble_solved([counts(answers), counts(others)], 2)
    every = [
        any((*a, *b))
        for first, second in zip(answers, others, strict=True)
        for a, b in product(combinations(first, 2), combinations(second, 2))
    ]
    assert found.estimate == pytest.approx(sum(every) / len(every))


def test_no_more_samples_than_there_are() -> None:
    with pytest.raises(ValueError, match="3 samples are wanted of 2"):
        ensemble_solved([{1: (2, 1)}], 3)
