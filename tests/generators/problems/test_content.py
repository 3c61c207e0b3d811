"""The content hash: what it depends on and what not; and what loading does to the real files."""

from __future__ import annotations

import ast
import json
import random
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.problems.mbpp import (
    content_sha256,
    parse_rows,
    read_problems,
    split_of,
)
from generators.records import Problem

Row = dict[str, Any]


def dump(code: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.dump(ast.parse(code))


def parse(rows: list[Row]) -> tuple[Problem, ...]:
    located = ((f"row {number}", row) for number, row in enumerate(rows))
    return parse_rows(located, source="x", split=split_of, where="rows")


@given(seed=st.integers(0, 2**32), array=st.booleans(), indent=st.sampled_from([None, 2]))
def test_formatting_does_not_change_the_content_hash(
    tmp_path_factory: pytest.TempPathFactory, seed: int, array: bool, indent: int | None
) -> None:
    rows = [
        {
            "task_id": number,
            "text": "Add é.",
            "code": "def f(x):\n    return x\n",
            "test_list": ["assert f(1) == 1"],
        }
        for number in range(1, 5)
    ]
    rng = random.Random(seed)
    expected = content_sha256(parse(rows))
    copies = [dict(rng.sample(sorted(row.items()), len(row))) for row in rows]
    for copy in copies:
        if rng.random() < 0.5:
            copy["code"] = "def f(x):\r\n\treturn x\r\n"
        if rng.random() < 0.5:
            copy |= {"test_setup_code": "", "challenge_test_list": [], "origin": "elsewhere"}
    rng.shuffle(copies)
    path = tmp_path_factory.mktemp("copy") / "copy"
    if array:
        text = json.dumps(copies, indent=indent)
    else:
        text = "\r\n".join(json.dumps(copy, ensure_ascii=indent is None) for copy in copies)
    path.write_bytes(text.encode())
    assert content_sha256(read_problems(path, source="another")) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"task_id": 13},
        {"text": "Other."},
        {"code": "def f(x): return x"},
        {"test_list": ["assert True"]},
        {"test_setup_code": "x = 1"},
        {"challenge_test_list": ["assert True"]},
    ],
)
def test_every_field_is_part_of_the_content_hash(make_row: Any, changes: Row) -> None:
    assert content_sha256(parse([make_row()])) != content_sha256(parse([make_row(**changes)]))


# --- the real files ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("mbpp.jsonl", {"prompt": 10, "test": 500, "validation": 90, "train": 374}),
        ("sanitized-mbpp.json", {"prompt": 7, "test": 257, "validation": 43, "train": 120}),
    ],
)
def test_the_real_programs_keep_their_meaning(
    data_dir: Path, file: str, counts: dict[str, int]
) -> None:
    path = data_dir / "mbpp" / file
    text = path.read_text(encoding="utf-8")
    rows = json.loads(text) if file.endswith(".json") else map(json.loads, text.splitlines())
    raw: dict[int, Row] = {row["task_id"]: row for row in rows}
    problems = read_problems(path, source="mbpp")
    assert [problem.task_id for problem in problems] == sorted(raw)
    assert Counter(problem.split.value for problem in problems) == counts
    for problem in problems:
        before, tests = raw[problem.task_id], raw[problem.task_id]["test_list"]
        assert dump(problem.code) == dump(before["code"])
        assert [dump(test) for test in problem.test_list] == [dump(test) for test in tests]
        assert "\r" not in problem.code + problem.text + "".join(problem.test_list)
    tabs = [problem.task_id for problem in problems if "\t" in problem.code]
    assert tabs == ([669] if file == "mbpp.jsonl" else [])


def test_the_regex_of_task_669_keeps_its_tabs(data_dir: Path) -> None:
    problems = read_problems(data_dir / "mbpp" / "mbpp.jsonl", source="mbpp")
    code = next(problem.code for problem in problems if problem.task_id == 669)
    assert code.count("\n\t\t\t25[0-5]") == 3
    assert "\n    if(re.search(regex, Ip))" in code
