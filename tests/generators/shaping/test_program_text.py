"""Constants read from a program's text."""

from __future__ import annotations

import pytest

from generators.shaping.program_text import constants


def test_constants_and_their_neighbours() -> None:
    code = '"""Doc."""\ndef f(n, s):\n    "Says."\n    return n == 12 or s in "aeiou" or n * 2.5\n'
    assert set(constants(code)) == {11, 12, 13, "aeiou", 2.5}


def test_below_zero_only_beside_an_order() -> None:
    assert -1 in constants("def f(n):\n    return n < 0\n")
    assert -1 not in constants("def f(n):\n    while n != 0:\n        n -= 1\n")


def test_numbers_below_zero_that_are_compared_with() -> None:
    assert {-12, -13, -11} <= set(constants("def f(n):\n    return n <= -12\n"))
    assert {-2.5, -2.6, -2.4} <= set(constants("def f(n):\n    return -2.5 > n\n"))


def test_floats_have_neighbours_where_arguments_are_ordered_against_them() -> None:
    assert set(constants("def f(n):\n    return n > 0.25\n")) == {0.25, 0.24, 0.26}
    assert set(constants("def f(n):\n    return n * 0.25\n")) == {0.25}


def test_true_is_no_number_and_huge_ones_are_left_out() -> None:
    assert constants(f"x = [True, None, {10**30}, {'a' * 99!r}, '']") == ()


@pytest.mark.parametrize("code", ["def f(:", "x = '\x00'", ""])
def test_what_does_not_parse_has_none(code: str) -> None:
    assert constants(code) == ()
