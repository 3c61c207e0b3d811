"""When two numbers count as the same: named tolerances, stored with every score that uses one.

Called by the conversion of MathQA and by whatever grades a number. Where the numbers come from
is the business of the caller.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

__all__ = ["Tolerance", "is_number", "numbers_match"]


class Tolerance(StrEnum):
    """Named rules for "the same number".

    The paper does not say which one it used for MathQA-Python.

    ``exact8``: they differ by less than 1e-8 (Source: the tests in amazon-science/mxeval).
    ``abs1e-4``: they differ by at most 1e-4 (Source: Ni et al., arXiv 2205.14318, their grader).
    ``rel1pct``: they differ by at most 1 % of the larger one (Source: google/trax, the filter by
    which MathQA-Python was made).
    """

    EXACT8 = "exact8"
    ABS1E_4 = "abs1e-4"
    REL1PCT = "rel1pct"


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite ``int`` or ``float``; ``bool`` is neither."""
    if type(value) is int:
        return True
    return type(value) is float and math.isfinite(value)


def numbers_match(answer: Any, expected: Any, tolerance: Tolerance) -> bool:
    """Tell whether an answer is the expected number.

    Whatever is no finite number (nan, infinities, bools, texts, arrays) matches nothing, not even
    itself. An integer beyond the range of floats matches only the same integer.

    Args:
        answer: Any value.
        expected: The true value.
        tolerance: The rule. All rules are symmetric.
    """
    if not (is_number(answer) and is_number(expected)):
        return False
    try:
        match tolerance:
            case Tolerance.EXACT8:
                return bool(abs(answer - expected) < 1e-8)
            case Tolerance.ABS1E_4:
                return bool(abs(answer - expected) <= 1e-4)
            case Tolerance.REL1PCT:
                return math.isclose(answer, expected, rel_tol=0.01)
    except OverflowError:
        return bool(answer == expected)
