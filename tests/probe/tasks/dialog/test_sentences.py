"""Feedback is limited to one sentence, and what it gives away is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.tasks.dialog.sentences import LONGEST, leaked, limited, named


@pytest.mark.parametrize(
    ("said", "text", "cut", "code"),
    [
        ("Sort the list first.", "Sort the list first.", False, False),
        ("Sort it. Then reverse it.", "Sort it.", True, False),
        ("  It  is\nwrong ", "It is wrong", False, False),
        ("f([1, 2]) should be 3.5, not 4.", "f([1, 2]) should be 3.5, not 4.", False, False),
        ("The name x is not defined.", "The name x is not defined.", False, False),
        ("```python\nx = 1\n``` Use x.", "Use x.", True, True),
        ("```\nnever closed", "", True, True),
        ("Write return sorted(x)[0] instead.", "Write return sorted(x)[0] instead.", False, True),
        ("Set x = 5.", "Set x = 5.", False, True),
        ("", "", False, False),
    ],
)
def test_sentences(said: str, text: str, cut: bool, code: bool) -> None:
    found = limited(said)
    assert (found.text, found.cut, found.code) == (text, cut, code)


@given(st.text())
def test_limiting_is_short_flat_and_final(said: str) -> None:
    once = limited(said).text
    assert len(once) <= LONGEST
    assert "\n" not in once
    assert "```" not in once
    assert limited(once).text == once


def test_expected_values_are_counted() -> None:
    tests = ["assert f(1) == 'python'", "assert f(2) == 3", "assert f(3) == [40, 50]"]
    assert leaked("It should be [40, 50] and 3.", tests) == 1
    assert leaked("It should be 'python'.", tests) == 1
    assert leaked("It should be 3.", tests) == 0


def test_names() -> None:
    assert named("Use sorted(x1) and 42, not a.") >= {"sorted", "x1", "42", "Use", "not"}
