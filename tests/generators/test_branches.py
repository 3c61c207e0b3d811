"""Branch outcomes: numbered once, and noted without changing what a program does."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.branches import branch_count, instrument
from generators.problems.sources import load_source


def reached(code: str, call: str) -> tuple[Any, set[int], int]:
    """Return a call's value, the branch outcomes it reached, and how many there are."""
    hits: set[int] = set()
    tree = ast.parse(code)
    count = instrument(tree, "@reached")
    namespace: dict[str, Any] = {"@reached": hits.add}
    exec(compile(tree, "<test>", "exec"), namespace)
    hits.clear()
    return eval(call, namespace), set(hits), count


def values(code: str, call: str) -> tuple[Any, Any]:
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    return eval(call, namespace), reached(code, call)[0]


@pytest.mark.parametrize(
    ("body", "hits"),
    [
        ("if x:\n  return 1\n return 2", {0: {1}, 1: {0}}),
        ("return 1 if x else 2", {0: {1}, 1: {0}}),
        ("while x:\n  x -= 1\n return x", {0: {1}, 2: {0, 1}}),
        ("return [i for i in range(x) if i]", {0: set(), 1: {1}, 2: {0, 1}}),
        ("for i in range(x):\n  pass\n return 0", {0: {1}, 2: {0, 1}}),
        ("for i in range(x):\n  break\n return 0", {0: {1}, 2: {0}}),
        ("return x and 5", {0: set(), 1: {0}}),
        ("return x or 5", {0: {0}, 1: set()}),
        ("if x > 1 and x < 9:\n  return 1\n return 2", {0: {1, 3}, 2: {0, 2}, 10: {1, 2}}),
        ("if not (x or x):\n  return 1\n return 2", {0: {3, 0}, 1: {2, 1}}),
        ("try:\n  return 1 // x\n except ZeroDivisionError:\n  return 0", {0: {0}, 1: set()}),
        ("match x:\n  case 0:\n   return 1\n  case _:\n   return 2", {0: {0}, 1: {1}}),
        ("match x:\n  case n if n > 3:\n   return 1\n return 2", {0: {1}, 4: {0, 2}}),
        ("while True:\n  return 1", {0: set()}),
    ],
)  # fmt: skip
def test_outcomes_reached(body: str, hits: dict[int, set[int]]) -> None:
    code = f"def f(x):\n {body}\n"
    for x, expected in hits.items():
        value, found, count = reached(code, f"f({x})")
        assert found == expected, x
        assert all(0 <= n < count for n in found)
        assert value == values(code, f"f({x})")[0]
    assert count == branch_count(code)


def test_conditions_are_evaluated_once_and_in_order() -> None:
    code = (
        "seen = []\n"
        "class C:\n"
        "  def __init__(self, name, truth):\n    self.name, self.truth = name, truth\n"
        "  def __bool__(self):\n    seen.append(self.name)\n    return self.truth\n"
        "def f(a, b, c):\n"
        "  x, y, z = C('a', a), C('b', b), C('c', c)\n"
        "  r = x and y or z\n"
        "  if (x or y) and not z:\n    r = 'yes'\n"
        "  t = 1 if x and (y or z) else 2\n"
        "  return getattr(r, 'name', r), t, list(seen)\n"
    )
    for a in (True, False):
        for b in (True, False):
            for c in (True, False):
                plain, marked = values(code, f"f({a}, {b}, {c})")
                assert plain == marked


def test_operands_keep_their_identity() -> None:
    code = "def f(a, b):\n  return (a or b), (a and b)\n"
    tree = ast.parse(code)
    instrument(tree, "@reached")
    namespace: dict[str, Any] = {"@reached": set().add}
    exec(compile(tree, "<test>", "exec"), namespace)
    left: list[int] = []
    right = [1]
    both = namespace["f"](left, right)
    assert both[0] is right
    assert both[1] is left


def test_lines_and_docstrings_stay() -> None:
    code = (
        '"""Doc."""\nfrom __future__ import annotations\ndef f(x):\n  "Says."\n  if x:\n    1/0\n'
    )
    tree = ast.parse(code)
    instrument(tree, "@reached")
    namespace: dict[str, Any] = {"@reached": set().add}
    exec(compile(tree, "<test>", "exec"), namespace)
    assert (namespace["__doc__"], namespace["f"].__doc__) == ("Doc.", "Says.")
    with pytest.raises(ZeroDivisionError) as raised:
        namespace["f"](1)
    assert raised.traceback[-1].lineno == 5  # counted from 0


@pytest.mark.parametrize("code", ["def f(:", "x = '\x00'", "(" * 500, ""])
def test_what_does_not_parse_has_no_branches(code: str) -> None:
    assert branch_count(code) == 0


NAMES = st.sampled_from(["x", "y", "0", "1", "x > y", "x == 1", "(x := y)"])
CONDITIONS = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({' '.join(t)})"),
        inner.map(lambda c: f"(not {c})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
    ),
    max_leaves=8,
)


@given(CONDITIONS, CONDITIONS, st.integers(0, 2), st.integers(0, 2))
def test_any_condition_has_its_value(test: str, value: str, x: int, y: int) -> None:
    code = f"def f(x, y):\n  if {test}:\n    return 1, {value}, x\n  return 2, {value}, x\n"
    plain, marked = values(code, f"f({x}, {y})")
    assert plain == marked
    _, hits, count = reached(code, f"f({x}, {y})")
    assert hits <= set(range(count))


# References write "\." in plain strings, of which the compiler warns:
# https://github.com/google-research/google-research/tree/master/mbpp
@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_real_programs_keep_their_lines(data_dir: Path) -> None:
    """Every line that could run before can run after, and no other."""
    programs = load_source("mbpp", data_dir=data_dir).problems[::7]
    assert len(programs) > 100
    for problem in programs:
        tree = ast.parse(problem.code)
        before = lines_of(compile(problem.code, "<test>", "exec"))
        instrument(tree, "@reached")
        assert lines_of(compile(tree, "<test>", "exec")) <= before | {0}


def lines_of(code: Any) -> set[int]:
    own = {line for _, _, line in code.co_lines() if line is not None}
    inner = [lines_of(constant) for constant in code.co_consts if hasattr(constant, "co_lines")]
    return own.union(*inner)
