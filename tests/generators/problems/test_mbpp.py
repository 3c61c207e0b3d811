"""Rows in MBPP's schema: parsing, normalising, splits, content hash, and every refusal."""

from __future__ import annotations

import ast
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators import jsonl
from generators.errors import DataError, FormatError
from generators.problems.mbpp import (
    normalise_code,
    normalise_line_ends,
    read_problems,
    split_of,
)
from generators.records import PROBLEM_SCHEMA, Problem, Split

Row = dict[str, Any]


def dump(code: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.dump(ast.parse(code))


@pytest.mark.parametrize(
    ("task_id", "split"),
    [
        (1, Split.PROMPT),
        (10, Split.PROMPT),
        (11, Split.TEST),
        (510, Split.TEST),
        (511, Split.VALIDATION),
        (600, Split.VALIDATION),
        (601, Split.TRAIN),
        (974, Split.TRAIN),
        (975, Split.TRAIN),
    ],
)
def test_split_follows_the_number_of_the_task(task_id: int, split: Split) -> None:
    assert split_of(task_id) is split


# --- normalising -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f():\r\n\treturn 1\r", "def f():\n    return 1\n"),
        ("if x:\n\tif y:\n\t\tz = 1\t# why\n", "if x:\n    if y:\n        z = 1    # why\n"),
        ("x = 'a\tb'\nif x:\n\ty = 1", "x = 'a\tb'\nif x:\n    y = 1"),
        ('if x:\n\ty = """a\n\tb"""\n\tz = 1', 'if x:\n    y = """a\n\tb"""\n    z = 1'),
        ('if x:\n\ty = f"""{x}\n\tb"""\n\tz = 1', 'if x:\n    y = f"""{x}\n\tb"""\n    z = 1'),
        ("print 1,\t2", "print 1,\t2"),
        ("", ""),
        ("x = '\\t'", "x = '\\t'"),
    ],
)
def test_tabs_and_line_ends_are_normalised_outside_of_strings(code: str, expected: str) -> None:
    assert normalise_code(code) == expected


def test_indentation_that_expanding_would_break_is_kept() -> None:
    # Seven blanks and a tab are column 8 to Python, nine blanks column 9; expanded it is 11 to 9.
    code = "if a:\n       \tif b:\n         c = 1\n"
    assert normalise_code(code) == code


def test_half_a_program_and_null_bytes_do_not_stop_normalising() -> None:
    assert normalise_code("def f(:\r\n\tpass") == "def f(:\n\tpass"
    assert normalise_code("x\t= '\0'") == "x\t= '\0'"


LINES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["x = 1", "x = 'a\tb'", 'x = """a\n\tb"""', "x =\t[1,\n\t2]", "f(1)\t# t"]),
    ),
    min_size=1,
    max_size=6,
)


