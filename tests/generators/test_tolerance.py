"""The named tolerances: what they let through, and what is no number at all."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.tolerance import Tolerance, is_number, numbers_match

NO_NUMBERS = [
    math.nan, math.inf, -math.inf, True, False, None, "5", 5j, Decimal(5), Fraction(5), [5],
]  # fmt: skip
finite = st.floats(allow_nan=False, allow_infinity=False) | st.integers()
rules = st.sampled_from(Tolerance)


@pytest.mark.parametrize(
    ("answer", "expected", "exact8", "abs1e_4", "rel1pct"),
    [
        (5, 5.0, True, True, True),
        (-0.0, 0, True, True, True),
        (1.000000009, 1.0, True, True, True),
        (1.00000002, 1.0, False, True, True),
        (1.00009, 1.0, False, True, True),
        (1.0002, 1.0, False, False, True),
        (99.0, 100.0, False, False, True),
        (101.1, 100.0, False, False, False),
        (-100.0, 100.0, False, False, False),
        (0.00005, 0.0, False, True, False),
        (1e300, 1.001e300, False, False, True),
        (10**400, 10**400, True, True, True),
        (10**400, 10**400 + 1, False, False, False),
        (10**400, 1.7e308, False, False, False),
        (1.7e308, -1.7e308, False, False, False),
        (2**53, float(2**53), True, True, True),
    ],
)
def test_by_hand(answer: Any, expected: Any, exact8: bool, abs1e_4: bool, rel1pct: bool) -> None:
    verdicts = [numbers_match(answer, expected, rule) for rule in Tolerance]
    assert verdicts == [exact8, abs1e_4, rel1pct]


def test_names_are_stored_with_scores() -> None:
    assert [rule.value for rule in Tolerance] == ["exact8", "abs1e-4", "rel1pct"]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
@given(other=finite, rule=rules)
def test_what_is_no_number_matches_nothing(value: Any, other: Any, rule: Tolerance) -> None:
    assert not is_number(value)
    assert not numbers_match(value, other, rule)
    assert not numbers_match(other, value, rule)
    assert not numbers_match(value, value, rule)


@given(finite, rules)
def test_a_number_matches_itself(number: Any, rule: Tolerance) -> None:
    assert numbers_match(number, number, rule) is True


@given(finite | st.integers(-(10**400), 10**400), finite, rules)
def test_the_rules_are_symmetric_and_strict(one: Any, other: Any, rule: Tolerance) -> None:
    verdict = numbers_match(one, other, rule)
    assert verdict is numbers_match(other, one, rule)
    if numbers_match(one, other, Tolerance.EXACT8):
        assert numbers_match(one, other, Tolerance.ABS1E_4)


@given(st.floats(1e-3, 1e12), st.floats(-0.0099, 0.0099))
def test_one_percent_is_relative(number: float, part: float) -> None:
    assert numbers_match(number * (1 + part), number, Tolerance.REL1PCT)
    assert not numbers_match(number * (1.02 + abs(part)), number, Tolerance.REL1PCT)
