"""From model options to something that completes prompts; loads the model when called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators.progress import Progress
from probe.config import ModelOptions

if TYPE_CHECKING:
    from probe.models.text import TextGenerator

__all__ = ["make_generator"]


def make_generator(options: ModelOptions, *, progress: Progress | None = None) -> TextGenerator:
    """Load a model, with its adapter if there is one, for greedy decoding.

    Raises:
        ModelError: The model or the adapter cannot be had.
    """
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
    return HFGenerator(loaded)
