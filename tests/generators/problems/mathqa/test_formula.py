"""Formulas: reading them, their values, and the programs they become."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.errors import FormatError
from generators.problems.mathqa.formula import parse_formula
from generators.problems.mathqa.operations import OPERATIONS
from generators.problems.mathqa.running import run_program


@st.composite
def formulas(draw: st.DrawFn) -> str:
    """Texts of sound formulas over three numbers."""
    steps: list[str] = []
    for index in range(draw(st.integers(1, 8))):
        name = draw(st.sampled_from(sorted(OPERATIONS)))
        operand = st.sampled_from(
            ["n0", "n1", "n2", "const_pi", "const_100", "const_0_2778", "const_deg_to_rad"]
            + [f"#{earlier}" for earlier in range(index)]
        )
        arity = OPERATIONS[name].arity
        steps.append(f"{name}({','.join(draw(operand) for _ in range(arity))})")
    return "|".join(steps)


def test_a_program() -> None:
    formula = parse_formula("sqrt(n1)|multiply(#0,const_0_2778)|choose(n0,const_2)|add(#1,#2)|")
    assert formula.program([5.0, 16.0, 1e22]) == (
        "import math\n"
        "import scipy\n"
        "n0 = 5.0\n"
        "n1 = 16.0\n"
        "n2 = 1e+22\n"
        "t0 = math.sqrt(max(0, n1))\n"
        "t1 = t0 * 0.2778\n"
        "t2 = scipy.special.comb(n0, 2.0)\n"
        "answer = t1 + t2"
    )
    assert formula.value([5.0, 16.0]) == pytest.approx(11.1112)


def test_programs_run_as_they_stand() -> None:
    """With the real modules, as a reader of the file would run them."""
    formula = parse_formula("choose(n0,n1)|lcm(#0,n2)|log(#1)|sine(const_pi)|add(#2,#3)")
    numbers = [6.0, 3.0, 8.0]
    scope: dict[str, float] = {}
    exec(formula.program(numbers), scope)
    assert scope["answer"] == pytest.approx(math.log2(40))
    assert scope["answer"] == pytest.approx(run_program(formula.program(numbers)))


def test_one_operation_is_the_answer() -> None:
    assert parse_formula("negate(n0)").program([2.0]) == "n0 = 2.0\nanswer = -n0"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("const_100", 100.0),
        ("const_0_2778", 0.2778),
        ("const_3.0", 3.0),
        ("const_0.5", 0.5),
        ("const_pi", math.pi),
        ("const_deg_to_rad", math.pi / 180),
        ("const_0", 0.0),
    ],
)
def test_constants(text: str, value: float) -> None:
    formula = parse_formula(f"add({text},const_0)")
    assert formula.value([]) == value
    assert formula.program([]) == f"answer = {value!r} + 0.0"


@given(formulas())
def test_reading_and_writing_are_inverse(text: str) -> None:
    formula = parse_formula(text)
    assert formula.text() == text
    assert parse_formula(f" {text.replace(',', ' , ').replace('(', ' ( ')} | ") == formula


@given(formulas(), st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3))
def test_a_value_is_a_finite_real_number_or_none(text: str, numbers: list[float]) -> None:
    value = parse_formula(text).value(numbers)
    assert value is None or (type(value) in (int, float) and math.isfinite(value))


@given(formulas(), st.tuples(*[st.floats(-1e6, 1e6)] * 3))
def test_programs_hold_nothing_but_assignments_of_arithmetic(
    text: str, numbers: tuple[float, ...]
) -> None:
    line = re.compile(r"import (math|scipy)|(n\d+|t\d+|answer) = [\w\s.,()+\-*/%]+")
    code = parse_formula(text).program(numbers)
    assert all(line.fullmatch(one) for one in code.split("\n"))
    names = set(re.findall(r"[A-Za-z_]\w*", code.replace("1e-5", "").replace("e-", "")))
    allowed = {"import", "math", "scipy", "special", "comb", "max", "min", "int", "answer"}
    allowed |= {"sqrt", "log", "floor", "sin", "cos", "factorial", "gcd", "lcm", "pi"}
    assert all(name in allowed or re.fullmatch(r"[nt]\d+", name) for name in names), names - allowed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not like name"),
        ("|", "not like name"),
        ("add(n0,n1)||", "not like name"),
        ("add(n0,n1", "not like name"),
        ("add(n0,(n1))", "not like name"),
        ("n0", "not like name"),
        ("add(n0)", "takes 2 operands, not 1"),
        ("add(n0,n1,n2)", "takes 2 operands, not 3"),
        ("add(n0,)", "no number"),
        ("add(n0,5)", "no number"),
        ("add(n0,#0)", "no earlier result"),
        ("add(n0,n1)|add(#0,#1)", "step 1 .*no earlier result"),
        ("add(n0,n-1)", "no number"),
        ("add(n0,n99999)", "no number"),
        ("add(n0,const_)", "no constant"),
        ("add(n0,const_e)", "no constant"),
        ("add(n0,const_1e9)", "no constant"),
        ("add(n0,const_-1)", "no constant"),
        ("add(n0,n\u0661)", "no number"),  # an Arabic digit
    ],
)
def test_what_is_no_formula(text: str, reason: str) -> None:
    with pytest.raises(FormatError, match=reason) as caught:
        parse_formula(text)
    assert "\n" not in str(caught.value)


def test_a_number_that_is_not_there() -> None:
    formula = parse_formula("add(n0,n2)")
    assert formula.value([1.0, 2.0]) is None
    with pytest.raises(ValueError, match="does not have"):
        formula.program([1.0, 2.0])


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_not_finite(number: float) -> None:
    formula = parse_formula("add(n0,n1)")
    assert formula.value([1.0, number]) is None
    with pytest.raises(ValueError, match="not finite"):
        formula.program([1.0, number])
