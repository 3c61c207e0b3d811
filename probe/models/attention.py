"""Attention over keys that lie in several places, put together exactly.

Called by :mod:`probe.models.ragged`. What a token sees is cut into parts: its own tokens, and each
shared prefix above them. For each part only the largest score, the sum of the weights and the
weighted sum of the values are kept; sums of several parts add up after they are brought to a
common largest score.

Source: online softmax (Milakov and Gimelshein 2018); attending to a shared prefix in one product
for all rows is Hydragen (Juravsky et al. 2024).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

__all__ = ["Score", "Sums"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a layer compares queries with keys.

    Attributes:
        scale: Factor of the products.
        window: A token sees this many tokens, itself included; ``None`` is all before it.
    """

    scale: float
    window: int | None

    def __call__(
        self, queries: torch.Tensor, keys: torch.Tensor, visible: torch.Tensor | None
    ) -> torch.Tensor:
        """Return scores ``[..., queries, keys]``, in single precision at least."""
        found = torch.matmul(queries, keys.transpose(-1, -2))
        found = found.to(torch.promote_types(found.dtype, torch.float32)).mul_(self.scale)
        return found if visible is None else found.masked_fill_(~visible, -torch.inf)


class Sums:
    """What every token of a pass has seen so far.

    Each token begins with its own part (:meth:`set_rows`, :meth:`set`), where it sees itself at
    least; shared prefixes are added after that.
    """

    def __init__(self, queries: torch.Tensor, value_size: int, score: Score) -> None:
        """Prepare for queries ``[kv heads, group, tokens, head size]`` in the model's dtype."""
        self._queries = queries
        self._score = score
        precise = torch.promote_types(queries.dtype, torch.float32)
        shape = queries.shape[:-1]
        self._top = queries.new_empty((*shape, 1), dtype=precise)
        self._weight = queries.new_empty((*shape, 1), dtype=precise)
        self._value = queries.new_empty((*shape, value_size), dtype=precise)

    def set_rows(
        self,
        place: slice,
        keys: torch.Tensor,
        values: torch.Tensor,
        visible: torch.Tensor | None,
    ) -> None:
        """Begin the tokens at ``place``, each with keys of its own.

        Args:
            place: Which tokens.
            keys: ``[tokens, kv heads, keys, head size]``.
            values: The same.
            visible: Which keys each token sees ``[tokens, keys]``; ``None`` is all.
        """
        queries = self._queries[:, :, place].permute(2, 0, 1, 3)
        seen = None if visible is None else visible[:, None, None]
        parts = _weigh(self._score(queries, keys, seen), values)
        self._put(place, *(part.permute(1, 2, 0, 3) for part in parts))

    def set(
        self,
        place: slice,
        keys: torch.Tensor,
        values: torch.Tensor,
        visible: torch.Tensor | None,
    ) -> None:
        """Begin the tokens at ``place`` with common keys.

        Args:
            place: Which tokens.
            keys: ``[kv heads, keys, head size]``.
            values: The same.
            visible: Which keys each token sees ``[tokens, keys]``; ``None`` is all.
        """
        self._put(place, *self._common(place, keys, values, visible))

    def add(
        self,
        place: slice | torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        visible: torch.Tensor | None,
    ) -> None:
        """Let tokens that have begun see more keys; arguments as for :meth:`set`."""
        top, weight, value = self._common(place, keys, values, visible)
        old = self._top[:, :, place]
        common = torch.maximum(old, top)
        fade, rise = (old - common).exp_(), (top - common).exp_()
        weight = self._weight[:, :, place] * fade + weight * rise
        value = self._value[:, :, place] * fade + value * rise
        self._put(place, common, weight, value)

    def _common(
        self,
        place: slice | torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        visible: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Compute a part for the tokens at ``place``; one product for a group of heads."""
        index: Any = place
        queries = self._queries[:, :, index]
        heads, group, count, size = queries.shape
        if visible is not None:
            visible = visible.expand(group, -1, -1).reshape(group * count, -1)
        scores = self._score(queries.reshape(heads, group * count, size), keys, visible)
        top, weight, value = _weigh(scores, values)
        shape = (heads, group, count, -1)
        return top.view(shape), weight.view(shape), value.view(shape)

    def _put(
        self,
        place: slice | torch.Tensor,
        top: torch.Tensor,
        weight: torch.Tensor,
        value: torch.Tensor,
    ) -> None:
        index: Any = place
        self._top[:, :, index] = top
        self._weight[:, :, index] = weight
        self._value[:, :, index] = value

    def result(self) -> torch.Tensor:
        """Return the weighted means ``[kv heads, group, tokens, head size]``."""
        return (self._value / self._weight).to(self._queries.dtype)


def _weigh(
    scores: torch.Tensor, values: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return largest score, sum of weights and weighted sum of values ``[..., queries, *]``.

    The weights are relative to the largest score. A query that sees no key has the smallest
    number there is as its largest score, and zeros.
    """
    top = scores.amax(-1, keepdim=True).clamp_min_(torch.finfo(scores.dtype).min)
    weights = scores.sub_(top).exp_()
    value = torch.matmul(weights.to(values.dtype), values)
    return top, weights.sum(-1, keepdim=True), value.to(scores.dtype)
