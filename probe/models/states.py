"""Keys and values of the tokens that were computed: of shared prefixes, and of decoded rows.

:mod:`probe.models.batching` makes them and lets them go; :mod:`probe.models.ragged` fills and
reads them. What sees what is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

__all__ = ["Slots", "Span"]


@dataclass(slots=True, eq=False)
class Span:
    """Consecutive tokens of a prompt whose states are computed and kept together.

    Attributes:
        tokens: Token ids, at least one.
        start: Position of the first one in its prompt.
        parent: The prefix before it, or ``None`` at the beginning of the prompt.
        states: Per layer the keys and values ``[kv heads, tokens, head size]``; filled by passes.
        done: How many tokens have been computed.
    """

    tokens: Sequence[int]
    start: int
    parent: Span | None
    states: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    done: int = 0

    def above(self) -> Iterator[Span]:
        """Yield the prefixes before this span, nearest first."""
        span = self.parent
        while span is not None:
            yield span
            span = span.parent

    def store(self, layer: int, first: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Keep the states of tokens ``first`` and following."""
        if layer not in self.states:
            length = len(self.tokens)
            self.states[layer] = (
                keys.new_empty(keys.shape[0], length, keys.shape[2]),
                values.new_empty(values.shape[0], length, values.shape[2]),
            )
        place = slice(first, first + keys.shape[1])
        for kept, new in zip(self.states[layer], (keys, values), strict=True):
            kept[:, place] = new


class Slots:
    """States of rows that are being decoded, side by side so that one product serves all.

    Rows take the slots ``0`` to ``count - 1``; column ``i`` of a slot holds the ``i``-th token
    after the row's last shared prefix.

    Attributes:
        width: Tokens there is room for in each row.
        count: Rows there are.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.count = 0
        self._room = 0
        self._states: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def add(self, states: dict[int, tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Give the next slot to a row with these states, ``[kv heads, tokens, head size]`` each."""
        self._fit(self.count + 1)
        for layer, (keys, values) in states.items():
            for kept, new in zip(self._layer(layer, keys, values), (keys, values), strict=True):
                kept[self.count, :, : new.shape[1]] = new
        self.count += 1

    def states(self, slot: int) -> dict[int, tuple[torch.Tensor, torch.Tensor]]:
        """Return the states of a row; views that hold until the next change."""
        return {layer: (keys[slot], values[slot]) for layer, (keys, values) in self._states.items()}

    def remove(self, slot: int) -> None:
        """Free a slot; the last row moves into it."""
        self.count -= 1
        if slot != self.count:
            for kept in self._states.values():
                for states in kept:
                    states[slot] = states[self.count]
        self._fit(self.count)

    def _fit(self, rows: int) -> None:
        """Make room for so many rows, by steps, or give back what is far too much."""
        if rows <= self._room <= 4 * rows:
            return
        self._room = 1 << (rows - 1).bit_length() if rows else 0
        for layer, kept in self._states.items():
            self._states[layer] = (self._moved(kept[0]), self._moved(kept[1]))

    def _moved(self, old: torch.Tensor) -> torch.Tensor:
        new = old.new_zeros(self._room, *old.shape[1:])
        new[: self.count] = old[: self.count]
        return new

    def store(
        self, layer: int, columns: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keep the states of one new token per row, and return those of all rows.

        Args:
            layer: Number of the layer.
            columns: Where the new token of each row goes ``[rows]``.
            keys: ``[kv heads, rows, head size]``.
            values: The same.

        Returns:
            Keys and values ``[rows, kv heads, columns, head size]``.
        """
        kept = self._layer(layer, keys, values)
        rows = torch.arange(self.count, device=columns.device)
        for states, new in zip(kept, (keys, values), strict=True):
            states[rows, :, columns] = new.transpose(0, 1)
        return kept[0][: self.count], kept[1][: self.count]

    def _layer(
        self, layer: int, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if layer not in self._states:
            # zeros, because what is masked is multiplied by zero and must be finite
            self._states[layer] = (
                keys.new_zeros(self._room, keys.shape[0], self.width, keys.shape[2]),
                values.new_zeros(self._room, values.shape[0], self.width, values.shape[2]),
            )
        return self._states[layer]
