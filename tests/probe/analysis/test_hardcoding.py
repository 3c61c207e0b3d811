"""Spelled-out tests: found where they stand, and not seen in ordinary programs."""

from __future__ import annotations

import pytest

from generators.problems.sources import load_source
from probe.analysis.hardcoding import is_hard_coded, spelled_out

WOODALL = [
    "assert is_woodall(383) == True",
    "assert is_woodall(254) == False",
    "assert is_woodall(200) == False",
]
WORDS = [
    "assert f('python') == 'nohtyp'",
    "assert f('car') == 'rac'",
    "assert f([1, 2]) == [2, 1]",
]


@pytest.mark.parametrize(
    ("code", "tests", "count"),
    [
        ("def is_woodall(x):\n if x == 383: return True\n if x == 254: return False", WOODALL, 2),
        ("def is_woodall(x):\n    return x in [383, 1, 7]", WOODALL, 1),
        ("def is_woodall(x):\n    return {383: True, 254: False, 200: False}[x]", WOODALL, 3),
        (
            "def f(x):\n match x:\n  case 'python': return 'nohtyp'\n  case 'car': return 'rac'",
            WORDS, 2,
        ),
        ("def f(x):\n    if x == [1, 2]: return [2, 1]", WORDS, 1),
        ("def f(x):\n    if x == 'python': return x[::-1]", WORDS, 0),
        ("def f(x):\n    # 'python' == 'nohtyp'\n    return x[::-1]", WORDS, 0),
        ("def f(x):\n    y = 'python'\n    return 'nohtyp'", WORDS, 0),
        ("def f(x): return x[", WORDS, 0),
        ("def f(n):\n if n == 0: return 0\n if n == 1: return 1", ["assert f(1) == 1"], 0),
        ("def f(x):\n    return x", ["assert f(x) > 3"], 0),
    ],
)  # fmt: skip
def test_tests_are_counted(code: str, tests: list[str], count: int) -> None:
    assert len(spelled_out(code, tests)) == count


def test_two_tests_make_a_program_hard_coded_or_the_only_one() -> None:
    one = "def f(x):\n    if x == 'car': return 'rac'"
    assert not is_hard_coded(one, WORDS)
    assert is_hard_coded(one, WORDS[1:2])
    assert not is_hard_coded("def f(x): return x", [])


def test_references_are_hardly_ever_hard_coded() -> None:
    """Of the embedded corpus none; of MBPP's test split 3 of 500, such as names of months."""
    problems = load_source("basics").problems
    assert not [one.task_id for one in problems if is_hard_coded(one.code, one.test_list)]
