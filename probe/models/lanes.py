"""Rows that are being decoded, sorted into lanes by length, so that a long one widens no other.

Called by :mod:`probe.models.batching`. The states of the rows of a lane lie side by side and are
attended to in one product, as wide as the longest of them. Widths are powers of two; a row that
fills its lane moves to the next wider one, so no row pays for much more than twice its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from probe.models.prefixes import PrefixNode
from probe.models.ragged import Lane
from probe.models.states import Slots, Span

__all__ = ["NARROWEST", "Lanes", "Unit", "lane_width"]

NARROWEST = 128
"""Width of the narrowest lane; narrower ones would be more, and save nothing."""


def lane_width(tokens: int) -> int:
    """Return the width of the lane for rows with so many tokens of their own."""
    return max(NARROWEST, 1 << (tokens - 1).bit_length())


@dataclass(slots=True, eq=False)
class Unit:
    """A stretch of prompt to compute: a shared prefix, or the rest of a row.

    Attributes:
        span: Its tokens and states.
        row: The row, or one of those that begin with the prefix.
        above: The prefix before it.
        node: What is below a prefix; ``None`` for a row.
        open: How many units below are not over; a prefix is let go when none is.
        said: Tokens generated for a row.
    """

    span: Span
    row: int
    above: Unit | None
    node: PrefixNode | None
    open: int = 0
    said: list[int] = field(default_factory=list)

    @property
    def column(self) -> int:
        """Column of the row's newest token, among those after its last prefix."""
        return len(self.span.tokens) + len(self.said) - 1


class _Held:
    """The rows of a lane, in the order of their slots."""

    def __init__(self, width: int) -> None:
        self.slots = Slots(width)
        self.units: list[Unit] = []

    def add(self, unit: Unit, states: dict[int, tuple[torch.Tensor, torch.Tensor]]) -> None:
        self.slots.add(states)
        self.units.append(unit)

    def remove(self, slot: int) -> None:
        self.slots.remove(slot)
        last = self.units.pop()
        if slot < len(self.units):
            self.units[slot] = last


class Lanes:
    """All rows that are being decoded."""

    def __init__(self) -> None:
        self._lanes: dict[int, _Held] = {}  # by width, the narrowest first

    @property
    def units(self) -> list[Unit]:
        """The rows, lane by lane: the order in which a pass has their new tokens."""
        return [unit for lane in self._lanes.values() for unit in lane.units]

    def places(self, device: Any) -> list[Lane]:
        """Return the lanes as a pass wants them, where the rows' new tokens come first."""
        lanes: list[Lane] = []
        place = 0
        for lane in self._lanes.values():
            columns = [unit.column for unit in lane.units]
            lanes.append(
                Lane(
                    slots=lane.slots,
                    place=slice(place, place + len(columns)),
                    columns=torch.tensor(columns, device=device),
                    widest=max(columns) + 1,
                )
            )
            place += len(columns)
        return lanes

    def change(self, over: Iterable[int], new: Sequence[Unit]) -> None:
        """Let rows go, move those that fill their lane, and take in new ones.

        Args:
            over: Numbers of the rows that go.
            new: Rows whose prompts are computed; their spans let their states go.
        """
        gone = set(over)
        for lane in list(self._lanes.values()):
            for slot in reversed(range(len(lane.units))):
                unit = lane.units[slot]
                if unit.row not in gone:
                    if unit.column < lane.slots.width:
                        continue
                    self._lane(unit).add(unit, lane.slots.states(slot))
                lane.remove(slot)
        for unit in new:
            self._lane(unit).add(unit, unit.span.states)
            unit.span.states.clear()
        self._lanes = {width: lane for width, lane in sorted(self._lanes.items()) if lane.units}

    def _lane(self, unit: Unit) -> _Held:
        """Return the lane for a row and its next token."""
        width = lane_width(unit.column + 1)
        if width not in self._lanes:
            self._lanes[width] = _Held(width)
        return self._lanes[width]
