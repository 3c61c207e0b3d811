"""From model options to something that completes prompts; loads the model when called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators.errors import UsageError
from generators.progress import Progress
from probe.config import ModelOptions
from probe.models.endpoint import is_server
from probe.prompts import ChatMode

if TYPE_CHECKING:
    from probe.models.text import TextGenerator

__all__ = ["make_generator"]


def make_generator(options: ModelOptions, *, progress: Progress | None = None) -> TextGenerator:
    """Load a model, with its adapter if there is one, or reach one on a server.

    Raises:
        UsageError: An option does not go with the model, or the adapter not with the template.
        ModelError: The model or the adapter cannot be had.
    """
    if is_server(options.model):
        return _on_server(options)
    _refuse({"--concurrency": options.concurrency, "--request-timeout": options.request_timeout})
    from probe.models.chat import ChatGenerator, check_trained_in, model_template
    from probe.models.generate import HFGenerator  # imports torch
    from probe.models.load import load_model

    loaded = load_model(
        options.model,
        adapter=options.adapter,
        device=options.device,
        dtype=options.dtype,
        accept_licence=options.accept_licence,
        progress=progress,
    )
    chat = model_template(options.chat_template, loaded.tokenizer, loaded.name)
    if options.adapter is not None:
        check_trained_in(options.adapter, chat)
    generator = HFGenerator(loaded)
    return generator if chat.mode is ChatMode.NONE else ChatGenerator(generator, chat)


def _refuse(server_options: dict[str, float | None]) -> None:
    for name, value in server_options.items():
        if value is not None:
            raise UsageError(
                f"{name} is for a model on a server (--model http://host:port/v1#name)"
            )


def _on_server(options: ModelOptions) -> TextGenerator:
    """Reach a model on a server."""
    from probe.models.server import ServerGenerator

    if options.adapter is not None:
        raise UsageError(
            "--adapter does not go with a server: let the server load the adapter, and name it "
            "after # as the server lists it"
        )
    for name, value in (("--device", options.device), ("--dtype", options.dtype)):
        if value != "auto":
            raise UsageError(f"{name} does not go with a server, which has chosen its own")
    given = {"concurrency": options.concurrency, "timeout": options.request_timeout}
    return ServerGenerator(
        options.model,
        chat=options.chat_template,
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
    )
