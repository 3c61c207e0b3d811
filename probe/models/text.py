"""What is asked of a text generator and what it answers.

The tasks depend on these records and on the protocol, not on torch;
:mod:`probe.models.generate` and :mod:`probe.models.fake` implement it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

__all__ = ["Completion", "Finish", "Request", "TextGenerator"]


class Finish(StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    EOS = "eos"
    LENGTH = "length"
    OVERFLOW = "overflow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A prompt to complete; ``key`` names it in the answer."""

    key: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model said.

    Attributes:
        key: That of the request.
        text: The completion alone: no prompt, no stop string, no end token.
        finish: ``STOP`` (a stop string came), ``EOS`` (an end token came), ``LENGTH`` (the budget
            ran out) or ``OVERFLOW`` (prompt and budget exceed the context; nothing was generated).
        prompt_tokens: Length of the prompt in tokens.
        completion_tokens: Tokens generated, an end token and those of a stop string included.
    """

    key: str
    text: str
    finish: Finish
    prompt_tokens: int
    completion_tokens: int


class TextGenerator(Protocol):
    """Completes prompts greedily."""

    identity: dict[str, Any]

    def generate(
        self, requests: Sequence[Request], *, max_new_tokens: int, stop: tuple[str, ...]
    ) -> Iterator[Completion]:
        """Yield one completion per request, in any order.

        Args:
            requests: What to complete; keys are distinct.
            max_new_tokens: Budget of each completion.
            stop: Texts that end a completion and are not part of it.
        """
