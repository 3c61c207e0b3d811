"""Rows to problems, on rows made by hand: numbers, options, every reason to drop a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.errors import DataError, FormatError
from generators.problems.mathqa.convert import (
    Drop,
    convert_row,
    convert_rows,
    declared_option,
    find_numbers,
    read_rows,
)
from generators.problems.mathqa.records import (
    MathProblem,
    MathSplit,
    read_problems,
    write_problems,
)

DEV = MathSplit.DEV


def test_a_problem(make_raw: Any) -> None:
    assert convert_row(make_raw(), DEV, 7) == MathProblem(
        id="dev/7",
        split=DEV,
        text="# what is 20 % of 1,500 ? n0 = 20.0 n1 = 1500.0",
        numbers=(20.0, 1500.0),
        code="n0 = 20.0\nn1 = 1500.0\nt0 = n0 / 100.0\nanswer = n1 * t0",
        dsl="divide(n0,const_100)|multiply(n1,#0)",
        answer=300.0,
        option=300.0,
        category="gain",
        rationale="20 / 100 * 1500 = 300 . answer : b",
    )


# --- numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("no numbers , but two words", []),
        ("4 - digit", [4]),
        ("-3 and +4 and - 5", [-3, 4, 5]),
        (".5 or 0.5 or 5.", [0.5, 0.5, 5]),
        ("1,250,000 and 12,34", [1_250_000, 12, 34]),
        ("1 / 2 and 3/4", [1, 2, 3, 4]),
        ("6.02e23 and 1e-3 and 2e", [6.02e23, 0.001, 2]),
        ("10th of x2", [10, 2]),
        ("3-4", [3, -4]),
        ("\u0663 is no digit here", []),
        ("1" * 400, [float("inf")]),
    ],
)
def test_numbers_of_a_text(text: str, numbers: list[float]) -> None:
    assert find_numbers(text) == numbers


@given(st.lists(st.floats(0, 1e15), max_size=6), st.sampled_from([" ", " , ", " x ", " / "]))
def test_written_numbers_are_found_again(numbers: list[float], between: str) -> None:
    assert find_numbers(between.join(map(repr, numbers))) == numbers


@given(st.lists(st.integers(0, 10**12), max_size=6))
def test_commas_between_thousands_do_not_matter(numbers: list[int]) -> None:
    assert find_numbers(" and ".join(f"{number:,}" for number in numbers)) == numbers


@given(st.text())
def test_any_text_has_a_list_of_numbers(text: str) -> None:
    assert all(type(number) is float for number in find_numbers(text))


# --- options -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "letter", "value"),
    [
        ("a ) 24 , b ) 120", "a", 24.0),
        ("a ) 24 , b ) 120", "b", 120.0),
        ("a ) 1 / 2 , b ) 31 / 36", "b", 31 / 36),
        ("a ) rs . 1,200 , b ) 7", "a", 1200.0),
        ("a ) none , b ) 7", "a", 7.0),  # the first number after the letter, whoever has it
        ("a ) 12 , b ) none", "b", None),
        ("a ) 12 , b ) 13", "c", None),
        ("a ) 1.5 / 2 , b ) 3", "a", 1.5),  # the published rule misses this slash
        ("a ) 5 / x , b ) y", "a", None),
        ("a ) 5 / 0 , b ) y", "a", None),
        ("", "a", None),
    ],
)
def test_the_number_of_an_option(options: str, letter: str, value: float | None) -> None:
    assert declared_option(options, letter) == value


# --- reasons to drop a row ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"options": "a ) 1 , b ) none of these"}, Drop.NO_NUMERIC_ANSWER),
        ({"options": f"a ) 1 , b ) {'9' * 400}"}, Drop.NO_NUMERIC_ANSWER),
        ({"options": "a ) 1 , b ) 0"}, Drop.ZERO_OR_NONE),
        ({"linear_formula": "subtract(n0,n0)|"}, Drop.ZERO_OR_NONE),
        ({"linear_formula": "min(n0,n1)|"}, Drop.ZERO_OR_NONE),
        ({"linear_formula": "add(n0,n7)|"}, Drop.ZERO_OR_NONE),
        ({"linear_formula": ""}, Drop.ZERO_OR_NONE),
        ({"linear_formula": "power(n0,n1)|power(#0,n1)|"}, Drop.OFF),
        ({"options": "a ) 1 , b ) 303.1"}, Drop.OFF),
        ({"options": "a ) 1 , b ) -300"}, Drop.OFF),
        # 10 by the formula; 20 + 0 / 2 by the published text, which lacks the parentheses
        (
            {
                "Problem": "20 0",
                "options": "b ) 10",
                "linear_formula": "speed_in_still_water(n0,n1)",
            },
            Drop.PROGRAM_DIFFERS,
        ),
        # n0 + n0 / 0: 20 by the formula, nothing by Python
        (
            {
                "Problem": "20 0",
                "options": "b ) 20",
                "linear_formula": "divide(n0,n1)|add(n0,#0)",
            },
            Drop.PROGRAM_DIFFERS,
        ),
        # A number that no program can hold, and that the formula does not use
        ({"Problem": f"20 % of 1,500 {'9' * 400}"}, Drop.PROGRAM_DIFFERS),
    ],
)
def test_reasons_to_drop_a_row(make_raw: Any, changes: dict[str, str], reason: Drop) -> None:
    assert convert_row(make_raw(**changes), DEV, 0) is reason
    found = convert_rows([make_raw(), make_raw(**changes), make_raw()], DEV)
    assert found.rows == 3
    assert [problem.id for problem in found.problems] == ["dev/0", "dev/2"]
    assert found.dropped == {one.value: int(one is reason) for one in Drop}


def test_one_percent_is_enough(make_raw: Any) -> None:
    problem = convert_row(make_raw(options="a ) 1 , b ) 303"), DEV, 0)
    assert isinstance(problem, MathProblem)
    assert (problem.answer, problem.option) == (300.0, 303.0)


def test_whole_values_stay_whole(make_raw: Any) -> None:
    raw = make_raw(Problem="lcm of 4 and 6", options="b ) 12", linear_formula="lcm(n0,n1)")
    problem = convert_row(raw, DEV, 0)
    assert isinstance(problem, MathProblem)
    assert type(problem.answer) is int


# --- files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[", "broken JSON"),
        ("[" * 200_000, "broken JSON"),
        ("{}", "a dict, not a JSON array"),
        ("[1]", "row 0: a int, not a JSON object"),
        ("[{}]", "row 0: field 'Problem' is missing or no text"),
        ('[{"Problem": 1}]', "row 0: field 'Problem'"),
    ],
)
def test_a_broken_raw_file_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "dev.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=reason) as caught:
        read_rows(path)
    assert str(caught.value).startswith(str(path))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    path.write_bytes(b'["\xff"]')
    with pytest.raises(FormatError, match="broken JSON"):
        read_rows(path)
    with pytest.raises(DataError, match="No such file"):
        read_rows(tmp_path / "gone.json")


def test_problems_survive_a_file(make_raw: Any, tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    problems = convert_rows([make_raw(), make_raw(Rationale="\u221a2 \u2234")], DEV).problems
    assert write_problems(path, {"name": "made"}, problems) == 2
    assert read_problems(path) == problems
    head = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert head == {"schema": "probe.math_problem", "version": 1, "source": {"name": "made"}}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"code": 1}, "'code' is int"),
        ({"split": "valid"}, "'valid' is not a valid MathSplit"),
        ({"numbers": [1]}, "'numbers' is no list of floats"),
        ({"answer": True}, "'answer' is no finite number"),
        ({"option": None}, "'option' is no finite number"),
        ({"more": 1}, "unknown fields: more"),
    ],
)
def test_a_broken_record_is_named(make_raw: Any, tmp_path: Path, change: Any, reason: str) -> None:
    path = tmp_path / "problems.jsonl"
    (problem,) = convert_rows([make_raw()], DEV).problems
    write_problems(path, {}, [problem])
    with path.open("a") as stream:
        stream.write(json.dumps({**problem.to_json(), **change}) + "\n")
    with pytest.raises(FormatError, match=f"jsonl:3: .*{reason}"):
        read_problems(path)


def test_the_question_alone(make_raw: Any) -> None:
    question = "a # n0 = 5 problem of 2 parts"
    problem = convert_row(
        make_raw(Problem=question, options="b ) 5", linear_formula="add(n1,n0)"), DEV, 0
    )
    assert isinstance(problem, MathProblem)
    assert problem.question == question
    assert problem.text.startswith(f"# {question} n0 = 0.0 n1 = 5.0 n2 = 2.0")
