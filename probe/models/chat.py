"""A model's own chat template: prompts as user messages, for models on this machine.

Called by :mod:`probe.tasks.asking` and :mod:`probe.training.run`. Which template a model is asked
in is the user's word (``--chat-template``); here it is rendered, hashed, and compared with the
one that an adapter was trained in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from generators.errors import ModelError, UsageError
from generators.jsonl import sha256_text
from probe.models.adapter import find_adapter
from probe.models.text import Completion, Decoding, Request, TextGenerator
from probe.prompts import NO_CHAT, ChatMode, ChatTemplate, Turn

__all__ = ["ChatGenerator", "check_trained_in", "model_template"]

# Some templates print the day. Runs of different days shall ask the same.
_DAY = "26 Jul 2024"


class ChatGenerator:
    """Replies to prompts: another generator's completions of rendered messages.

    Args:
        inner: What completes texts.
        chat: How prompts become texts.

    Attributes:
        inner: As given.
        chat: As given.
        identity: That of ``inner``.
    """

    def __init__(self, inner: TextGenerator, chat: ChatTemplate) -> None:
        self.inner = inner
        self.chat = chat
        self.identity = inner.identity

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """Yield one reply per request, in any order.

        Args:
            requests: User messages; keys are distinct.
            decoding: How.

        Raises:
            UsageError: The decoding makes no sense.
        """
        return self.inner.generate([self._rendered(r) for r in requests], decoding)

    def alone(self, request: Request, decoding: Decoding) -> Completion | None:
        """Return the reply when nothing is decoded beside it."""
        return self.inner.alone(self._rendered(request), decoding)

    def prompt_length(self, request: Request) -> int:
        """Return how many tokens a prompt has in the template."""
        count: Callable[[Request], int] = self.inner.prompt_length  # type: ignore[attr-defined]
        return count(self._rendered(request))

    def _rendered(self, request: Request) -> Request:
        return replace(request, prompt=self.chat.reads(request.prompt, request.turns), turns=())


def model_template(mode: ChatMode, tokenizer: Any, name: str) -> ChatTemplate:
    """Return the chat template of a tokenizer, or none if none is asked for.

    A prompt becomes one user message with the template's generation prompt after it. Templates
    that print a date are given a fixed one where they take it from ``date_string``.

    Args:
        mode: What the user asked for.
        tokenizer: The model's tokenizer.
        name: The model, for messages.

    Raises:
        ModelError: The model has no template, or it cannot be rendered.
    """
    if mode is ChatMode.NONE:
        return NO_CHAT
    try:
        text: str = tokenizer.get_chat_template()
    except ValueError:
        raise ModelError(
            f"{name} has no chat template; ask it without --chat-template model"
        ) from None

    def render(prompt: str) -> str:
        return render_turns([Turn(role="user", text=prompt)])

    def render_turns(turns: Sequence[Turn]) -> str:
        try:
            rendered: str = tokenizer.apply_chat_template(
                [{"role": turn.role, "content": turn.text} for turn in turns],
                chat_template=text,
                add_generation_prompt=True,
                tokenize=False,
                date_string=_DAY,
            )
        except Exception as error:  # jinja2 and the template itself each have their own
            line = " ".join(str(error).split()) or type(error).__name__
            raise ModelError(f"the chat template of {name} cannot be rendered: {line}") from None
        return rendered

    render("")
    return ChatTemplate(
        mode=mode, sha256=sha256_text(text), render=render, render_turns=render_turns
    )


def check_trained_in(adapter: Path, chat: ChatTemplate) -> None:
    """Refuse to ask a tuned model in another template than the one it was trained in.

    Only an adapter that lies in the folder of a fine-tuning run says what that was; a run from
    before templates were recorded was trained without.

    Raises:
        UsageError: Trained with a template and asked without, or the other way round.
        ModelError: Trained with another template than the model has here.
    """
    folder = find_adapter(adapter).parent
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if manifest["identity"]["verb"] != "finetune":
            return
        config = dict(manifest["identity"]["config"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    mode = config.get("chat_template", str(ChatMode.NONE))
    if mode != chat.mode:
        raise UsageError(
            f"the adapter in {folder} was trained with --chat-template {mode}; "
            f"it cannot be asked with --chat-template {chat.mode}"
        )
    if config.get("chat_template_sha256") != chat.sha256:
        raise ModelError(
            f"the adapter in {folder} was trained with another chat template than the model has "
            "here: take the base model that it was trained on"
        )
