"""One forward pass over tokens of many prompts, without padding and without repeated work.

Called by :mod:`probe.models.batching`, which decides which tokens go into a pass. The tokens of a
pass stand side by side in one long row. Every layer but attention treats tokens one by one, so
only attention has to know who sees whom; it is replaced for the time of a pass, through the
interface that ``transformers`` has for this. The states of a shared prefix are held once, and read
once a layer for all rows of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from probe.models.attention import Score, Sums

__all__ = ["Part", "Pass", "Segment", "Slots", "Span", "run_pass"]

_NAME = "probe_ragged"
_ROWS = -1  # key of the decoded rows' mask; other masks have the place of their first token


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
    """States of the rows that are being decoded, side by side so that one product serves all.

    Rows take the slots ``0`` to ``count - 1``; column ``i`` of a slot holds the ``i``-th token
    after the row's last shared prefix.

    Attributes:
        count: Rows there are.
        rows: Rows there is room for.
        columns: Tokens there is room for in each row.
    """

    def __init__(self) -> None:
        self.count = self.rows = self.columns = 0
        self._states: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def fit(self, rows: int, columns: int) -> None:
        """Make room for so many rows and columns, and give back what is far too much."""
        if rows <= self.rows <= 4 * rows and columns <= self.columns <= 2 * columns:
            return
        self.rows, self.columns = rows, columns
        for layer, kept in self._states.items():
            self._states[layer] = (self._moved(kept[0]), self._moved(kept[1]))

    def _moved(self, old: torch.Tensor) -> torch.Tensor:
        new = old.new_zeros(self.rows, old.shape[1], self.columns, old.shape[3])
        width = min(self.columns, old.shape[2])
        new[: self.count, :, :width] = old[: self.count, :, :width]
        return new

    def add(self, span: Span) -> None:
        """Give the next slot to a row that goes on after ``span``, which lets its states go."""
        for layer, (keys, values) in span.states.items():
            for kept, new in zip(self._layer(layer, keys, values), (keys, values), strict=True):
                kept[self.count, :, : new.shape[1]] = new
        span.states.clear()
        self.count += 1

    def remove(self, slot: int) -> None:
        """Free a slot; the last row moves into it."""
        self.count -= 1
        if slot != self.count:
            for kept in self._states.values():
                for states in kept:
                    states[slot] = states[self.count]

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
                keys.new_zeros(self.rows, keys.shape[0], self.columns, keys.shape[2]),
                values.new_zeros(self.rows, values.shape[0], self.columns, values.shape[2]),
            )
        return self._states[layer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """``count`` tokens of a span, from the span's ``first``, at ``place`` of the pass."""

    span: Span
    first: int
    count: int
    place: int

    @property
    def end(self) -> int:
        """Index in the span after the last token."""
        return self.first + self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A shared prefix, and the tokens of the pass that see it.

    Attributes:
        span: The prefix.
        tokens: Which tokens: a slice, or indices ``[n]``.
        first: Smallest of their places.
        last: Largest of their positions.
    """

    span: Span
    tokens: slice | torch.Tensor
    first: int
    last: int


@dataclass(slots=True, kw_only=True)
class Pass:
    """The tokens of one forward pass, and what each sees.

    Attributes:
        tokens: Token ids ``[tokens]``; the new tokens of decoded rows come first, by slot.
        positions: Their positions ``[tokens]``.
        slots: The rows that are being decoded.
        columns: Column of the new token of each decoded row ``[rows]``.
        widest: Largest of ``columns`` plus one.
        segments: The other tokens.
        parts: The prefixes above.
        windows: Per layer that was computed, how many tokens it lets a token see.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    slots: Slots
    columns: torch.Tensor
    widest: int
    segments: Sequence[Segment]
    parts: Sequence[Part]
    windows: dict[int, int | None] = field(default_factory=dict, init=False)
    _masks: dict[tuple[int, int, int | None], torch.Tensor] = field(
        default_factory=dict, init=False
    )

    def attend(
        self,
        layer: int,
        states: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
        score: Score,
    ) -> torch.Tensor:
        """Keep the states of a layer and return what its attention gives for every token.

        Args:
            layer: Number of the layer.
            states: Queries ``[heads, tokens, head size]``, keys and values ``[kv heads, tokens,
                head size]`` of the pass's tokens.
            score: How queries and keys are compared.

        Returns:
            ``[heads, tokens, head size]``.
        """
        self.windows[layer] = score.window
        queries, keys, values = states
        heads, count, size = queries.shape
        grouped = queries.reshape(keys.shape[0], heads // keys.shape[0], count, size)
        sums = Sums(grouped, values.shape[-1], score)
        if rows := self.slots.count:
            kept = self.slots.store(layer, self.columns, keys[:, :rows], values[:, :rows])
            own = [held[:, :, : self.widest] for held in kept]
            sums.set_rows(own[0], own[1], self._rows_visible(score.window))
        for segment in self.segments:
            place = slice(segment.place, segment.place + segment.count)
            segment.span.store(layer, segment.first, keys[:, place], values[:, place])
            own = [held[:, : segment.end] for held in segment.span.states[layer]]
            sums.set(place, own[0], own[1], self._segment_visible(segment, score.window))
        for part in self.parts:
            held_keys, held_values = part.span.states[layer]
            sums.add(part.tokens, held_keys, held_values, self._part_visible(part, score.window))
        return sums.result().reshape(heads, count, -1)

    def _rows_visible(self, window: int | None) -> torch.Tensor | None:
        """Return which of its own columns each decoded row sees ``[rows, columns]``."""
        return self._mask((_ROWS, 0, window), self.columns, 0, self.widest)

    def _segment_visible(self, segment: Segment, window: int | None) -> torch.Tensor | None:
        """Return which tokens of its span each token sees ``[tokens, tokens up to the last]``."""
        end = segment.end
        if segment.count == 1 and (window is None or end <= window):
            return None
        own = torch.arange(segment.first, end, device=self.positions.device)
        return self._mask((segment.place, segment.span.start, window), own, 0, end)

    def _part_visible(self, part: Part, window: int | None) -> torch.Tensor | None:
        """Return which tokens of a prefix each token sees, ``None`` if all."""
        start = part.span.start
        if window is None or part.last - start < window:
            return None
        places = self.positions[part.tokens]
        return self._mask((part.first, start, window), places, start, len(part.span.tokens))

    def _mask(
        self, key: tuple[int, int, int | None], places: torch.Tensor, start: int, length: int
    ) -> torch.Tensor:
        """Return which of the keys from position ``start`` on are seen from ``places``.

        Kept under ``key``, because most layers ask for the same.
        """
        if key not in self._masks:
            keys = torch.arange(start, start + length, device=places.device)
            distance = places[:, None] - keys
            visible = distance >= 0
            self._masks[key] = visible if key[2] is None else visible & (distance < key[2])
        return self._masks[key]


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # noqa: ARG001 - part of the interface
    *,
    probe_pass: Pass,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as ``transformers`` calls it, for a batch of one row that is a pass.

    What else a layer asks for is left out: a model to which it matters fails its trial.
    """
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    score = Score(scale=scale, window=sliding_window)
    layer: Any = module.layer_idx
    found = probe_pass.attend(layer, (query[0], key[0], value[0]), score)
    return found.transpose(0, 1)[None].contiguous(), None


@contextmanager
def _ragged(model: Any) -> Iterator[None]:
    """Switch the attention of ``model`` for the time of a block."""
    from transformers import AttentionInterface

    AttentionInterface.register(_NAME, _attention)
    config = model.config.get_text_config(decoder=True)
    usual = config._attn_implementation
    config._attn_implementation = _NAME
    try:
        yield
    finally:
        config._attn_implementation = usual


@torch.inference_mode()
def run_pass(model: Any, work: Pass, wanted: Sequence[int]) -> torch.Tensor:
    """Compute a pass: keep the states of its tokens, and return logits.

    Args:
        model: A causal language model that takes passes, see :mod:`probe.models.modes`.
        work: The pass.
        wanted: Indices of the tokens whose logits are wanted; may be empty.

    Returns:
        Logits ``[wanted, vocabulary]``, in the model's dtype.
    """
    kept = torch.tensor(list(wanted) or [0], device=work.tokens.device)
    with _ragged(model):
        output = model(
            input_ids=work.tokens[None],
            position_ids=work.positions[None],
            use_cache=False,
            logits_to_keep=kept,
            probe_pass=work,
        )
    for segment in work.segments:
        segment.span.done = segment.end
    logits: torch.Tensor = output.logits[0, : len(wanted)]
    return logits
