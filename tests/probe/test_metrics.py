"""Scores of predicted outputs."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.metrics import pass_at_k, score_prediction


@pytest.mark.parametrize(
    ("expected", "answer", "exact_text", "exact"),
    [
        ("[1, 2]", "[1, 2]", True, True),
        ("[1, 2]", "[1,2]", False, True),
        ("[1, 2]", "(1, 2)", False, False),
        ("'a'", '"a"', False, True),
        ("1", "True", False, False),
        ("1", "1.0", False, False),
        ("1.0", "1.00", False, True),
        ("{1, 2}", "{2, 1}", False, True),
        ("{1}", "{True}", False, False),
        ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", False, True),
        ("float('nan')", "float('nan')", True, True),
        ("None", "", False, False),
        ("3", "1 + 2", False, False),
        ("3", "__import__('os')", False, False),
        ("[]", "[" * 5000, False, False),
    ],
)
def test_policies(expected: str, answer: str, exact_text: bool, exact: bool) -> None:
    score = score_prediction(expected, answer)
    assert (score.exact_text, score.exact) == (exact_text, exact)


@given(st.integers(1, 9), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    k = data.draw(st.integers(1, n))
    draws = list(itertools.combinations(range(n), k))
    hits = sum(any(place < right for place in draw) for draw in draws)
    assert pass_at_k(n, right, k) == pytest.approx(hits / len(draws))


@pytest.mark.parametrize("numbers", [(5, 6, 1), (5, -1, 1), (5, 2, 0), (5, 2, 6)])
def test_pass_at_k_refuses_what_cannot_be(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no pass@"):
        pass_at_k(*numbers)
