"""Who gives feedback: an automatic sentence, a recording, a person. Each is named.

Called by :mod:`probe.tasks.dialog.task`. A giver sees failed replies and says something about
each, or nothing; what it says is limited in :mod:`probe.tasks.dialog.sentences`. Feedback is never
called human unless the recording says that a person typed it. Models give feedback in
:mod:`probe.tasks.dialog.critic`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from generators import jsonl
from generators.errors import FormatError
from generators.records import Problem, Verdict
from probe.prompts import Turn
from probe.tasks.dialog.givers import Giver

__all__ = [
    "FEEDBACK_SCHEMA",
    "ExecutionFeedback",
    "Failure",
    "FeedbackGiver",
    "HumanFeedback",
    "Person",
    "RecordedFeedback",
    "Said",
    "execution_sentence",
]

FEEDBACK_SCHEMA = "probe.feedback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A reply that did not pass.

    Attributes:
        key: Names the feedback in its run.
        problem: What was asked for.
        turn: Number of the reply, from 0.
        reply: The reply's sample.
        said: The conversation before the reply.
    """

    key: str
    problem: Problem
    turn: int
    reply: Mapping[str, Any]
    said: tuple[Turn, ...] = ()

    @property
    def code_sha256(self) -> str:
        """Hash of the program that the feedback is about."""
        return jsonl.sha256_text(str(self.reply["code"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a giver said about a failure.

    Attributes:
        text: Its words, before they are limited; empty if it said nothing.
        author: Who said it: ``execution``, a model's name, or what the recording says.
    """

    text: str
    author: str


class FeedbackGiver(Protocol):
    """Says something about failed replies."""

    kind: Giver

    def identity(self) -> dict[str, Any]:
        """Return what decides what it says, for the manifest."""

    def say(self, failures: Sequence[Failure]) -> Iterable[Said]:
        """Give what is said about each failure, in order; it is kept as it comes."""


class ExecutionFeedback:
    """One sentence from the outcome of the tests.

    Args:
        show_expected: Say the value that a test wants, not only that another came out.
    """

    kind = Giver.EXECUTION

    def __init__(self, *, show_expected: bool) -> None:
        self._show = show_expected

    def identity(self) -> dict[str, Any]:
        """Return what decides what it says."""
        return {"kind": str(self.kind), "show_expected": self._show}

    def say(self, failures: Sequence[Failure]) -> list[Said]:
        """Return a sentence about each failure."""
        return [
            Said(
                text=execution_sentence(one.reply, show_expected=self._show), author=str(self.kind)
            )
            for one in failures
        ]


def execution_sentence(reply: Mapping[str, Any], *, show_expected: bool) -> str:
    """Make a sentence from the verdict, error and message of a reply."""
    message = " ".join(str(reply["message"]).split()).rstrip(".")
    match Verdict(reply["verdict"]):
        case Verdict.FAIL if " gave " in message:
            call, _, rest = message.partition(" gave ")
            got, _, expected = rest.rpartition(", expected ")
            if show_expected:
                return f"{call} should be {expected}, but your function returns {got}."
            return f"{call} returns {got}, which is not right."
        case Verdict.FAIL:
            return f"The test {message.removeprefix('failed: assert ')} does not hold."
        case Verdict.SYNTAX_ERROR:
            return f"The code has a syntax error: {message}."
        case Verdict.NO_CODE:
            return "There is no code in your reply."
        case Verdict.TIMEOUT:
            return "The function does not come to an end in time."
        case Verdict.EXCEPTION:
            return f"Running the tests raises {reply['error']}: {message}."
    return f"Running the tests ends with {reply['verdict']}: {message}."


class RecordedFeedback:
    """Replays a file of feedback; says nothing about a program that the file does not know.

    Args:
        path: Lines with ``task_id, turn, code_sha256, text, author``.

    Raises:
        FormatError: The file is broken, or two lines speak about the same program.
    """

    kind = Giver.RECORDED

    def __init__(self, path: Path) -> None:
        self._path = path
        self._said: dict[tuple[int, int, str], Said] = {}
        for number, row in jsonl.read(path, FEEDBACK_SCHEMA):
            for name, kind in (("task_id", int), ("turn", int), ("code_sha256", str)):
                if type(row.get(name)) is not kind:
                    raise FormatError(f"{path}:{number}: {name!r} is missing or no {kind.__name__}")
            if type(row.get("text")) is not str or type(row.get("author")) is not str:
                raise FormatError(f"{path}:{number}: 'text' or 'author' is missing or no text")
            place = (row["task_id"], row["turn"], row["code_sha256"])
            if place in self._said:
                raise FormatError(f"{path}:{number}: a second feedback on the same program")
            self._said[place] = Said(text=row["text"], author=row["author"])

    def identity(self) -> dict[str, Any]:
        """Return what decides what it says."""
        return {
            "kind": str(self.kind),
            "sha256": jsonl.sha256_file(self._path),
            "authors": sorted({said.author for said in self._said.values()}),
        }

    def say(self, failures: Sequence[Failure]) -> list[Said]:
        """Return what the file says about each failure."""
        return [
            self._said.get(
                (one.problem.task_id, one.turn, one.code_sha256), Said(text="", author="")
            )
            for one in failures
        ]


Person = Callable[[Failure, int, int], str]
"""Shows a failure, its number and how many there are; returns what is typed, maybe nothing."""


class HumanFeedback:
    """What a person says.

    Args:
        person: Asks them.
        name: What the run calls them.
    """

    kind = Giver.HUMAN

    def __init__(self, person: Person, name: str) -> None:
        self._person = person
        self._name = name

    def identity(self) -> dict[str, Any]:
        """Return what the manifest keeps of them."""
        return {"kind": str(self.kind), "name": self._name}

    def say(self, failures: Sequence[Failure]) -> Iterator[Said]:
        """Ask about one failure after the other."""
        for number, one in enumerate(failures, 1):
            said = self._person(one, number, len(failures))
            yield Said(text=said, author=f"human {self._name}")
