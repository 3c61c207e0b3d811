"""Attention over a row's prefix tree, in blocks that skip what nobody sees.

A block is a stretch of the row. Its tokens see each other, by a small mask, and the tokens on the
path from the root to the block's first one; of everything else in the row they see nothing, so
nothing is computed. The number of programs in a row thus does not make a token more costly. The
blocks stand in for the model's own attention while a row is in the model
(:func:`tree_attention`), through the interface that transformers gives for it. Models without
that interface, and those loaded with ``eager`` attention, get a dense mask instead
(:func:`dense_mask`). Called by :mod:`probe.training.forward`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from generators.errors import ModelError
from probe.models.replacing import replaced_attention
from probe.training.packing import Row

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Layout", "dense_mask", "text_config", "tree_attention", "uses_tree"]

_NAME = "probe_tree"
_BLOCK = 64  # tokens; measured on CPUs, between 32 and 256 it matters little
_LAYER_KINDS = frozenset({"full_attention", "sliding_attention"})
_PASSED_ON = frozenset({"sliding_window", "layout", "position_ids", "use_cache", "is_causal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """One block: its queries, and where their keys are.

    Attributes:
        start: Index of its first query.
        stop: Index after its last.
        pieces: Numbers of the row's pieces that hold the keys.
        keys: Indices of the keys.
    """

    start: int
    stop: int
    pieces: list[int]
    keys: list[int]


@dataclass(slots=True, kw_only=True)
class Layout:
    """How the attention of one row is cut into blocks.

    Attributes:
        sizes: Lengths of the pieces that the row is cut into; keys are taken by whole pieces.
        blocks: The blocks, in order.
        positions: Position of each token in its items, shape ``(tokens,)``.
        ends: As in :class:`probe.training.packing.Row`, shape ``(tokens,)``.
    """

    sizes: list[int]
    blocks: list[_Block]
    positions: Tensor
    ends: Tensor
    _masks: dict[tuple[Any, ...], list[Tensor]] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Row, device: torch.device) -> Layout:
        """Cut a row into blocks."""
        starts = range(0, len(row.tokens), _BLOCK)
        paths = [_path(row.ends, start) for start in starts]
        bounds = sorted({0, len(row.tokens), *starts, *_bounds(paths)})
        piece_at = {start: number for number, start in enumerate(bounds)}
        blocks = []
        for start, path in zip(starts, paths, strict=True):
            stop = min(start + _BLOCK, len(row.tokens))
            keys = [*path, *range(start, stop)]
            pieces = [piece_at[key] for key in keys if key in piece_at]
            blocks.append(_Block(start=start, stop=stop, pieces=pieces, keys=keys))
        return cls(
            sizes=[b - a for a, b in pairwise(bounds)],
            blocks=blocks,
            positions=torch.tensor(row.positions, device=device),
            ends=torch.tensor(row.ends, device=device),
        )

    def masks(self, like: Tensor, repeats: int, window: int | None) -> list[Tensor]:
        """Return the additive masks of all blocks, shape ``(repeats * queries, keys)`` each."""
        key = (like.dtype, repeats, window)
        if key not in self._masks:
            made = []
            for block in self.blocks:
                queries = torch.arange(block.start, block.stop, device=like.device)
                keys = torch.tensor(block.keys, device=like.device)
                visible = _visible(self.positions, self.ends, queries, keys, window)
                made.append(_additive(visible, like.dtype).repeat(repeats, 1))
            self._masks[key] = made
        return self._masks[key]


def _path(ends: Sequence[int], index: int) -> list[int]:
    """Indices of the tokens before ``index`` that it sees, ascending."""
    return [i for i in range(index) if ends[i] > index]


def _bounds(paths: Sequence[Sequence[int]]) -> Iterator[int]:
    """Where the stretches of the paths begin, and where they are over."""
    for path in paths:
        for before, here in pairwise([None, *path, None]):
            if before is None or here is None or here != before + 1:
                if here is not None:
                    yield here
                if before is not None:
                    yield before + 1


def _visible(
    positions: Tensor, ends: Tensor, queries: Tensor, keys: Tensor, window: int | None
) -> Tensor:
    """Return which keys the queries see, shape ``(queries, keys)``, boolean."""
    visible = (keys[None, :] <= queries[:, None]) & (queries[:, None] < ends[keys][None, :])
    if window is not None:
        visible &= positions[queries][:, None] - positions[keys][None, :] < window
    return visible


def _additive(visible: Tensor, dtype: torch.dtype) -> Tensor:
    mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
    return mask.masked_fill(~visible, torch.finfo(dtype).min)


def dense_mask(row: Row, model: nn.Module) -> Tensor | dict[str, Tensor]:
    """Return the additive mask of a row, in the form that a model's own attention takes.

    Returns:
        A tensor of shape ``(1, 1, tokens, tokens)`` in the model's dtype, 0 where the query (third
        dimension) sees the key and the dtype's minimum elsewhere; for a model with layers of
        several kinds, one such tensor per kind.

    Raises:
        ModelError: The model has layers or an attention implementation that take no such mask.
    """
    config = text_config(model)
    parameter = next(model.parameters())
    positions, ends = (torch.tensor(v, device=parameter.device) for v in (row.positions, row.ends))
    every = torch.arange(len(row.tokens), device=parameter.device)

    def mask(window: int | None) -> Tensor:
        visible = _visible(positions, ends, every, every, window)
        return _additive(visible, parameter.dtype)[None, None]

    window: int | None = getattr(config, "sliding_window", None)
    kinds = set(getattr(config, "layer_types", None) or ())
    if len(kinds) > 1:
        return {"full_attention": mask(None), "sliding_attention": mask(window)}
    return mask(None if kinds == {"full_attention"} else window)


def text_config(model: nn.Module) -> Any:
    """Return the configuration of the model's language part.

    Raises:
        ModelError: The model has layers or an attention implementation that rows do not fit.
    """
    config: Any = model.config
    config = config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    if unknown := kinds - _LAYER_KINDS:
        raise ModelError(f"cannot fine-tune layers of kind {', '.join(sorted(unknown))}")
    if config._attn_implementation not in ("sdpa", "eager"):
        raise ModelError(
            f"cannot fine-tune with attention implementation {config._attn_implementation}; "
            "load the model with sdpa or eager"
        )
    return config


def uses_tree(model: nn.Module) -> bool:
    """Return whether a model's attention can be replaced by blocks."""
    replaceable = bool(getattr(model, "_supports_attention_backend", False))
    return replaceable and text_config(model)._attn_implementation == "sdpa"


