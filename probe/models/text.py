"""What is asked of a text generator and what it answers.

The tasks depend on these records and on the protocol, not on torch;
:mod:`probe.models.generate` and :mod:`probe.models.fake` implement it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from generators.errors import FormatError, UsageError
from probe.prompts import NO_CHAT, ChatTemplate, Turn

__all__ = ["Completion", "Decoding", "Finish", "Request", "TextGenerator", "chat_of", "fits"]


class Finish(StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    EOS = "eos"
    LENGTH = "length"
    OVERFLOW = "overflow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A prompt to complete.

    Attributes:
        key: Names the request in the answer.
        prompt: The text to go on with.
        task_id: The problem it belongs to; with ``k`` it decides the noise of a sample.
        k: Number of the sample among those of its problem.
        turns: The same as a conversation, for chat models; empty for a single message.
    """

    key: str
    prompt: str
    task_id: str = ""
    k: int = 0
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How prompts are completed.

    Attributes:
        max_new_tokens: Budget of each completion, in new tokens.
        stop: Texts that end a completion and are not part of it.
        temperature: 0 takes the most likely token; else logits are divided by it and a token is
            drawn. The noise of a draw depends on ``(seed, task_id, k, step)`` alone.
        top_p: Draw from the smallest set of tokens that has at least this probability.
        seed: Seed of the draws.
    """

    max_new_tokens: int
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    @property
    def greedy(self) -> bool:
        """Whether the most likely token is always taken."""
        return self.temperature == 0

    def check(self) -> None:
        """Refuse settings that make no sense.

        Raises:
            UsageError: Names the setting.
        """
        if "" in self.stop:
            raise UsageError("an empty stop string would end every answer before it begins")
        if self.max_new_tokens < 1:
            raise UsageError(f"the budget is {self.max_new_tokens} new tokens; give at least 1")
        if not 0 <= self.temperature < float("inf"):
            raise UsageError(f"the temperature is {self.temperature}; give 0 or more")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top-p is {self.top_p}; give more than 0 and at most 1")

    def to_json(self) -> dict[str, Any]:
        """Return what a manifest keeps; the seed only where it matters."""
        common = {"max_new_tokens": self.max_new_tokens, "stop": list(self.stop)}
        if self.greedy:
            return {"decoding": "greedy", **common}
        drawn = {"temperature": self.temperature, "top_p": self.top_p, "decoding_seed": self.seed}
        return {"decoding": "sampling", **drawn, **common}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Decoding:
        """Return the decoding that a manifest keeps, among other options.

        Raises:
            FormatError: A field is missing or of the wrong type.
        """
        try:
            drawn = fields["decoding"] == "sampling"
            return cls(
                max_new_tokens=int(fields["max_new_tokens"]),
                stop=tuple(map(str, fields["stop"])),
                temperature=float(fields["temperature"]) if drawn else 0.0,
                top_p=float(fields["top_p"]) if drawn else 1.0,
                seed=int(fields["decoding_seed"]) if drawn else 0,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"a manifest without a whole decoding: {error!r}") from None


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
        reused_from: Identity hash of the run that it was taken from, ``""`` if the model said it.
    """

    key: str
    text: str
    finish: Finish
    prompt_tokens: int
    completion_tokens: int
    reused_from: str = ""

    @classmethod
    def overflow(cls, key: str, prompt_tokens: int) -> Completion:
        """Return what becomes of a prompt that does not fit."""
        return cls(
            key=key,
            text="",
            finish=Finish.OVERFLOW,
            prompt_tokens=prompt_tokens,
            completion_tokens=0,
        )


class TextGenerator(Protocol):
    """Completes prompts.

    One that replies to prompts in a chat template also has ``chat``, see :func:`chat_of`.
    """

    identity: dict[str, Any]

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """Yield one completion per request, in any order.

        Args:
            requests: What to complete; keys are distinct.
            decoding: How.

        Raises:
            UsageError: The decoding makes no sense.
        """

    def alone(self, request: Request, decoding: Decoding) -> Completion | None:
        """Return what a request gives when nothing is decoded beside it: the reference.

        ``None`` where nobody can say, as for a server, which batches as it likes.
        """


def fits(
    generator: TextGenerator, request: Request, decoding: Decoding, context: int | None = None
) -> bool:
    """Return whether a prompt and its answer fit into a context.

    Args:
        generator: One that can count has ``prompt_length``; of others (servers) nobody knows.
        request: The prompt.
        decoding: How long the answer may be.
        context: Tokens of prompt and answer; ``None`` is what the model has.
    """
    count: Callable[[Request], int] | None = getattr(generator, "prompt_length", None)
    limits = [one for one in (context, generator.identity.get("context_length")) if one]
    if count is None or not limits:
        return True
    return count(request) + decoding.max_new_tokens <= min(limits)


def chat_of(generator: TextGenerator) -> ChatTemplate:
    """Return the chat template that a generator puts prompts into."""
    found: ChatTemplate = getattr(generator, "chat", NO_CHAT)
    return found
