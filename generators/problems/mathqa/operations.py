"""The operations of MathQA's formula language: what each is worth, and its text in Python.

Called by :mod:`generators.problems.mathqa.formula`. The two columns of the table are written
separately and tests hold them against each other. They differ where the published conversion
does: a division by zero is worth 0 here and raises in Python, and the Python text of
``speed_in_still_water`` and ``stream_speed`` lacks the parentheses. ``gcd`` and ``lcm`` are those
of ``math``: SciPy has dropped the ones that the published programs call.

Source: google/trax, ``CreateMathQAInputs``; operations that it does not know (``min``,
``surface_cylinder``) are not known here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from generators.tolerance import is_number

__all__ = ["OPERATIONS", "Operation", "choose", "factorial", "in_range"]

_MOST = 10_000


def in_range(value: Any) -> bool:
    """Tell whether a value is a finite real number, and one that a float can hold."""
    return is_number(value) and abs(value) <= sys.float_info.max


def factorial(value: int) -> int:
    """Return ``value!``.

    Raises:
        ValueError: The number is negative or so large that the result would take long.
    """
    if value > _MOST:
        raise ValueError(f"factorial of a number above {_MOST}")
    return math.factorial(value)


def choose(total: float, chosen: float) -> float:
    """Return the binomial coefficient, also of numbers that are not whole, as SciPy defines it."""
    from scipy.special import comb  # takes a while, and few formulas need it

    return float(comb(total, chosen))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the formula language.

    Attributes:
        name: Its name in formulas.
        arity: How many operands it takes.
        value: What it is worth. Raises ``ArithmeticError``, ``ValueError`` or ``TypeError`` where
            it is worth nothing.
        python: Format string of the Python expression, with the operands' texts for ``{0}``,
            ``{1}`` and ``{2}``.
    """

    name: str
    arity: int
    value: Callable[..., Any] = field(repr=False)
    python: str


def _divide(a: float, b: float) -> float:
    return a / b if b else 0.0


def _permutation(a: float, b: float) -> float:
    most, least = max(a, b), min(a, b)
    return factorial(int(most)) / factorial(int(most - least))


def _heron(a: float, b: float, c: float) -> float:
    half = (a + b + c) / 2
    return math.sqrt(max(0, half * (half - a) * (half - b) * (half - c)))


def _rate(a: float) -> float:
    return min(a, 1 / a)


_HERON = "({0} + {1} + {2}) / 2"
_RATES = "min({0}, 1 / {0})", "min({1}, 1 / {1})"
_PI = math.pi

_Row = tuple[str, int, Callable[..., Any], str]

