"""Problems that come twice, whatever their names and layout."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.problems.sources import load_source
from generators.records import Problem, Split
from generators.twins import Kind, find_twins, normalised_code, normalised_text

PROGRAM = '''
def largest(items, *, least=0):
    """Find it."""
    found = [item for item in items if item > least]  # a comment
    return max(found, default=len(found))
'''
RENAMED = """
def f(xs, *, lo=0):
    ys = [
        x for x in xs if x > lo
    ]
    return max(ys, default=len(ys))
"""


def make_problem(task_id: int, split: Split, code: str, text: str) -> Problem:
    return Problem(source="toy", task_id=task_id, text=text, code=code, test_list=(), split=split)


def test_names_layout_and_comments_do_not_count() -> None:
    assert normalised_code(PROGRAM) == normalised_code(RENAMED)


@pytest.mark.parametrize(
    ("old", "new"), [("> least", ">= least"), ("max(", "min("), ("least=0", "least=1")]
)
def test_what_a_program_does_counts(old: str, new: str) -> None:
    assert normalised_code(PROGRAM.replace(old, new)) != normalised_code(PROGRAM)


def test_names_are_not_mixed_up() -> None:
    assert normalised_code("def f(a, b):\n    return a - b") != normalised_code(
        "def f(a, b):\n    return b - a"
    )


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    normalised_code(text)
    assert normalised_text(text) == normalised_text(normalised_text(text))


def test_groups_tell_whether_they_cross_splits() -> None:
    problems = [
        make_problem(1, Split.TRAIN, PROGRAM, "Find the largest."),
        make_problem(2, Split.TEST, RENAMED, "Another."),
        make_problem(3, Split.TEST, "x = 1", "find the LARGEST"),
        make_problem(4, Split.TEST, "y = 1", "Yet another."),
        make_problem(5, Split.TEST, "not a program", "a"),
        make_problem(6, Split.TRAIN, "not a program", "b"),
    ]
    found = find_twins(problems)
    assert [(twins.kind, list(twins.tasks)) for twins in found] == [
        (Kind.PROGRAM, [1, 2]),
        (Kind.PROGRAM, [3, 4]),
        (Kind.TEXT, [1, 3]),
    ]
    assert [twins.across_splits for twins in found] == [True, False, True]


def test_twins_of_mbpp(data_dir: Path) -> None:
    found = find_twins(load_source("mbpp", data_dir=data_dir).problems)
    crossing = [t for t in found if t.across_splits]
    assert len(crossing) == 21
    assert {29: "test", 842: "train"} in [t.tasks for t in crossing if t.kind is Kind.PROGRAM]
    assert {216: "test", 872: "train"} in [t.tasks for t in crossing if t.kind is Kind.TEXT]
