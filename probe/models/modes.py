"""What an architecture allows when prompts are computed together.

Called by :mod:`probe.models.generate` once per model. Nothing is believed: a model is tried, and
one that gives other logits in a shared pass than by itself is decoded in a plainer way.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from probe.models.decode import PaddedBatch
from probe.models.ragged import run_pass, whole_pass
from probe.models.states import Span

__all__ = ["Mode", "batching_mode"]

_PREFIX, _TAILS = 40, (30, 10)  # tokens of the trial
_TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3}  # share of the logits' spread
_TOLERANCE_HALF = 0.1
_REFUSALS = (TypeError, ValueError, RuntimeError, AttributeError, KeyError, IndexError)


class Mode(StrEnum):
    """How much of a model's work prompts can share without changing a result."""

    SHARED = "shared"
    """Passes without padding; shared prefixes are computed once."""
    PADDED = "padded"
    """Padded batches; nothing is shared."""
    SINGLE = "single"
    """One prompt at a time."""


def batching_mode(model: Any) -> Mode:
    """Return what a model's architecture allows."""
    config = model.config.get_text_config(decoder=True)
    arguments = inspect.signature(model.forward).parameters
    rope = getattr(config, "rope_parameters", None) or {}
    if not {"position_ids", "past_key_values", "logits_to_keep"} <= set(arguments):
        return Mode.SINGLE
    if rope.get("rope_type", "default") in ("dynamic", "longrope"):
        return Mode.SINGLE  # what a position means depends on the length of the text
    layers = DynamicCache(config=model.config).layers
    if not {type(layer) for layer in layers} <= {DynamicLayer, DynamicSlidingWindowLayer}:
        return Mode.SINGLE
    windows = {n: getattr(layer, "sliding_window", None) for n, layer in enumerate(layers)}
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(0, config.vocab_size, (_PREFIX + sum(_TAILS),), generator=generator)
    shared, rest = drawn[:_PREFIX].tolist(), drawn[_PREFIX:].tolist()
    tails = (rest[: _TAILS[0]], rest[_TAILS[0] :])
    if _takes_passes(model, shared, tails, windows):
        return Mode.SHARED
    return Mode.PADDED if _takes_padding(model, [shared + tail for tail in tails]) else Mode.SINGLE


@torch.inference_mode()
def _takes_passes(
    model: Any,
    shared: list[int],
    tails: Sequence[list[int]],
    windows: Mapping[int, int | None],
) -> bool:
    """Try whether two prompts with a common prefix give the same logits in passes and alone.

    The trial is shorter than most windows, so the windows that attention was told of are compared
    with those of the model's own cache.
    """
    prefix = Span(tokens=shared, start=0, parent=None)
    below = [Span(tokens=tail, start=_PREFIX, parent=prefix) for tail in tails]
    try:
        run_pass(model, whole_pass(model, [prefix]), [])
        work = whole_pass(model, below)
        found = run_pass(model, work, [_TAILS[0] - 1, sum(_TAILS) - 1])
    except _REFUSALS:
        return False
    return work.windows == windows and _as_alone(model, found, [shared + tail for tail in tails])


@torch.inference_mode()
def _takes_padding(model: Any, prompts: Sequence[list[int]]) -> bool:
    """Try whether prompts of different lengths give the same logits padded and alone."""
    try:
        batch = PaddedBatch(model, [prompt[:-1] for prompt in prompts], room=1)
        batch.step([prompt[-1] for prompt in prompts])
    except _REFUSALS:
        return False
    return _as_alone(model, batch.logits, prompts)


def _as_alone(model: Any, found: torch.Tensor, prompts: Sequence[list[int]]) -> bool:
    """Return whether logits ``[prompts, vocabulary]`` are those of each prompt by itself."""
    alone = [
        model(input_ids=torch.tensor([prompt], device=model.device), use_cache=False)
        for prompt in prompts
    ]
    expected = torch.stack([output.logits[0, -1] for output in alone])
    difference = float((found - expected).abs().max())
    tolerance = _TOLERANCE.get(expected.dtype, _TOLERANCE_HALF)
    return difference <= tolerance * float(expected.float().std())
