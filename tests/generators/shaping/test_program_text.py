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


def test_true_is_no_number_and_huge_ones_are_left_out() -> None:
    assert constants(f"x = [True, None, {10**30}, {'a' * 99!r}, '']") == ()


@pytest.mark.parametrize("code", ["def f(:", "x = '\x00'", ""])
def test_what_does_not_parse_has_none(code: str) -> None:
    assert constants(code) == ()
