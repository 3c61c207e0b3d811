"""One forward pass over tokens of many prompts, without padding and without repeated work.

Called by :mod:`probe.models.batching`, which decides which tokens go into a pass. The tokens of a
pass stand side by side in one long row. Every layer but attention treats tokens one by one, so
only attention has to know who sees whom; it is replaced for the time of a pass, through the
interface that ``transformers`` has for this. The states of a shared prefix are held once, and read
once a layer for all rows of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from probe.models.attention import Score, Sums
from probe.models.replacing import replaced_attention
from probe.models.states import Slots, Span

__all__ = ["Lane", "Part", "Pass", "Segment", "pass_states", "run_pass", "whole_pass"]

_NAME = "probe_ragged"
_OWN = -1  # in the keys of masks: what decoded rows see of their own; no span begins there


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
class Lane:
    """Decoded rows of similar length, each with one new token.

    Attributes:
        slots: Their states.
        place: Where their new tokens are in the pass, in the order of the slots.
        columns: Column of each row's new token ``[rows]``.
        widest: Largest of ``columns`` plus one.
    """

    slots: Slots
    place: slice
    columns: torch.Tensor
    widest: int


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
        tokens: Token ids ``[tokens]``; the new tokens of decoded rows come first, by lane.
        positions: Their positions ``[tokens]``.
        lanes: The rows that are being decoded.
        segments: The other tokens.
        parts: The prefixes above.
        windows: Per layer that was computed, how many tokens it lets a token see.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    lanes: Sequence[Lane]
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
        for lane in self.lanes:
            kept = lane.slots.store(layer, lane.columns, keys[:, lane.place], values[:, lane.place])
            own = [held[:, :, : lane.widest] for held in kept]
            sums.set_rows(lane.place, own[0], own[1], self._lane_visible(lane, score.window))
        for segment in self.segments:
            place = slice(segment.place, segment.place + segment.count)
            segment.span.store(layer, segment.first, keys[:, place], values[:, place])
            own = [held[:, : segment.end] for held in segment.span.states[layer]]
            sums.set(place, own[0], own[1], self._segment_visible(segment, score.window))
        for part in self.parts:
            held_keys, held_values = part.span.states[layer]
            sums.add(part.tokens, held_keys, held_values, self._part_visible(part, score.window))
        return sums.result().reshape(heads, count, -1)

    def _lane_visible(self, lane: Lane, window: int | None) -> torch.Tensor | None:
        """Return which of its own columns each row of a lane sees ``[rows, columns]``."""
        if lane.slots.count == 1 and (window is None or lane.widest <= window):
            return None
        return self._mask((lane.place.start, _OWN, window), lane.columns, 0, lane.widest)

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


def whole_pass(model: Any, spans: Sequence[Span]) -> Pass:
    """Return the pass that computes whole spans, all below the same prefix or none."""
    places = [0]
    for span in spans:
        places.append(places[-1] + len(span.tokens))
    positions = [span.start + i for span in spans for i in range(len(span.tokens))]
    return Pass(
        tokens=torch.tensor([t for span in spans for t in span.tokens], device=model.device),
        positions=torch.tensor(positions, device=model.device),
        lanes=(),
        segments=[
            Segment(span=span, first=0, count=len(span.tokens), place=place)
            for span, place in zip(spans, places, strict=False)
        ],
        parts=[
            Part(span=above, tokens=slice(None), first=0, last=max(positions))
            for above in spans[0].above()
        ],
    )


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
    logits: torch.Tensor = _forward(model, work, list(wanted) or [0]).logits[0, : len(wanted)]
    return logits


@torch.inference_mode()
def pass_states(model: Any, work: Pass) -> Sequence[torch.Tensor]:
    """Compute a pass: keep the states of its tokens, and return what each layer gave.

    Returns:
        The embeddings and the output of each layer ``[tokens, width]``, in the model's dtype.
    """
    output = _forward(model, work, [0], output_hidden_states=True)
    return [states[0] for states in output.hidden_states]


def _forward(model: Any, work: Pass, logits: Sequence[int], **more: Any) -> Any:
    config = model.config.get_text_config(decoder=True)
    with replaced_attention(config, _NAME, _attention):
        output = model(
            input_ids=work.tokens[None],
            position_ids=work.positions[None],
            use_cache=False,
            logits_to_keep=torch.tensor(logits, device=work.tokens.device),
            probe_pass=work,
            **more,
        )
    for segment in work.segments:
        segment.span.done = segment.end
    return output
