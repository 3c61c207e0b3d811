"""What is read from a chat model's reply, and why nothing is where nothing can be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.literals import to_literal
from probe.extract import Reason
from probe.reply import extract_reply

CALL = "f([3], 'a')"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)
FORMS = [
    "{}",
    " {}\n",
    "{}\n\nThis is because the list has one element.",
    "assert f([3], 'a') == {}",
    "```python\nassert f([3], 'a') == {}\n```",
    "Sure!\n\n```python\ndef f(x, y):\n    return x\n\nassert f([3],'a') == {}\n```\nDone.",
    "```\n{}\n```",
    "The function adds one.\n```python\n{}\n```\nas you see.",
    ">>> f([3], 'a')\n{}",
]


@pytest.mark.parametrize("form", FORMS)
@given(value=VALUES)
def test_any_value_comes_through_every_form(form: str, value: object) -> None:
    literal = to_literal(value)
    if "```" in literal or CALL in literal or "think" in literal.lower():
        return
    found = extract_reply(form.format(literal), CALL)
    assert (found.text, found.reason) == (literal, Reason.NONE)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("5.", "5"),
        ("**5**", "5"),
        ("`'a b'`", "'a b'"),
        ("[1,\n 2]", "[1,\n 2]"),
        ("The output is 5.", "5"),
        ("The output is `5`, since 3 + 2 = 5.", "5"),
        ("The result of the call will be **[1, 2]**.", None),  # not announced next to it
        ("The result will be **[1, 2]**.", "[1, 2]"),
        ("**Answer:** 5", "5"),
        ("Answer: 5\n", "5"),
        ("The answer is:\n\n5", "5"),
        ("It evaluates to `{1, 2}`.", "{1, 2}"),
        ("This function returns True.", "True"),
        ("`f([3], 'a') == 5`, that is all", "5"),
        ("So f([3], 'a') returns `5` here.", "5"),
        ("Thus f([3], 'a') = 5.", "5"),
        ("assert f([3], 'a') == 5, 'it is five'", "5"),
        ("<think>maybe 4\nAnswer: 4</think>\nAnswer: 5", "5"),
        ("Answer: 5\nSo the answer is 5.", "5"),
        ("The answer is 5. No, wait.\nThe answer is 6.", "6"),
        ("The code takes `3`.\n```python\nprint(5)\n```\nOutput:\n```\n5\n```", "5"),
    ],
)
def test_usual_ways_to_say_it(reply: str, text: str | None) -> None:
    found = extract_reply(reply, CALL)
    if text is None:
        assert (found.text, found.reason) == ("", Reason.NO_ANSWER)
    else:
        assert (found.text, found.reason) == (text, Reason.NONE)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", Reason.EMPTY),
        (" \n", Reason.EMPTY),
        ("<think>5</think>", Reason.EMPTY),
        ("<think>the answer is 5", Reason.NO_ANSWER),  # cut off while thinking
        ("The function adds 3 and 2.", Reason.NO_ANSWER),
        ("It takes `3` and goes on.", Reason.NO_ANSWER),  # code in passing
        ("It returns the sum of `3` and 2.", Reason.NO_ANSWER),
        ("```python\ndef f(x):\n    return 5\n```", Reason.NO_ANSWER),
        ("assert f([4], 'a') == 5", Reason.NO_ANSWER),  # another call
        ("f([3], 'a') == 5\nf([3], 'a') == 6", Reason.AMBIGUOUS),
        ("The answer is 5.\nThe answer is 6.", Reason.AMBIGUOUS),
        ("```\n5\n```\nor\n```\n6\n```", Reason.AMBIGUOUS),
    ],
)
def test_no_answer_has_a_reason(reply: str, reason: Reason) -> None:
    found = extract_reply(reply, CALL)
    assert (found.text, found.reason) == ("", reason)


@given(st.text(), st.text(min_size=1))
def test_any_reply_gives_an_answer_or_a_reason(reply: str, call: str) -> None:
    found = extract_reply(reply, call)
    assert bool(found.text) is (found.reason is Reason.NONE)
