"""Which tokens go into the next pass: prefixes before what is below them, rows in and out.

Called by :mod:`probe.models.generate`. A tree of prefixes is worked off from its root. A prefix is
computed once; then what is below it, prefixes or rows, becomes ready. Rows that were computed are
decoded together, one token a pass; a row that ends leaves at once, and what is ready fills the
pass up (continuous batching). Rows of similar length share a lane, so that a long one does not
make the others as wide. How a pass is computed is in :mod:`probe.models.ragged`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from probe.models.lanes import Lanes, Unit, lane_width
from probe.models.prefixes import PrefixNode
from probe.models.ragged import Part, Pass, Segment, run_pass
from probe.models.states import Span
from probe.models.text import Finish

__all__ = ["Batching", "Capacity", "Chooser", "Ended", "Judge"]

Chooser = Callable[[torch.Tensor, Sequence[int], Sequence[int]], list[int]]
Judge = Callable[[int, Sequence[int]], Finish | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How much is computed and held at a time.

    Attributes:
        columns: Most tokens whose states are held, room for those to come included.
        rows: Most rows in flight.
        chunk: Most prompt tokens in a pass.
    """

    columns: int
    rows: int
    chunk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A row that is over: its number, why, and the tokens generated for it."""

    row: int
    finish: Finish
    said: list[int]


class Batching:
    """Decodes the prompts of a prefix tree.

    Args:
        model: A model that takes passes.
        prompts: Token ids of each prompt.
        choose: Chooses the next tokens from logits, rows and their lengths so far.
        judge: Says from a row and its tokens whether it is over, and why.
        room: Budget of a row, in new tokens.
        capacity: How much is computed and held at a time.

    Attributes:
        passes: Forward passes so far.
        computed: Prompt tokens computed so far.
        peak: Most columns that were held at a time.
    """

    def __init__(
        self,
        model: Any,
        prompts: Sequence[Sequence[int]],
        choose: Chooser,
        judge: Judge,
        *,
        room: int,
        capacity: Capacity,
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._choose = choose
        self._judge = judge
        self._room = room
        self._capacity = capacity
        self._lanes = Lanes()
        self._filling: list[Unit] = []
        self._ready: list[Unit] = []  # the next one last
        self._held = 0  # columns of prefixes
        self.passes = self.computed = self.peak = 0

    def run(self, tree: PrefixNode) -> Iterator[Ended]:
        """Decode all prompts of ``tree``, yielding each row when it ends."""
        self._ready = self._below(tree, None)
        while self._ready or self._filling or self._lanes.units:
            planned = self._plan()
            filled = [(unit, part) for unit, part in planned if part.end == len(unit.span.tokens)]
            asking = [(unit, part) for unit, part in filled if unit.node is None]
            wanted = [
                *range(len(self._lanes.units)),
                *(part.place + part.count - 1 for _, part in asking),
            ]
            logits = run_pass(self._model, self._pass([part for _, part in planned]), wanted)
            self.passes += 1
            for unit, _ in filled:
                self._filling.remove(unit)
            ended = self._say(logits, [unit for unit, _ in asking])
            for unit, _ in filled:
                if unit.node is not None:
                    self._ready += self._below(unit.node, unit)
            yield from ended

    def _below(self, node: PrefixNode, unit: Unit | None) -> list[Unit]:
        """Return what is below a prefix; what is to be computed first stands last."""
        span = unit.span if unit else None
        parts = [(child.row, child.end, child) for child in node.children]
        rows = [(row, len(self._prompts[row]), None) for row in node.rows]
        below = []
        for row, end, child in [*parts, *rows]:
            tokens = self._prompts[row][node.end : end]
            below.append(Unit(Span(tokens, node.end, span), row, above=unit, node=child))
        if unit:
            unit.open = len(below)
        return sorted(below, key=lambda one: len(one.span.tokens))

    def _plan(self) -> list[tuple[Unit, Segment]]:
        """Take up what fits, and return what is computed next of each prompt."""
        planned: list[tuple[Unit, Segment]] = []
        decoded = place = len(self._lanes.units)
        end = place + self._capacity.chunk
        while place < end:
            if len(planned) == len(self._filling) and not self._admit():
                break
            unit = self._filling[len(planned)]
            first = unit.span.done
            count = min(len(unit.span.tokens) - first, end - place)
            planned.append((unit, Segment(span=unit.span, first=first, count=count, place=place)))
            place += count
        self.computed += place - decoded
        return planned

    def _admit(self) -> bool:
        """Take up the next unit that is ready, if there is one and it fits."""
        if not self._ready:
            return False
        unit = self._ready[-1]
        rows = [*self._lanes.units, *(one for one in self._filling if one.node is None)]
        busy = bool(rows or self._filling)
        if unit.node is None:
            rows.append(unit)
        own = sum(lane_width(len(row.span.tokens) + self._room) for row in rows)
        prefixes = self._held + (len(unit.span.tokens) if unit.node else 0)
        full = len(rows) > self._capacity.rows - bool(unit.node)
        if busy and (full or prefixes + own > self._capacity.columns):
            return False
        self._ready.pop()
        self._filling.append(unit)
        self._held = prefixes
        self.peak = max(self.peak, prefixes + own)
        return True

    def _pass(self, segments: Sequence[Segment]) -> Pass:
        """Return the pass that computes ``segments`` and one token of each decoded row."""
        device = self._model.device
        tokens: list[int] = []
        positions: list[int] = []
        below: dict[int, tuple[Span, list[int]]] = {}
        for place, unit in enumerate(self._lanes.units):
            tokens.append(unit.said[-1])
            positions.append(unit.span.start + unit.column)
            for span in unit.span.above():
                below.setdefault(id(span), (span, []))[1].append(place)
        for segment in segments:
            tokens += segment.span.tokens[segment.first : segment.end]
            start = segment.span.start
            positions += range(start + segment.first, start + segment.end)
            for span in segment.span.above():
                places = range(segment.place, segment.place + segment.count)
                below.setdefault(id(span), (span, []))[1].extend(places)
        return Pass(
            tokens=torch.tensor(tokens, device=device),
            positions=torch.tensor(positions, device=device),
            lanes=self._lanes.places(device),
            segments=segments,
            parts=[
                Part(
                    span=span,
                    tokens=_places(places, device),
                    first=places[0],
                    last=max(positions[place] for place in places),
                )
                for span, places in below.values()
            ],
        )

    def _say(self, logits: torch.Tensor, asking: Sequence[Unit]) -> list[Ended]:
        """Give a token to each decoded row and to each new one; return those that are over."""
        units = [*self._lanes.units, *asking]
        if not units:
            return []
        tokens = self._choose(
            logits, [unit.row for unit in units], [len(unit.said) for unit in units]
        )
        ended = []
        over = set()
        for unit, token in zip(units, tokens, strict=True):
            unit.said.append(token)
            finish = self._judge(unit.row, unit.said)
            if finish is not None:
                over.add(unit.row)
                ended.append(Ended(row=unit.row, finish=finish, said=unit.said))
                self._close(unit)
        self._lanes.change(over, [unit for unit in asking if unit.row not in over])
        return ended

    def _close(self, unit: Unit) -> None:
        """Let go of the prefixes above a unit that nothing needs any more."""
        above = unit.above
        if above is None:
            return
        above.open -= 1
        if not above.open:
            self._held -= len(above.span.tokens)
            self._close(above)


def _places(places: Sequence[int], device: Any) -> slice | torch.Tensor:
    """Return ascending places as a slice where they have no gap, else as indices."""
    if places[-1] - places[0] == len(places) - 1:
        return slice(places[0], places[-1] + 1)
    return torch.tensor(places, device=device)
