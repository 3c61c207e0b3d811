"""Questions put to a model and the samples that come of them: the loop that all tasks share.

A task turns its inputs into questions, and a sample into a score; asking, storing, resuming and
the check of batched against single decoding are the same for all and stand here. Called by the
tasks; knows no task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from generators.jsonl import sha256_text
from generators.progress import Progress
from probe.prompts import ChatMode, Turn
from probe.runs import RunWriter
from probe.tasks.invariance import ALONE, items_to_repeat

if TYPE_CHECKING:
    from probe.models.text import Completion, Decoding, Request, TextGenerator

__all__ = [
    "REPLY",
    "Grade",
    "Question",
    "Score",
    "ask_questions",
    "full_prompt",
    "line_decoding",
]

REPLY = "reply"
"""Value of a sample's ``read_as`` if its completion is a chat model's message."""

Score = Callable[[dict[str, Any]], dict[str, Any]]
"""Gives the fields of a sample that derive from the others."""

Grade = Callable[[Iterator[dict[str, Any]]], Iterator[dict[str, Any]]]
"""Adds to samples, as they come, what running their programs gives; in any order."""

_SAVE_EVERY = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One item of a run as it is put to a model.

    Attributes:
        key: Names the item in its run.
        task_id: The program it belongs to.
        prompt: The text given, before any chat template, without its head.
        head: Name of what stands before it, shared by many prompts; ``""`` for nothing.
        fields: What else its sample keeps; scoring reads these and the completion alone.
        k: Number of the sample among those of the same prompt.
        turns: The whole prompt as a conversation, for models asked in a chat template.
    """

    key: str
    task_id: int
    prompt: str
    head: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    k: int = 0
    turns: tuple[Turn, ...] = ()

    def text(self, heads: Mapping[str, str]) -> str:
        """Return the prompt with its head."""
        return (heads[self.head] if self.head else "") + self.prompt

    def request(self, heads: Mapping[str, str], *, chats: bool) -> Request:
        """Return what a generator is asked; a conversation only if it takes a chat template."""
        from probe.models.text import Request

        return Request(
            key=self.key,
            prompt=self.text(heads),
            task_id=str(self.task_id),
            k=self.k,
            turns=self.turns if chats else (),
        )


def full_prompt(row: Mapping[str, Any], identity: Mapping[str, Any]) -> str:
    """Return the whole text that a model was given for a sample.

    Args:
        row: The sample.
        identity: That of its run, which keeps the beginnings that prompts share.
    """
    heads = {"": "", **(identity.get("prompt_heads") or {})}
    return str(heads[row.get("prompt_head", "")]) + str(row["prompt"])


def line_decoding(generator: TextGenerator, *, max_new_tokens: int, end: str) -> Decoding:
    """Return greedy decoding of an answer: to its end mark, but a message goes on until its own."""
    from probe.models.text import Decoding, chat_of

    stop = (end,) if chat_of(generator).mode is ChatMode.NONE else ()
    return Decoding(max_new_tokens=max_new_tokens, stop=stop)


def ask_questions(
    run: RunWriter,
    questions: Sequence[Question],
    generator: TextGenerator,
    decoding: Decoding,
    *,
    score: Score,
    repeat: int,
    display: Progress,
    heads: Mapping[str, str] | None = None,
    grade: Grade = iter,
) -> list[dict[str, Any]]:
    """Ask what the run has no sample of yet, store the samples, and return those of all questions.

    Greedy decoding gives the same text for the same prompt, so each prompt is decoded once.

    Args:
        run: The open run.
        questions: Everything that the run asks; keys are distinct.
        generator: The model.
        decoding: How answers are decoded.
        score: Derives the rest of a sample.
        repeat: So many questions are decoded once more, alone.
        display: Progress by question.
        heads: Texts of the prompts' heads by name. Samples name theirs and leave its text out,
            so a run keeps the texts in its identity, as ``prompt_heads``.
        grade: Runs the programs in the samples while the model goes on.

    Raises:
        ProbeError: The model cannot go on, or the samples cannot be written; those before are
            kept.
    """
    missing = [question for question in questions if question.key not in run.done]
    if missing:
        repeated = items_to_repeat([question.key for question in questions], repeat)
        asking = _Asking(generator, decoding, repeated, heads or {})
        display.start("evaluating", len(missing))
        waiting: list[dict[str, Any]] = []
        try:
            for row in grade(asking.samples(missing)):
                waiting.append({**row, **score(row)})
                display.advance()
                if len(waiting) >= _SAVE_EVERY:
                    run.append(waiting)
                    waiting = []
        finally:
            run.append(waiting)
            display.finish()
    return [run.done[question.key] for question in questions]


class _Asking:
    """The state of one loop over questions."""

    def __init__(
        self,
        generator: TextGenerator,
        decoding: Decoding,
        repeated: frozenset[str],
        heads: Mapping[str, str],
    ) -> None:
        from probe.models.text import chat_of

        self._generator = generator
        self._decoding = decoding
        self._repeated = repeated
        self._heads = heads
        self._chat = chat_of(generator)
        self._chats = self._chat.mode is not ChatMode.NONE

    def samples(self, missing: Sequence[Question]) -> Iterator[dict[str, Any]]:
        """Decode each prompt once and yield the samples of all questions that have it."""
        groups: dict[Any, list[Question]] = {}
        for question in missing:
            name = question.text(self._heads) if self._decoding.greedy else question.key
            groups.setdefault(name, []).append(question)
        same = {group[0].key: group for group in groups.values()}
        requests = [self._request(group[0]) for group in same.values()]
        for completion in self._generator.generate(requests, self._decoding):
            for question in same[completion.key]:
                yield self._sample(question, completion) | self._alone(question, completion)

    def _request(self, question: Question) -> Request:
        return question.request(self._heads, chats=self._chats)

    def _alone(self, question: Question, completion: Completion) -> dict[str, Any]:
        from probe.models.text import Finish

        if question.key not in self._repeated or completion.finish is Finish.OVERFLOW:
            return {}
        alone = self._generator.alone(self._request(question), self._decoding)
        return {} if alone is None else {ALONE: alone.text}

    def _sample(self, question: Question, completion: Completion) -> dict[str, Any]:
        chats = self._chats
        seen = self._chat.reads(question.text(self._heads), question.turns)
        row = {
            "key": question.key,
            "task_id": question.task_id,
            **question.fields,
            "prompt": seen if chats else question.prompt,
            "prompt_sha256": sha256_text(seen),
            "completion": completion.text,
            "finish": str(completion.finish),
            "prompt_tokens": completion.prompt_tokens,
            "completion_tokens": completion.completion_tokens,
        }
        if completion.reused_from:
            row["reused_from"] = completion.reused_from
        if chats:
            row["read_as"] = REPLY
        elif question.head:
            row["prompt_head"] = question.head
        return row