def tree_attention(model: nn.Module) -> AbstractContextManager[None]:
    """Let the model attend by the ``layout`` that it is called with, inside the block."""
    return replaced_attention(text_config(model), _NAME, _attend)


def _attend(
    module: nn.Module,  # noqa: ARG001
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001
    *,
    layout: Layout,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend block by block; the signature is that of transformers' attention functions.

    Args:
        module: The attention layer.
        query: Shape ``(1, heads, tokens, size)``.
        key: Shape ``(1, key heads, tokens, size)``; ``heads`` is a multiple of ``key heads``.
        value: As ``key``.
        attention_mask: Not used.
        layout: The row's blocks.
        scaling: Factor of the scores; ``None`` for ``1 / sqrt(size)``.
        dropout: Dropout of the attention weights.
        sliding_window: How many positions a token looks back, itself included.
        options: Whatever else a model hands to its attention.

    Returns:
        Shape ``(1, tokens, heads, size)``, and no weights.
    """
    unknown = [name for name, value in options.items() if name not in _PASSED_ON and value]
    if unknown:
        raise ModelError(f"cannot fine-tune with attention that uses {', '.join(unknown)}")
    heads, shared, size = query.shape[1], key.shape[1], query.shape[3]
    repeats = heads // shared
    grouped = query.view(shared, repeats, -1, size)
    keys, values = torch.split(key, layout.sizes, dim=2), torch.split(value, layout.sizes, dim=2)
    # split, not sliced: the gradients of slices are each as large as the whole
    queries = torch.split(grouped, [block.stop - block.start for block in layout.blocks], dim=2)
    masks = layout.masks(query, repeats, sliding_window)
    outputs = []
    for block, asking, mask in zip(layout.blocks, queries, masks, strict=True):
        output = scaled_dot_product_attention(
            asking.reshape(1, shared, -1, size),
            torch.cat([keys[i] for i in block.pieces], dim=2),
            torch.cat([values[i] for i in block.pieces], dim=2),
            attn_mask=mask,
            dropout_p=dropout,
            scale=scaling,
        )
        outputs.append(output.view(heads, -1, size))
    return torch.cat(outputs, dim=1).transpose(0, 1)[None], None
