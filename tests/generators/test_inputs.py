"""Generated calls: new, distinct, and the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generators.calls import literal_arguments, parse_assert, render_call
from generators.inputs import CallSource, generate_calls
from generators.records import Call, Origin

_ROOT = Path(__file__).parents[2]
_TESTS = (
    "assert f({3, 1, 2}, {'b': 1, 'a': 2}, ['x', 'y', 'x']) == 1",
    "assert f({5}, {'c': 9}, ['y', 'z']) == 2",
    "assert f({'q', 'r'}, {}, ['w']) == 3",
)
# What another process does: other modules with constants of their own, then the calls.
_SCRIPT = """
import sys
sys.path[:0] = sys.argv[1:3]
import local_constants
from generators.calls import parse_assert
from generators.inputs import generate_calls
examples = [parse_assert(test) for test in {tests!r}]
for call in generate_calls(examples, count=25, seed=3, task_id=11):
    sys.stdout.write(call.text + "\\n")
"""


def make_examples(*tests: str) -> list[Call]:
    calls = [parse_assert(test) for test in tests]
    return [call for call in calls if call is not None]


def make_calls(*tests: str, count: int = 20, seed: int = 0, task_id: int = 1) -> list[str]:
    calls = generate_calls(make_examples(*tests), count=count, seed=seed, task_id=task_id)
    assert all(call.origin is Origin.GENERATED and call.expected is None for call in calls)
    return [call.text for call in calls]


def test_calls_are_new_distinct_and_canonical() -> None:
    texts = make_calls(*_TESTS)
    assert len(set(texts)) == len(texts) == 20
    assert not set(texts) & {
        render_call("f", literal_arguments(c) or ()) for c in make_examples(*_TESTS)
    }
    for text in texts:
        call = Call(entry_point="f", text=text, origin=Origin.GENERATED)
        assert render_call("f", literal_arguments(call) or ()) == text


def test_more_calls_begin_with_the_same_ones() -> None:
    assert make_calls(*_TESTS, count=30)[:7] == make_calls(*_TESTS, count=7)


def test_seed_and_task_decide() -> None:
    once = make_calls(*_TESTS)
    assert make_calls(*_TESTS) == once
    assert make_calls(*_TESTS, seed=1) != once
    assert make_calls(*_TESTS, task_id=2) != once


@pytest.mark.parametrize("hash_seed", ["0", "1", "4711"])
def test_other_processes_make_the_same_calls(tmp_path: Path, hash_seed: str) -> None:
    """Neither the hash seed nor constants in loaded modules nor the folder play a part."""
    (tmp_path / "local_constants.py").write_text("A = [123, 777, 4321, 'abba', 2.5]\n")
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(tests=_TESTS), str(_ROOT), str(tmp_path)],
        env={"PYTHONHASHSEED": hash_seed, "PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == make_calls(*_TESTS, count=25, seed=3, task_id=11)
    assert not (tmp_path / ".hypothesis").exists()


def test_a_small_space_gives_fewer_calls() -> None:
    texts = make_calls("assert f(True, False) == 1", "assert f(True, True) == 1")
    assert sorted(texts) == ["f(False, False)", "f(False, True)"]


def test_calls_without_literal_arguments_give_none() -> None:
    assert make_calls("assert f(g(1)) == 1", "assert f(x) == 2") == []
    assert make_calls("assert f() == 1") == []
    assert make_calls() == []


def test_literal_calls_serve_as_examples_beside_others() -> None:
    assert len(make_calls("assert f(x) == 1", "assert f(4) == 2")) == 20


def test_a_call_of_another_function_is_no_example() -> None:
    texts = make_calls("assert f(1) == 1", "assert g('a') == 2", "assert f(2) == 1")
    assert all(text.startswith("f(") for text in texts)
    assert not any("'" in text for text in texts)


def test_values_that_outgrow_literals_are_left_out() -> None:
    most = 2**14190 - 1
    texts = make_calls(f"assert f({most}, 'a') == 1", count=3)
    assert len(texts) == 3
    assert make_calls(f"assert f({most + 1}) == 1") == []


# The calls come out of a test function of hypothesis' own, inside this one.
@settings(max_examples=30, suppress_health_check=[HealthCheck.nested_given])
@given(st.lists(st.tuples(st.integers(), st.text("ab ", max_size=9)), min_size=1, max_size=3))
def test_any_examples_give_calls(rows: list[tuple[int, str]]) -> None:
    texts = make_calls(*[f"assert f({n!r}, {s!r}) == 0" for n, s in rows], count=5)
    assert len(texts) == 5


def make_source(*tests: str, code: str = "", **options: bool) -> CallSource:
    return CallSource(make_examples(*tests), code=code, seed=0, task_id=1, **options)


def test_failures_teach_what_not_to_draw() -> None:
    source = make_source(
        "assert f(4, [1, 2]) == 1", "assert f(9, [3]) == 1", "assert f(0, []) == 1"
    )
    late: list[bool] = []
    for turn in range(12):
        calls = source.draw(10)
        for call in calls:
            arguments = literal_arguments(call)
            assert arguments
            (n, _) = arguments
            sound = isinstance(n, int) and n > 5
            source.tell(call, sound=sound)
            if turn > 3:
                late.append(sound)
    assert sum(late) > 0.9 * len(late) > 30


def test_promising_calls_are_varied() -> None:
    source = make_source("assert f('abcd') == 1", "assert f('abba') == 2")
    found = 0
    for _ in range(10):
        for call in source.draw(20):
            (text,) = literal_arguments(call) or ("",)
            assert isinstance(text, str)
            palindrome = text == text[::-1] and len(text) > 3
            found += palindrome
            source.tell(call, sound=True, promising=palindrome)
    assert found > 20


def test_constants_of_the_program_come_up() -> None:
    code = "def f(n, s):\n    return n >= 77 or s == 'needle' or n < 0\n"
    source = make_source("assert f(3, 'abc') == 1", "assert f(5, 'x') == 2", code=code)
    rows = [literal_arguments(call) or () for call in source.draw(150)]
    assert {76, 77, 78, -1} <= {row[0] for row in rows}
    assert "needle" in {row[1] for row in rows}


def test_small_spaces_are_exhausted() -> None:
    source = make_source("assert f(True, False) == 1")
    assert {call.text for call in source.draw(50)} == {
        "f(False, False)",
        "f(False, True)",
        "f(True, True)",
    }


def test_what_was_told_decides_with_the_seed_alone() -> None:
    def run(batch: int) -> list[str]:
        source = make_source("assert f([1, 2, 3]) == 1", "assert f([4]) == 2")
        texts = []
        for _ in range(60 // batch):
            for call in source.draw(batch):
                texts.append(call.text)
                source.tell(call, sound=len(call.text) % 3 > 0, promising="7" in call.text)
        return texts

    assert run(20) == run(20)
    assert run(10) == run(10)


def test_calls_that_nobody_drew_are_no_news() -> None:
    source = make_source("assert f(1) == 1")
    source.tell(Call(entry_point="f", text="f(99)", origin=Origin.GENERATED), sound=False)
    assert source.draw(3)


def test_examples_without_literals_give_nothing() -> None:
    assert make_source("assert f(int) == 1").draw(5) == []
