"""A model's attention replaced by another function, for the time of a block.

Decoding (:mod:`probe.models.ragged`) and training (:mod:`probe.training.attention`) each bring an
attention of their own, by the interface that ``transformers`` has for this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["replaced_attention"]


@contextmanager
def replaced_attention(config: Any, name: str, attend: Callable[..., Any]) -> Iterator[None]:
    """Let a model attend by ``attend`` inside the block.

    Args:
        config: Configuration of the model's language part.
        name: What the function is registered as.
        attend: Has the signature of ``transformers``' attention functions.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(name, attend)
    usual = config._attn_implementation
    config._attn_implementation = name
    try:
        yield
    finally:
        config._attn_implementation = usual
