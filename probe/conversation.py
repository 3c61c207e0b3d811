"""Conversations about programs: who says what, and what a model is given to go on with.

Called by the dialog task. A base model gets a conversation as text, a chat model as messages of
its own template. The worked examples are this project's own, about problems of its own.

Source: paper, section 5: the user names the function and describes it, tests are given as
dialog; its transcripts and prompts are not public.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generators.calls import entry_point
from generators.jsonl import sha256_text
from generators.records import Problem
from probe.prompts import Turn

__all__ = [
    "DIALOG_V1",
    "STOP",
    "Turn",
    "WorkedFeedback",
    "as_text",
    "opening",
    "reply_head",
    "reply_turn",
    "wording_sha256",
    "worked_examples",
    "worked_feedback",
]

DIALOG_V1 = "dialog/conversation@1"
"""Name and version of the wording."""

STOP = "[DONE]"
"""Ends a reply in a conversation that is given as text."""

_NAMES = {"user": "User", "assistant": "Assistant"}
_OPENING = (
    "I need to write a function called {name}. Here is a description: {text} "
    "It should pass these tests:\n{tests}"
)
_REPLY = "[CODE]\n{code}\n[DONE]"
_FENCED = "```python\n{code}\n```"

# Problems, and the replies to each: program, what its tests say, feedback.
_EXAMPLES = (
    (
        (
            "count_vowels",
            "Count the vowels of a word, whatever their case.",
            ("assert count_vowels('Aerial') == 4", "assert count_vowels('rhythm') == 0"),
        ),
        (
            (
                "def count_vowels(word):\n    return sum(letter in 'aeiou' for letter in word)",
                "count_vowels('Aerial') should be 4, but your function returns 3.",
                "Capital letters count as well, so compare the lower-case word.",
            ),
            (
                "def count_vowels(word):\n"
                "    return sum(letter in 'aeiou' for letter in word.lower())",
                "",
                "",
            ),
        ),
    ),
    (
        (
            "runner_up",
            "Find the second largest of the different numbers in a list.",
            ("assert runner_up([4, 9, 9, 7]) == 7", "assert runner_up([1, 2]) == 1"),
        ),
        (
            (
                "def runner_up(numbers):\n    return sorted(numbers)[-2]",
                "runner_up([4, 9, 9, 7]) should be 7, but your function returns 9.",
                "Equal numbers count once, so runner_up([4, 9, 9, 7]) should be 7 and not 9.",
            ),
            (
                "def runner_up(numbers):\n    ordered = sorted(unique(numbers))\n"
                "    return ordered[-2]",
                "Running the tests raises NameError: name 'unique' is not defined.",
                "The name unique is not defined.",
            ),
            ("def runner_up(numbers):\n    return sorted(set(numbers))[-2]", "", ""),
        ),
    ),
)


def _said(name: str, text: str, tests: Sequence[str]) -> str:
    return _OPENING.format(name=name, text=text.strip(), tests="\n".join(tests))


def opening(problem: Problem) -> Turn:
    """Return the first turn about a problem: name, description, tests."""
    name = entry_point(problem.test_list) or "solution"
    return Turn(role="user", text=_said(name, problem.text, problem.test_list))


def reply_turn(code: str, *, fenced: bool) -> Turn:
    """Return a program as a reply: in a fence for chat models, between markers as text."""
    form = _FENCED if fenced else _REPLY
    return Turn(role="assistant", text=form.format(code=code.strip()))


def worked_examples(*, fenced: bool) -> list[Turn]:
    """Return the solved conversations that stand before every other."""
    turns = []
    for (name, text, tests), replies in _EXAMPLES:
        turns.append(Turn(role="user", text=_said(name, text, tests)))
        for code, _, feedback in replies:
            turns.append(reply_turn(code, fenced=fenced))
            if feedback:
                turns.append(Turn(role="user", text=feedback))
    return turns


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedFeedback:
    """A feedback of the solved conversations, and what it is about.

    Attributes:
        text: Description of the problem.
        tests: Its asserts.
        code: A program that does not pass them.
        outcome: What the first failing test says.
        feedback: One sentence about it.
    """

    text: str
    tests: tuple[str, ...]
    code: str
    outcome: str
    feedback: str


def worked_feedback() -> list[WorkedFeedback]:
    """Return the feedback of the solved conversations, each with what it is about."""
    return [
        WorkedFeedback(text=text, tests=tests, code=code, outcome=outcome, feedback=feedback)
        for (_, text, tests), replies in _EXAMPLES
        for code, outcome, feedback in replies
        if feedback
    ]


def as_text(turns: Sequence[Turn]) -> str:
    """Return turns as text, each with its speaker; what follows is to be gone on with."""
    return "".join(f"{_NAMES[turn.role]}: {turn.text}\n\n" for turn in turns)


def reply_head() -> str:
    """Return how a reply begins in a conversation that is given as text."""
    return f"{_NAMES['assistant']}: [CODE]\n"


def wording_sha256() -> str:
    """Return the hash of all that every conversation has in common."""
    parts = [_OPENING, _REPLY, _FENCED, STOP, reply_head(), as_text(worked_examples(fenced=False))]
    return sha256_text("\0".join(parts))
