"""Rows through the model: logits and losses where they are wanted, and the proof that they hold.

Loss and gradients of a row are those of its items one at a time; :func:`check_packing` compares
the losses on the model at hand. Called by :mod:`probe.training.trainer` and
:mod:`probe.training.finetune`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy

from generators.errors import ModelError
from probe.training.attention import Layout, dense_mask, tree_attention, uses_tree
from probe.training.dataset import Item
from probe.training.packing import Row, make_row

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["check_packing", "plain_logits", "row_losses"]

_TOLERANCE = 1e-3  # nats
_TOLERANCE_HALF = 1e-1


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _row_logits(model: nn.Module, row: Row) -> Tensor:
    """Return the logits at a row's supervised tokens, shape ``(len(row.labels), vocabulary)``."""
    device = _device(model)
    inputs: dict[str, Any] = {
        "input_ids": torch.tensor([row.tokens], device=device),
        "position_ids": torch.tensor([row.positions], device=device),
        "logits_to_keep": torch.tensor(row.supervised, device=device),
        "use_cache": False,
    }
    if uses_tree(model):
        with tree_attention(model):
            logits: Tensor = model(**inputs, layout=Layout.of(row, device)).logits
    else:
        logits = model(**inputs, attention_mask=dense_mask(row, model)).logits
    return logits[0]


def row_losses(model: nn.Module, row: Row) -> Tensor:
    """Return the cross-entropy in nats of each supervised token, shape ``(len(row.labels),)``.

    The result has at least single precision.
    """
    return _losses(_row_logits(model, row), row.labels)


def _losses(logits: Tensor, labels: Sequence[int]) -> Tensor:
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return cross_entropy(precise, torch.tensor(labels, device=logits.device), reduction="none")


def plain_logits(model: nn.Module, item: Item) -> Tensor:
    """Return the logits that predict the target of one item, without any packing.

    Returns:
        Shape ``(len(item.target), vocabulary)``, in the model's dtype.
    """
    tokens = torch.tensor([item.prompt + item.target], device=_device(model))
    logits: Tensor = model(input_ids=tokens, use_cache=False).logits[0]
    return logits[len(item.prompt) - 1 : -1]


def check_packing(model: nn.Module, items: Sequence[Item]) -> float:
    """Compare packed losses with those of one item at a time on the model at hand.

    Args:
        model: The model, in evaluation mode.
        items: A few items, of two groups or more for a full check.

    Returns:
        The mean absolute difference of the supervised tokens' losses, in nats.

    Raises:
        ModelError: The two differ, or the model cannot take a packed row: training would go wrong.
    """
    row = make_row(items)
    with torch.no_grad():
        plain = [_losses(plain_logits(model, item), item.target) for item in row.items]
        try:
            packed = row_losses(model, row)
            difference = float((packed - torch.cat(plain)).abs().mean())
        except (TypeError, ValueError, RuntimeError, KeyError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise ModelError(f"cannot train this model on packed rows: {reason}") from error
    half = next(model.parameters()).dtype in (torch.float16, torch.bfloat16)
    if not difference <= (_TOLERANCE_HALF if half else _TOLERANCE):
        raise ModelError(
            f"cannot train this model on packed rows: its losses differ by {difference:.3g} nats "
            "a token, its attention does not follow masks and positions"
        )
    return difference
