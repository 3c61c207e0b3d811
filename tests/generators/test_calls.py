"""Asserts are split into call and expected value, or left whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.calls import entry_point, literal_arguments, parse_assert, render_call
from generators.literals import to_literal

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)


@given(st.lists(VALUES, max_size=4), VALUES)
def test_a_rendered_assert_is_read_back(arguments: list[Any], expected: Any) -> None:
    text = render_call("f", arguments)
    found = parse_assert(f"assert {text} == {to_literal(expected)}")
    assert found is not None
    assert (found.entry_point, found.expected) == ("f", to_literal(expected))
    assert literal_arguments(found) == tuple(arguments)


@pytest.mark.parametrize(
    "text",
    [
        "assert f(1) ==",
        "assert f(1) == 2\nassert f(2) == 3",
        "assert f(1)",
        "assert f(1) != 2",
        "assert 1 < f(1) == 2",
        "assert f(1) == g(2)",
        "assert math.isclose(f(1), 2.0)",
        "assert not f(1) == 2",
        "assert set(f(1)) in [1]",
        "f(1) == 2",
        "assert f(1) == \0",
        "",
    ],
)
def test_other_tests_stay_whole(text: str) -> None:
    assert parse_assert(text) is None


def test_the_first_test_that_calls_names_the_function() -> None:
    assert entry_point(["assert True", "assert g(1) == 2", "assert f(1) == 2"]) == "g"
    assert entry_point(["assert True", "x ="]) is None


def test_arguments_that_are_no_literals() -> None:
    for text in ("f(x)", "f(1, key=2)", "f(*[1])"):
        call = parse_assert(f"assert {text} == 1")
        assert call is not None
        assert literal_arguments(call) is None
