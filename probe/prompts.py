"""Every prompt template, with a name, a version and a hash.

Called by the tasks that ask models and by the training data, so that a model is asked in the
words it was trained on. A template's hash covers the template text and stands in the manifest;
changing a template means a new version. Wording: this project's own. The paper's execution
prompts are not public.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from generators.jsonl import sha256_text
from generators.records import Trace

__all__ = [
    "EXECUTION_V1",
    "NO_CHAT",
    "ChatMode",
    "ChatTemplate",
    "ExecutionTemplate",
    "execution_prefix",
    "execution_prompt",
    "execution_target",
]


class ChatMode(StrEnum):
    """Whether a prompt is put into a chat template: said by the user, never guessed."""

    NONE = "none"
    """The model goes on with the prompt."""
    MODEL = "model"
    """The prompt is a user's message in the model's own template; the model replies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplate:
    """How prompts become what a model reads.

    Attributes:
        mode: None, or the model's own template.
        sha256: Hash of the template's text; ``None`` without one, or where a server keeps it.
        render: Turns a prompt into the text that the model reads, up to where its reply begins.
    """

    mode: ChatMode
    sha256: str | None
    render: Callable[[str], str]

    def to_json(self) -> dict[str, str | None]:
        """Return what a manifest keeps."""
        return {"chat_template": str(self.mode), "chat_template_sha256": self.sha256}


NO_CHAT = ChatTemplate(mode=ChatMode.NONE, sha256=None, render=str)
"""Prompts as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionTemplate:
    """How one output prediction is put to a model.

    Attributes:
        name: Name and version, such as ``execution/code@1``.
        instruction: First lines of every prompt.
        item: One item up to the place where the answer begins; fields ``{code}``, ``{call}``.
        answer: The answer as it continues ``item``; field ``{output}``.
        end: End marker after the answer, part of what is learned and where decoding stops.
        separator: Text between shots, and between the last shot and the query.
    """

    name: str
    instruction: str
    item: str
    answer: str
    end: str
    separator: str

    @property
    def sha256(self) -> str:
        """Hash of everything a model sees of the template."""
        return sha256_text(
            "\0".join([self.instruction, self.item, self.answer, self.end, self.separator])
        )


EXECUTION_V1 = ExecutionTemplate(
    name="execution/code@1",
    instruction="# Python programs and what their functions return.\n\n",
    item="# Program\n{code}\n\n# Result\nassert {call} ==",
    answer=" {output}",
    end="\n",
    separator="\n\n",
)


def _program(trace: Trace) -> str:
    setup = f"\n\n{trace.setup.strip()}" if trace.setup.strip() else ""
    return trace.code.strip("\n") + setup


def execution_prefix(template: ExecutionTemplate, shots: Sequence[Trace]) -> str:
    """Return what stands before the query: the instruction and the solved examples."""
    solved = [
        template.item.format(code=_program(shot), call=shot.call)
        + template.answer.format(output=shot.output)
        + template.separator
        for shot in shots
    ]
    return template.instruction + "".join(solved)


def execution_prompt(template: ExecutionTemplate, shots: Sequence[Trace], trace: Trace) -> str:
    """Return the whole prompt for one trace; the output is the model's to give."""
    query = template.item.format(code=_program(trace), call=trace.call)
    return execution_prefix(template, shots) + query


def execution_target(template: ExecutionTemplate, trace: Trace) -> str:
    """Return the text to learn for one trace: the answer and the end marker."""
    return template.answer.format(output=trace.output) + template.end
