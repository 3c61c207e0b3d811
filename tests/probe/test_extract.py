"""What is read from completions."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.literals import to_literal
from probe.extract import Reason, extract_answer, extract_code

LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(LITERALS, st.sampled_from(["", "\n", "\n\nassert f(1) ==", "  \n# Program"]))
def test_gold_answers_come_through_unchanged(value: object, rest: str) -> None:
    text = to_literal(value)
    found = extract_answer(f" {text}{rest}")
    assert found.reason is Reason.NONE
    assert found.text == text


@pytest.mark.parametrize(
    ("completion", "text", "reason"),
    [
        ("", "", Reason.EMPTY),
        ("\n \n", "", Reason.EMPTY),
        (" 8 # eight", "8 # eight", Reason.NONE),
        (" the sum", "the sum", Reason.NOT_A_LITERAL),
        (" f(2)", "f(2)", Reason.NOT_A_LITERAL),
    ],
)
def test_answers(completion: str, text: str, reason: Reason) -> None:
    found = extract_answer(completion)
    assert (found.text, found.reason) == (text, reason)


@given(st.text())
def test_any_text_gives_an_answer_or_a_reason(completion: str) -> None:
    assert isinstance(extract_answer(completion).reason, Reason)
    assert isinstance(extract_code(completion).reason, Reason)


PROGRAM = "def f(x):\n    return x + 1"


@pytest.mark.parametrize(
    "completion",
    [
        PROGRAM,
        f"{PROGRAM}\n[DONE]\nassert f(1) == 3",
        f"[BEGIN]\n{PROGRAM}\n[DONE]",
        f"Here it is:\n```python\n{PROGRAM}\n```\nIt adds one.",
        f"```\n{PROGRAM}\n```",
        f"Sure!\n```python\n{PROGRAM}",
    ],
)
def test_programs(completion: str) -> None:
    found = extract_code(completion)
    assert found.reason is Reason.NONE
    assert ast.dump(ast.parse(found.text)) == ast.dump(ast.parse(PROGRAM))


@pytest.mark.parametrize("completion", ["", " \n", "[DONE]", "say\n```python\n```"])
def test_no_program(completion: str) -> None:
    assert extract_code(completion).reason is Reason.NO_CODE


def test_a_broken_program_is_left_for_the_verdict() -> None:
    found = extract_code("def f(x:\n  return")
    assert found.reason is Reason.NONE
    assert found.text == "def f(x:\n  return"
