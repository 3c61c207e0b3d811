"""Each operation: its value by hand, and the same value from its Python text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.errors import FormatError
from generators.problems.mathqa.formula import parse_formula
from generators.problems.mathqa.operations import OPERATIONS, factorial
from generators.problems.mathqa.running import run_program

BY_HAND: list[tuple[str, tuple[float, ...], float]] = [
    ("add", (2, 3), 5),
    ("subtract", (2, 3), -1),
    ("multiply", (2, 3), 6),
    ("divide", (3, 2), 1.5),
    ("speed", (120, 4), 30),
    ("power", (2, 3), 8),
    ("power", (2, 9), 32),
    ("inverse", (4,), 0.25),
    ("negate", (4,), -4),
    ("negate_prob", (0.25,), 0.75),
    ("sqrt", (9,), 3),
    ("sqrt", (-9,), 0),
    ("log", (8,), 3),
    ("log", (0,), math.log2(1e-5)),
    ("floor", (2.9,), 2),
    ("max", (2, 3), 3),
    ("reminder", (17, 5), 2),
    ("sine", (math.pi / 2,), 1),
    ("cosine", (math.pi,), -1),
    ("factorial", (5.9,), 120),
    ("factorial", (40,), math.factorial(15)),
    ("choose", (5, 2), 10),
    ("choose", (2, 5), 0),
    ("permutation", (5, 2), 20),
    ("permutation", (2, 5), 20),
    ("gcd", (12, 18), 6),
    ("lcm", (4, 6), 12),
    ("count_interval", (9, 3), 7),
    ("union_prob", (0.5, 0.4, 0.2), 0.7),
    ("from_percent", (25,), 0.25),
    ("percent", (25, 80), 20),
    ("gain_percent", (25,), 125),
    ("loss_percent", (25,), 75),
    ("negate_percent", (25,), 75),
    ("price_after_gain", (25, 80), 100),
    ("p_after_gain", (25, 80), 100),
    ("price_after_loss", (25, 80), 60),
    ("original_price_before_gain", (25, 100), 80),
    ("original_price_before_loss", (20, 80), 8000 / 80.00001),
    ("speed_in_still_water", (12, 8), 10),
    ("stream_speed", (12, 8), 2),
    ("speed_ratio_steel_to_stream", (12, 8), 5),
    ("combined_work", (4, 12), 3),
    ("find_work", (4, 12), 6),
    ("square_area", (3,), 9),
    ("square_perimeter", (3,), 12),
    ("rhombus_perimeter", (3,), 12),
    ("square_edge_by_perimeter", (12,), 3),
    ("square_edge_by_area", (9,), 3),
    ("rectangle_area", (3, 4), 12),
    ("rectangle_perimeter", (3, 4), 14),
    ("triangle_area", (3, 4), 6),
    ("rhombus_area", (3, 4), 6),
    ("triangle_perimeter", (3, 4, 5), 12),
    ("triangle_area_three_edges", (3, 4, 5), 6),
    ("triangle_area_three_edges", (1, 1, 5), 0),
    ("quadrilateral_area", (10, 3, 5), 40),
    ("trapezium_area", (10, 3, 5), 40),
    ("circle_area", (2,), 4 * math.pi),
    ("circumface", (2,), 4 * math.pi),
    ("circle_arc", (90, 2), math.pi),
    ("circle_sector_area", (2, 90), math.pi),
    ("semi_circle_perimiter", (2,), 2 * math.pi + 4),
    ("diagonal", (3, 4), 5),
    ("volume_cube", (2,), 8),
    ("surface_cube", (2,), 24),
    ("cube_edge_by_volume", (27,), 3),
    ("volume_cylinder", (2, 3), 12 * math.pi),
    ("volume_cone", (2, 3), 4 * math.pi),
    ("volume_sphere", (3,), 36 * math.pi),
    ("surface_sphere", (3,), 36 * math.pi),
    ("volume_rectangular_prism", (2, 3, 4), 24),
    ("surface_rectangular_prism", (2, 3, 4), 52),
]
WITHOUT_PARENTHESES = {"speed_in_still_water": 16.0, "stream_speed": 8.0}  # of 12 and 8


def formula_of(name: str) -> str:
    return f"{name}({','.join(f'n{index}' for index in range(OPERATIONS[name].arity))})"


def test_every_operation_is_tried() -> None:
    assert {name for name, _, _ in BY_HAND} == set(OPERATIONS)


@pytest.mark.parametrize(("name", "operands", "expected"), BY_HAND)
def test_values_by_hand(name: str, operands: tuple[float, ...], expected: float) -> None:
    formula = parse_formula(formula_of(name))
    numbers = [float(one) for one in operands]
    assert formula.value(numbers) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    written = WITHOUT_PARENTHESES.get(name, expected)
    assert run_program(formula.program(numbers)) == pytest.approx(written, rel=1e-12, abs=1e-12)


@given(st.sampled_from(sorted(OPERATIONS)), st.data())
def test_a_program_agrees_with_the_formula_wherever_both_have_a_value(
    name: str, data: st.DataObject
) -> None:
    if name in WITHOUT_PARENTHESES:
        return
    arity = OPERATIONS[name].arity
    sizes = st.floats(-1e4, 1e4, allow_nan=False).map(lambda x: round(x, 3))
    numbers = data.draw(st.lists(sizes, min_size=arity, max_size=arity))
    formula = parse_formula(formula_of(name))
    value, ran = formula.value(numbers), run_program(formula.program(numbers))
    if ran is None:
        assert value is None or value == 0  # a division by zero raises in Python only
    else:
        assert value == pytest.approx(ran, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["divide", "speed", "inverse"])
def test_a_division_by_zero_is_zero_in_a_formula_and_raises_in_python(name: str) -> None:
    numbers = [0.0] if name == "inverse" else [3.0, 0.0]
    formula = parse_formula(formula_of(name))
    assert formula.value(numbers) == 0
    assert run_program(formula.program(numbers)) is None


@pytest.mark.parametrize(
    ("name", "operands"),
    [
        ("power", (-8.0, 0.5)),  # complex
        ("power", (0.0, -1.0)),
        ("power", (1e300, 5.0)),
        ("reminder", (3.0, 0.0)),
        ("factorial", (-1.0,)),
        ("permutation", (-3.0, -2.0)),
        ("permutation", (1e9, 5e8)),
        ("square_edge_by_area", (-4.0,)),
        ("cube_edge_by_volume", (-8.0,)),
        ("speed_ratio_steel_to_stream", (3.0, 3.0)),
        ("combined_work", (0.0, 3.0)),
    ],
)
def test_what_has_no_real_finite_value_has_none(name: str, operands: tuple[float, ...]) -> None:
    formula = parse_formula(formula_of(name))
    assert formula.value(operands) is None
    assert run_program(formula.program(operands)) is None


@pytest.mark.parametrize("name", ["min", "surface_cylinder", "exec", "__import__", "Add"])
def test_operations_that_the_published_conversion_does_not_know(name: str) -> None:
    with pytest.raises(FormatError, match="unknown operation"):
        parse_formula(f"{name}(n0,n1)")


def test_large_factorials_end_at_once() -> None:
    assert factorial(170) == math.factorial(170)
    with pytest.raises(ValueError, match="above"):
        factorial(10**9)


def test_whole_permutations_of_many() -> None:
    formula = parse_formula("permutation(n0,n1)")
    assert formula.value([200.0, 2.0]) == run_program(formula.program([200.0, 2.0])) == 39_800
