"""Every prompt template, with a name, a version and a hash.

Called by the tasks that ask models and by the training data, so that a model is asked in the
words it was trained on. A template's hash covers the template text and stands in the manifest;
changing a template means a new version.

Source: this project's own wording; the paper's execution prompts are not public.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from generators.errors import UsageError
from generators.jsonl import sha256_text
from generators.records import Trace

__all__ = [
    "CONTENTS",
    "EXECUTION",
    "EXECUTION_V1",
    "NO_CHAT",
    "Asked",
    "ChatMode",
    "ChatTemplate",
    "ExecutionTemplate",
    "Turn",
    "asked_prompt",
    "execution_prefix",
    "execution_prompt",
    "execution_query",
    "execution_target",
    "known_contents",
]


class ChatMode(StrEnum):
    """Whether a prompt is put into a chat template: said by the user, never guessed."""

    NONE = "none"
    """The model goes on with the prompt."""
    MODEL = "model"
    """The prompt is a user's message in the model's own template; the model replies."""


def _no_turns(_turns: Sequence[Turn]) -> str:
    raise UsageError("a conversation cannot be put into this chat template")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one side says in a conversation.

    Attributes:
        role: ``user`` or ``assistant``.
        text: What it says.
    """

    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplate:
    """How prompts become what a model reads.

    Attributes:
        mode: None, or the model's own template.
        sha256: Hash of the template's text; ``None`` without one, or where a server keeps it.
        render: Turns a prompt into the text that the model reads, up to where its reply begins.
        render_turns: The same of a conversation, each turn a message.
    """

    mode: ChatMode
    sha256: str | None
    render: Callable[[str], str]
    render_turns: Callable[[Sequence[Turn]], str] = _no_turns

    def reads(self, prompt: str, turns: Sequence[Turn] = ()) -> str:
        """Return what the model reads of a prompt, or of the conversation that stands for it."""
        if turns and self.mode is not ChatMode.NONE:
            return self.render_turns(turns)
        return self.render(prompt)

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
        item: One item up to the place where the answer begins, in sections with a blank line
            between them; fields ``{call}``, ``{code}``, ``{text}``, ``{setup}``, ``{tests}``. A
            section is left out where its field is empty.
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


CONTENTS = (
    ("code",),
    ("code", "text", "tests"),
    ("code", "text"),
    ("code", "tests"),
    ("text", "tests"),
    ("text",),
    ("tests",),
)
"""What a prompt may show: the non-empty subsets of program, description and test cases.

Source: paper, section 6, in the order of its table.
"""

_SECTIONS = {
    "text": "# Task\n{text}",
    "code": "# Program\n{code}",
    "tests": "# Tests\n{tests}",
}
_RESULT = "# Result\nassert {call} =="
_SETUP = "# Set-up\n{setup}"  # part of the program where that is shown


def _template(content: tuple[str, ...]) -> ExecutionTemplate:
    shown = [section for part, section in _SECTIONS.items() if part in content]
    setup = [] if "code" in content else [_SETUP]
    return ExecutionTemplate(
        name=f"execution/{'+'.join(content)}@1",
        instruction="# Python programs and what their functions return.\n\n",
        item="\n\n".join([*setup, *shown, _RESULT]),
        answer=" {output}",
        end="\n",
        separator="\n\n",
    )


EXECUTION = {"+".join(content): _template(content) for content in CONTENTS}
"""The template of each prompt content, by its name such as ``code+tests``."""

EXECUTION_V1 = EXECUTION["code"]
"""The program alone."""


def known_contents(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the prompt contents that a user named, each spelled as in :data:`EXECUTION`.

    Args:
        names: Such as ``tests+code``, in any order of parts, or ``all``; ``None`` for none.

    Raises:
        UsageError: There is no such content.
    """
    by_parts = {frozenset(name.split("+")): name for name in EXECUTION}
    found = []
    for name in EXECUTION if "all" in (names or ()) else names or ():
        known = by_parts.get(frozenset(name.split("+")))
        if known is None:
            raise UsageError(f"no prompt content {name!r}; there are {', '.join(EXECUTION)}")
        found.append(known)
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call to predict, and the test cases of the same program that stand beside it.

    Attributes:
        trace: The call and its output.
        tests: Solved calls, shown by the templates whose content has tests.
    """

    trace: Trace
    tests: tuple[Trace, ...] = ()


def execution_query(template: ExecutionTemplate, asked: Asked) -> str:
    """Return one item up to the place where its answer begins."""
    trace = asked.trace
    setup = trace.setup.strip()
    fields = {
        "text": trace.text.strip(),
        "code": trace.code.strip("\n") + (f"\n\n{setup}" if setup else ""),
        "setup": setup,
        "tests": "\n".join(f"assert {test.call} == {test.output}" for test in asked.tests),
        "call": trace.call,
    }
    empty = [f"{{{name}}}" for name, text in fields.items() if not text]
    sections = template.item.split("\n\n")
    return "\n\n".join(
        section.format(**fields)
        for section in sections
        if not any(name in section for name in empty)
    )


def execution_prefix(template: ExecutionTemplate, shots: Sequence[Asked]) -> str:
    """Return what stands before the query: the instruction and the solved examples."""
    solved = [
        execution_query(template, shot)
        + template.answer.format(output=shot.trace.output)
        + template.separator
        for shot in shots
    ]
    return template.instruction + "".join(solved)


def execution_prompt(template: ExecutionTemplate, shots: Sequence[Trace], trace: Trace) -> str:
    """Return the whole prompt for one trace, no tests shown; the output is the model's to give."""
    return asked_prompt(template, [Asked(trace=shot) for shot in shots], Asked(trace=trace))


def asked_prompt(template: ExecutionTemplate, shots: Sequence[Asked], query: Asked) -> str:
    """Return the whole prompt for a call and the tests beside it."""
    return execution_prefix(template, shots) + execution_query(template, query)


def execution_target(template: ExecutionTemplate, trace: Trace) -> str:
    """Return the text to learn for one trace: the answer and the end marker."""
    return template.answer.format(output=trace.output) + template.end
