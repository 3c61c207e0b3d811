"""Programs packed into rows: a shared prefix is computed once, every item sees only itself.

A row is one forward pass. It holds one or more programs; a program is the prefix that the prompts
of its items share, followed by one branch per item (the rest of the prompt, then the target). A
mask lets a branch attend to its own prefix and to itself, positions count as if the item were
alone, and logits are computed only where the next token is supervised. Loss and gradients are
those of training one item at a time; :func:`check_packing` proves it on the model at hand. Called
by :mod:`probe.training.finetune`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy

from generators.errors import ModelError
from probe.training.dataset import Item

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Row", "attention_mask", "check_packing", "pack", "plain_logits", "row_losses"]

_TOLERANCE = 1e-3  # nats
_TOLERANCE_HALF = 1e-1


@dataclass(slots=True, kw_only=True)
class Row:
    """One forward pass; the first four lists have one entry per token.

    Attributes:
        tokens: Token ids.
        positions: Position of the token in its item.
        programs: Number of the program in the row.
        branches: Number of the branch in the row, 0 for a prefix.
        supervised: Indices of the tokens whose next token is to be learned.
        labels: The token ids to be learned there.
    """

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    programs: list[int] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)
    supervised: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def add(self, items: Sequence[Item]) -> None:
        """Append a program with its items."""
        program = self.programs[-1] + 1 if self.programs else 0
        branch = max(self.branches, default=0)
        prefix = _shared_prefix(items)
        self._extend(items[0].prompt[:prefix], start=0, program=program, branch=0)
        for number, item in enumerate(items, branch + 1):
            first = len(self.tokens) + len(item.prompt) - prefix - 1
            rest = item.prompt[prefix:] + item.target[:-1]
            self._extend(rest, start=prefix, program=program, branch=number)
            self.supervised += range(first, len(self.tokens))
            self.labels += item.target

    def _extend(self, tokens: Sequence[int], *, start: int, program: int, branch: int) -> None:
        self.tokens += tokens
        self.positions += range(start, start + len(tokens))
        self.programs += [program] * len(tokens)
        self.branches += [branch] * len(tokens)


def _shared_prefix(items: Sequence[Item]) -> int:
    """Length of the prompts' common beginning, short of any prompt's last token.

    The last token of a prompt predicts the first of its target, so each item has its own.
    """
    prompts = [item.prompt for item in items]
    extremes = zip(min(prompts), max(prompts), strict=False)  # these two differ first
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], extremes))
    return min(common, min(map(len, prompts)) - 1)


def _program_length(items: Sequence[Item]) -> int:
    prefix = _shared_prefix(items)
    return prefix + sum(item.length - 1 - prefix for item in items)


def pack(items: Sequence[Item], row_tokens: int) -> list[Row]:
    """Pack items into rows of at most ``row_tokens`` tokens.

    A program whose branches do not fit into one row is cut into several programs; an item longer
    than ``row_tokens`` has a row of its own.
    """
    rows: list[Row] = []
    for group in _by_group(items):
        for program in _cut(group, row_tokens):
            size = _program_length(program)
            roomy = (row for row in rows if len(row.tokens) + size <= row_tokens)
            row = next(roomy, None)
            if row is None:
                row = Row()
                rows.append(row)
            row.add(program)
    return rows


def _by_group(items: Sequence[Item]) -> list[list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    return list(groups.values())


def _cut(items: Sequence[Item], row_tokens: int) -> list[list[Item]]:
    programs: list[list[Item]] = [[]]
    prefix = _shared_prefix(items)
    size = prefix
    for item in items:
        branch = item.length - 1 - prefix
        if programs[-1] and size + branch > row_tokens:
            programs.append([])
            size = prefix
        programs[-1].append(item)
        size += branch
    return programs


def attention_mask(row: Row, model: nn.Module) -> Tensor | dict[str, Tensor]:
    """Return the additive mask of a row, in the form that the model takes.

    Returns:
        A tensor of shape ``(1, 1, tokens, tokens)`` in the model's dtype, 0 where the query (third
        dimension) sees the key and the dtype's minimum elsewhere; for a model with layers of
        several kinds, one such tensor per kind.

    Raises:
        ModelError: The model has layers or an attention implementation that take no such mask.
    """
    config = _text_config(model)
    programs, branches, positions = (
        torch.tensor(values, device=_device(model))
        for values in (row.programs, row.branches, row.positions)
    )
    distance = positions[:, None] - positions[None, :]
    own = (branches[None, :] == 0) | (branches[None, :] == branches[:, None])
    full = (programs[:, None] == programs[None, :]) & own & (distance >= 0)
    dtype = next(model.parameters()).dtype

    def additive(visible: Tensor) -> Tensor:
        mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
        return mask.masked_fill(~visible, torch.finfo(dtype).min)[None, None]

    window: int | None = getattr(config, "sliding_window", None)
    near = full if window is None else full & (distance < window)
    kinds = set(getattr(config, "layer_types", None) or ())
    if len(kinds) > 1:
        return {"full_attention": additive(full), "sliding_attention": additive(near)}
    return additive(full if kinds == {"full_attention"} else near)


def _text_config(model: nn.Module) -> Any:
    config: Any = model.config
    config = config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    if unknown := kinds - {"full_attention", "sliding_attention"}:
        raise ModelError(f"cannot fine-tune layers of kind {', '.join(sorted(unknown))}")
    if config._attn_implementation not in ("sdpa", "eager"):
        raise ModelError(
            f"cannot fine-tune with attention implementation {config._attn_implementation}; "
            "load the model with sdpa or eager"
        )
    return config


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def row_logits(model: nn.Module, row: Row) -> Tensor:
    """Return the logits at a row's supervised tokens, shape ``(len(row.labels), vocabulary)``."""
    device = _device(model)
    logits: Tensor = model(
        input_ids=torch.tensor([row.tokens], device=device),
        position_ids=torch.tensor([row.positions], device=device),
        attention_mask=attention_mask(row, model),
        logits_to_keep=torch.tensor(row.supervised, device=device),
        use_cache=False,
    ).logits[0]
    return logits


def row_losses(model: nn.Module, row: Row) -> Tensor:
    """Return the cross-entropy in nats of each supervised token, shape ``(len(row.labels),)``.

    The result has at least single precision.
    """
    return _losses(row_logits(model, row), row.labels)


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
    groups = _by_group(items)
    row = Row()
    for group in groups:
        row.add(group)
    with torch.no_grad():
        plain = [_losses(plain_logits(model, item), item.target) for g in groups for item in g]
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
