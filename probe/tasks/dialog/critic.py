"""A model that says what is wrong with a program.

Called by :mod:`probe.tasks.dialog.task`; the other givers are in
:mod:`probe.tasks.dialog.feedback`. The model sees worked examples, those of the conversations
(:mod:`probe.conversation`): without them SmolLM2-135M said nothing.

Source: this project's own wording; the paper's feedback is by people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from generators.jsonl import sha256_text
from probe.conversation import worked_feedback
from probe.tasks.dialog.feedback import Failure, Said, execution_sentence
from probe.tasks.dialog.givers import Giver

if TYPE_CHECKING:
    from probe.models.text import TextGenerator

__all__ = ["MODEL_FEEDBACK", "ModelFeedback", "feedback_wording_sha256"]

MODEL_FEEDBACK = "dialog/feedback@2"
"""Name and version of the wording in which a model is asked for feedback."""

_ASK = (
    "Students wrote Python functions that do not pass their tests. Say in one sentence, without "
    "code, what is wrong with each.\n\n"
)
_CASE = "Task: {text}\nTests:\n{tests}\n\nProgram:\n{code}\n\nWhat happened: {outcome}\n\nFeedback:"
_TOKENS = 80


class ModelFeedback:
    """A model that is asked, greedily, what is wrong.

    Args:
        generator: The model.
    """

    kind = Giver.MODEL

    def __init__(self, generator: TextGenerator) -> None:
        self._generator = generator
        self._head = _head()

    def identity(self) -> dict[str, Any]:
        """Return what decides what it says."""
        return {
            "kind": str(self.kind),
            "wording": {MODEL_FEEDBACK: feedback_wording_sha256()},
            "max_new_tokens": _TOKENS,
            "model": self._generator.identity,
        }

    def say(self, failures: Sequence[Failure]) -> list[Said]:
        """Ask the model about all failures together."""
        from probe.models.text import Decoding, Request, chat_of
        from probe.prompts import ChatMode

        chats = chat_of(self._generator).mode is not ChatMode.NONE
        decoding = Decoding(max_new_tokens=_TOKENS, stop=() if chats else ("\n",))
        requests = [
            Request(key=one.key, prompt=self._head + _case(one), task_id=str(one.problem.task_id))
            for one in failures
        ]
        texts = {one.key: one.text for one in self._generator.generate(requests, decoding)}
        name = str(self._generator.identity.get("name"))
        return [Said(text=texts[one.key].strip(), author=f"model {name}") for one in failures]


def feedback_wording_sha256() -> str:
    """Return the hash of all that every request for feedback has in common."""
    return sha256_text(_head() + _CASE)


def _head() -> str:
    """Return what stands before every case: the task of the critic, and the worked examples."""
    cases = (
        _CASE.format(
            text=one.text,
            tests="\n".join(one.tests),
            code=one.code,
            outcome=one.outcome,
        )
        + f" {one.feedback}\n\n\n"
        for one in worked_feedback()
    )
    return _ASK + "".join(cases)


def _case(failure: Failure) -> str:
    return _CASE.format(
        text=failure.problem.text.strip(),
        tests="\n".join(failure.problem.test_list),
        code=str(failure.reply["code"]).strip() or "(nothing)",
        outcome=execution_sentence(failure.reply, show_expected=True),
    )