_ARITHMETIC: tuple[_Row, ...] = (
    ("add", 2, lambda a, b: a + b, "{0} + {1}"),
    ("subtract", 2, lambda a, b: a - b, "{0} - {1}"),
    ("multiply", 2, lambda a, b: a * b, "{0} * {1}"),
    ("divide speed", 2, _divide, "{0} / {1}"),
    ("power", 2, lambda a, b: a ** min(b, 5), "{0}**min({1}, 5)"),
    ("inverse", 1, lambda a: _divide(1, a), "1 / {0}"),
    ("negate", 1, lambda a: -a, "-{0}"),
    ("negate_prob", 1, lambda a: 1 - a, "1 - {0}"),
    ("sqrt", 1, lambda a: math.sqrt(max(0, a)), "math.sqrt(max(0, {0}))"),
    ("log", 1, lambda a: math.log(max(1e-5, a), 2), "math.log(max(1e-5, {0}), 2)"),
    ("floor", 1, math.floor, "math.floor({0})"),
    ("max", 2, max, "max({0}, {1})"),
    ("reminder", 2, lambda a, b: a % b, "{0} % {1}"),
    ("sine", 1, math.sin, "math.sin({0})"),
    ("cosine", 1, math.cos, "math.cos({0})"),
)
_COUNTING: tuple[_Row, ...] = (
    ("factorial", 1, lambda a: factorial(min(15, int(a))), "math.factorial(min(15, int({0})))"),
    ("choose", 2, choose, "scipy.special.comb({0}, {1})"),
    (
        "permutation", 2, _permutation,
        "math.factorial(int(max({0}, {1})))"
        " / math.factorial(int(max({0}, {1}) - min({0}, {1})))",
    ),
    ("gcd", 2, lambda a, b: math.gcd(int(a), int(b)), "math.gcd(int({0}), int({1}))"),
    ("lcm", 2, lambda a, b: math.lcm(int(a), int(b)), "math.lcm(int({0}), int({1}))"),
    ("count_interval", 2, lambda a, b: a - b + 1, "{0} - {1} + 1"),
    ("union_prob", 3, lambda a, b, c: a + b - c, "{0} + {1} - {2}"),
)  # fmt: skip
_TRADE: tuple[_Row, ...] = (
    ("from_percent", 1, lambda a: a / 100, "{0} / 100"),
    ("percent", 2, lambda a, b: a / 100 * b, "{0} / 100 * {1}"),
    ("gain_percent", 1, lambda a: 100 + a, "100 + {0}"),
    ("loss_percent negate_percent", 1, lambda a: 100 - a, "100 - {0}"),
    ("price_after_gain p_after_gain", 2, lambda a, b: (1 + a / 100) * b, "(1 + {0} / 100) * {1}"),
    ("price_after_loss", 2, lambda a, b: (1 - a / 100) * b, "(1 - {0} / 100) * {1}"),
    (
        "original_price_before_gain", 2,
        lambda a, b: 100 * b / (100 + a), "100 * {1} / (100 + {0})",
    ),
    (
        "original_price_before_loss", 2,
        lambda a, b: 100 * b / (100 + 1e-5 - a), "100 * {1} / (100 + 1e-5 - {0})",
    ),
)  # fmt: skip
_MOTION: tuple[_Row, ...] = (
    ("speed_in_still_water", 2, lambda a, b: (a + b) / 2, "{0} + {1} / 2"),
    ("stream_speed", 2, lambda a, b: (a - b) / 2, "{0} - {1} / 2"),
    (
        "speed_ratio_steel_to_stream", 2,
        lambda a, b: (a + b) / (a - b), "({0} + {1}) / ({0} - {1})",
    ),
    (
        "combined_work", 2,
        lambda a, b: 1 / (_rate(a) + _rate(b)), f"1 / ({_RATES[0]} + {_RATES[1]})",
    ),
    (
        "find_work", 2,
        lambda a, b: 1 / (max(_rate(a), _rate(b)) - min(_rate(a), _rate(b))),
        f"1 / (max({_RATES[0]}, {_RATES[1]}) - min({_RATES[0]}, {_RATES[1]}))",
    ),
)  # fmt: skip
_PLANE: tuple[_Row, ...] = (
    ("square_area", 1, lambda a: a**2, "{0}**2"),
    ("square_perimeter rhombus_perimeter", 1, lambda a: 4 * a, "4 * {0}"),
    ("square_edge_by_perimeter", 1, lambda a: a / 4, "{0} / 4"),
    ("square_edge_by_area", 1, math.sqrt, "math.sqrt({0})"),
    ("rectangle_area", 2, lambda a, b: a * b, "{0} * {1}"),
    ("rectangle_perimeter", 2, lambda a, b: 2 * (a + b), "2 * ({0} + {1})"),
    ("triangle_area rhombus_area", 2, lambda a, b: a * b / 2, "{0} * {1} / 2"),
    ("triangle_perimeter", 3, lambda a, b, c: a + b + c, "{0} + {1} + {2}"),
    (
        "triangle_area_three_edges", 3, _heron,
        f"math.sqrt(max(0, {_HERON} * ({_HERON} - {{0}}) * ({_HERON} - {{1}})"
        f" * ({_HERON} - {{2}})))",
    ),
    (
        "quadrilateral_area trapezium_area", 3,
        lambda a, b, c: a * (b + c) / 2, "{0} * ({1} + {2}) / 2",
    ),
    ("circle_area", 1, lambda a: _PI * a**2, "math.pi * {0}**2"),
    ("circumface", 1, lambda a: 2 * _PI * a, "2 * math.pi * {0}"),
    ("circle_arc", 2, lambda a, b: a / 360 * 2 * _PI * b, "{0} / 360 * 2 * math.pi * {1}"),
    ("circle_sector_area", 2, lambda a, b: b / 360 * _PI * a**2, "{1} / 360 * math.pi * {0}**2"),
    ("semi_circle_perimiter", 1, lambda a: _PI * a + 2 * a, "math.pi * {0} + 2 * {0}"),
    ("diagonal", 2, lambda a, b: math.sqrt(a**2 + b**2), "math.sqrt({0}**2 + {1}**2)"),
)  # fmt: skip
_SOLID: tuple[_Row, ...] = (
    ("volume_cube", 1, lambda a: a**3, "{0}**3"),
    ("surface_cube", 1, lambda a: 6 * a**2, "6 * {0}**2"),
    ("cube_edge_by_volume", 1, lambda a: a ** (1 / 3), "{0}**(1 / 3)"),
    ("volume_cylinder", 2, lambda a, b: _PI * a**2 * b, "math.pi * {0}**2 * {1}"),
    ("volume_cone", 2, lambda a, b: _PI * a**2 * b / 3, "math.pi * {0}**2 * {1} / 3"),
    ("volume_sphere", 1, lambda a: 4 / 3 * _PI * a**3, "4 / 3 * math.pi * {0}**3"),
    ("surface_sphere", 1, lambda a: 4 * _PI * a**2, "4 * math.pi * {0}**2"),
    ("volume_rectangular_prism", 3, lambda a, b, c: a * b * c, "{0} * {1} * {2}"),
    (
        "surface_rectangular_prism", 3,
        lambda a, b, c: 2 * (a * b + a * c + b * c),
        "2 * ({0} * {1} + {0} * {2} + {1} * {2})",
    ),
)  # fmt: skip

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        name: Operation(name=name, arity=arity, value=value, python=python)
        for table in (_ARITHMETIC, _COUNTING, _TRADE, _MOTION, _PLANE, _SOLID)
        for names, arity, value, python in table
        for name in names.split()
    }
)
"""Every known operation by its name."""