@given(lines=LINES, end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_normalising_never_changes_a_program(lines: list[tuple[int, str]], end: str) -> None:
    code = "\n".join(
        "".join("\t" * level + "if True:\n" for level in range(depth)) + "\t" * depth + line
        for depth, line in lines
    )
    normal = normalise_code(code.replace("\n", end))
    assert "\r" not in normal
    assert dump(normal) == dump(code)
    assert normalise_code(normal) == normal


@given(st.text())
def test_normalising_line_ends_leaves_no_carriage_return(text: str) -> None:
    normal = normalise_line_ends(text)
    assert "\r" not in normal
    assert normalise_line_ends(normal) == normal


# --- reading -----------------------------------------------------------------------------


def test_lines_are_read_with_all_fields(make_row: Any, make_file: Any) -> None:
    row = make_row(
        601, test_setup_code="import re\r\n", challenge_test_list=["assert 1\r"], more="passed over"
    )
    (problem,) = read_problems(make_file([row]), source="mine")
    assert problem == Problem(
        source="mine",
        task_id=601,
        text="Write a function to add 601.",
        code="def add_601(x):\n    return x + 601",
        test_list=("assert add_601(1) == 602",),
        test_setup_code="import re\n",
        challenge_test_list=("assert 1\n",),
        split=Split.TRAIN,
    )


def test_the_optional_fields_may_be_missing(make_row: Any, make_file: Any) -> None:
    row = make_row(test_setup_code=..., challenge_test_list=...)
    (problem,) = read_problems(make_file([row]), source="mine")
    assert problem.test_setup_code == ""
    assert problem.challenge_test_list == ()


def test_the_edited_shape_is_read(make_row: Any, make_file: Any) -> None:
    row = make_row(
        text=..., prompt="Edited.", test_setup_code=..., test_imports=["import re", "import os"]
    )
    (problem,) = read_problems(make_file(json.dumps([row]), "a.json"), source="mine")
    assert problem.text == "Edited."
    assert problem.test_setup_code == "import re\nimport os"


def test_problems_are_sorted_and_a_header_and_blank_lines_passed_over(
    make_row: Any, make_file: Any
) -> None:
    head = json.dumps(jsonl.header(PROBLEM_SCHEMA))
    lines = [head, "", json.dumps(make_row(12)), json.dumps(make_row(11))]
    path = make_file("\ufeff" + "\n".join(lines))
    assert [problem.task_id for problem in read_problems(path, source="x")] == [11, 12]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task_id": "11"}, "field 'task_id' is str, not int"),
        ({"task_id": True}, "field 'task_id' is bool, not int"),
        ({"task_id": 11.0}, "field 'task_id' is float, not int"),
        ({"task_id": 0}, "task_id 0 is not a positive number"),
        ({"task_id": ...}, "field 'task_id' is missing"),
        ({"text": ...}, "field 'text' is missing"),
        ({"text": None}, "field 'text' is NoneType, not str"),
        ({"code": ...}, "field 'code' is missing"),
        ({"code": ["x"]}, "field 'code' is list, not str"),
        ({"code": " \n"}, "field 'code' is empty"),
        ({"code": "x = '\ud800'"}, "field 'code' has half a surrogate pair"),
        ({"test_list": ...}, "field 'test_list' is missing"),
        ({"test_list": "assert 1"}, "field 'test_list' is str, not list"),
        ({"test_list": ["assert 1", 2]}, "field 'test_list' holds int, not str"),
        ({"test_list": []}, "field 'test_list' is empty"),
        ({"test_setup_code": None}, "field 'test_setup_code' is NoneType, not str"),
        ({"challenge_test_list": {}}, "field 'challenge_test_list' is dict, not list"),
    ],
)
def test_a_broken_field_is_named_with_its_line(
    make_row: Any, make_file: Any, changes: Row, message: str
) -> None:
    path = make_file([make_row(12), make_row(**changes)])
    with pytest.raises(FormatError) as caught:
        read_problems(path, source="x")
    assert str(caught.value) == f"{path}:2: {message}"


def test_a_number_that_stands_twice_is_refused(make_row: Any, make_file: Any) -> None:
    path = make_file([make_row(11), make_row(12), make_row(11)])
    with pytest.raises(FormatError, match=r":3: task_id 11 stands already at .*:1$"):
        read_problems(path, source="x")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"task_id": 1', ":1: broken JSON"),
        ("a.jsonl", "\n\n7\n", ":3: a int, not a JSON object"),
        ("a.jsonl", "\n{", ":2: broken JSON"),
        ("a.json", '[\n{"task_id": 1},\n{]', ":3: broken JSON"),
        ("a.json", "[7]", ": item 1: a int, not a JSON object"),
        ("a.json", "[{}]", ": item 1: field 'task_id' is missing"),
        ("a.jsonl", '{"schema": "probe.trace", "version": 1}', ":1: expected a file of"),
        ("a.jsonl", '{"schema": "probe.problem", "version": 9}', ":1: version 9 of"),
    ],
)
def test_broken_json_is_named_with_its_line(
    make_file: Any, name: str, text: str, message: str
) -> None:
    path = make_file(text, name)
    with pytest.raises(FormatError) as caught:
        read_problems(path, source="x")
    assert f"{path}{message}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_utf8_are_refused(tmp_path: Path) -> None:
    for name, data in (("a.json", b'["\xff"]'), ("a.jsonl", b'{"text": "\xff"}')):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FormatError, match="broken JSON"):
            read_problems(tmp_path / name, source="x")


@pytest.mark.parametrize("text", ["", "\n", "[]", '{"schema": "probe.problem", "version": 1}'])
def test_a_file_without_problems_is_refused(make_file: Any, text: str) -> None:
    with pytest.raises(DataError, match="holds no problems"):
        read_problems(make_file(text), source="x")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_problems(tmp_path, source="x")
