"""From model options to something that completes prompts; loads the model when called."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generators.errors import UsageError
from generators.progress import Progress
from probe.config import ModelOptions
from probe.models.endpoint import is_server
from probe.models.text import TextGenerator
from probe.prompts import ChatMode

if TYPE_CHECKING:
    from probe.models.load import LoadedModel

__all__ = ["Ask", "MakeGenerator", "open_model"]


Ask = Callable[[Path | None], TextGenerator]
"""Gives a generator for an adapter."""

MakeGenerator = Callable[[], TextGenerator]
"""Loads the model; called after a task has checked its inputs."""


def open_model(options: ModelOptions, *, progress: Progress | None = None) -> Ask:
    """Return what gives a generator for an adapter, or for ``None`` that of the bare model.

    A model on this machine is loaded with the first generator and kept for the next; a generator
    is of no more use when the next one is made.

    Raises:
        UsageError: An option does not go with the model. From the generators also: the adapter
            does not go with the template or with a server.
        ModelError: From the generators: the model or the adapter cannot be had.
    """
    if is_server(options.model):
        return partial(_reusing, options, partial(_on_server, options))
    for name, value in (
        ("--concurrency", options.concurrency),
        ("--request-timeout", options.request_timeout),
    ):
        if value is not None:
            raise UsageError(
                f"{name} is for a model on a server (--model http://host:port/v1#name)"
            )
    return partial(_reusing, options, _LocalModel(options, progress).generator)


def _reusing(options: ModelOptions, ask: Ask, adapter: Path | None) -> TextGenerator:
    """Ask, but take the answers that earlier runs have."""
    generator = ask(adapter)
    if not options.answers_from:
        return generator
    from probe.models.reuse import ReusedAnswers

    return ReusedAnswers(generator, options.answers_from)


class _LocalModel:
    """A base model, loaded when it is first asked for, under changing adapters."""

    def __init__(self, options: ModelOptions, progress: Progress | None) -> None:
        self._options = options
        self._progress = progress
        self._base: LoadedModel | None = None
        self._tuned: Any = None

    def generator(self, adapter: Path | None) -> TextGenerator:
        """Return a generator with an adapter, or the base's."""
        from probe.models.chat import ChatGenerator, check_trained_in, model_template
        from probe.models.generate import HFGenerator  # imports torch
        from probe.models.load import with_adapter

        if self._tuned is not None:
            self._tuned.unload()
            self._tuned = None
        loaded = self._base = self._base or self._load()
        chat = model_template(self._options.chat_template, loaded.tokenizer, loaded.name)
        if adapter is not None:
            check_trained_in(adapter, chat)
            loaded = with_adapter(loaded, adapter)
            self._tuned = loaded.model
        generator = HFGenerator(loaded, token_budget=self._options.token_budget)
        return generator if chat.mode is ChatMode.NONE else ChatGenerator(generator, chat)

    def _load(self) -> LoadedModel:
        from probe.models.load import load_model

        return load_model(
            self._options.model,
            device=self._options.device,
            dtype=self._options.dtype,
            accept_licence=self._options.accept_licence,
            progress=self._progress,
        )


def _on_server(options: ModelOptions, adapter: Path | None) -> TextGenerator:
    """Reach a model on a server."""
    from probe.models.server import ServerGenerator

    if adapter is not None:
        raise UsageError(
            "--adapter does not go with a server: let the server load the adapter, and name it "
            "after # as the server lists it"
        )
    for name, value in (("--device", options.device), ("--dtype", options.dtype)):
        if value != "auto":
            raise UsageError(f"{name} does not go with a server, which has chosen its own")
    if options.token_budget is not None:
        raise UsageError("--token-budget does not go with a server, which has its own memory")
    given = {"concurrency": options.concurrency, "timeout": options.request_timeout}
    return ServerGenerator(
        options.model,
        chat=options.chat_template,
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
    )
