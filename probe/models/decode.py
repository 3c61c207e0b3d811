"""Greedy decoding of batches whose rows begin with key-value states computed before.

Called by :mod:`probe.models.generate`, which decides what goes into a batch. A row is a stored
prefix (perhaps of length 0) followed by suffix tokens. In a batch, prefixes are padded on their
left, and so are suffixes, so that all rows end in the same column; the attention mask hides the
padding and position ids count real tokens only, so every row is computed as it would be alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from probe.models.stopping import AnswerEnd
from probe.models.text import Completion, Finish

__all__ = ["Mode", "Prefix", "Row", "batching_mode", "decode_batch", "decode_single", "extend"]

_COMPACT_BELOW = 0.75


class Mode(StrEnum):
    """How much of a model's work rows can share without changing a result."""

    SHARED = "shared"
    """Every layer keeps all keys: prefixes are shared, rows batched."""
    PADDED = "padded"
    """Some layers see a sliding window of columns: rows are batched, prefixes are not shared."""
    SINGLE = "single"
    """Other state, or positions that depend on the length: one row at a time."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """Key and value states of a prefix, per layer ``[heads, length, head size]``."""

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    length: int


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt in a batch: ``prompt[:prefix.length]`` is in the prefix, the rest is not."""

    key: str
    prompt: Sequence[int]
    prefix: Prefix | None

    @property
    def suffix(self) -> Sequence[int]:
        """The tokens that are still to be computed, at least one."""
        return self.prompt[self.prefix.length :] if self.prefix else self.prompt


class _RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A cache layer with room for what is to come, so that a step copies nothing."""

    def __init__(self, columns: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._columns = columns
        self._filled = 0

    def reserve(self, rows: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Make room for ``rows`` rows of states shaped like ``[..., heads, *, head size]``."""
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self._keys, self._values = (
            states.new_zeros(rows, states.shape[-3], self._columns, states.shape[-1])
            for states in (keys, values)
        )

    def load(self, prefixes: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Fill the first columns with one prefix per row, padded on the left."""
        self.reserve(len(prefixes), *prefixes[0])
        self._filled = max(keys.shape[-2] for keys, _ in prefixes)
        for row, (keys, values) in enumerate(prefixes):
            place = slice(self._filled - keys.shape[-2], self._filled)
            self._keys[row, :, place] = keys
            self._values[row, :, place] = values
        self._show()

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the states of new columns and return all states."""
        if not self.is_initialized:
            self.reserve(key_states.shape[0], key_states, value_states)
        place = slice(self._filled, self._filled + key_states.shape[-2])
        self._keys[:, :, place] = key_states
        self._values[:, :, place] = value_states
        self._filled = place.stop
        return self._show()

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep the rows of ``indices``."""
        self._keys = self._keys.index_select(0, indices)
        self._values = self._values.index_select(0, indices)
        self._show()

    def _show(self) -> tuple[torch.Tensor, torch.Tensor]:
        self.keys = self._keys[:, :, : self._filled]
        self.values = self._values[:, :, : self._filled]
        return self.keys, self.values


def batching_mode(model: Any) -> Mode:
    """Return what a model's architecture allows."""
    config = model.config.get_text_config(decoder=True)
    arguments = inspect.signature(model.forward).parameters
    rope = getattr(config, "rope_parameters", None) or {}
    if not {"position_ids", "past_key_values", "logits_to_keep"} <= set(arguments):
        return Mode.SINGLE
    if rope.get("rope_type", "default") in ("dynamic", "longrope"):
        return Mode.SINGLE
    kinds = {type(layer) for layer in DynamicCache(config=model.config).layers}
    if kinds == {DynamicLayer}:
        return Mode.SHARED
    return Mode.PADDED if kinds <= {DynamicLayer, DynamicSlidingWindowLayer} else Mode.SINGLE


class _Batch:
    """The state of a batch after its prompts have been computed."""

    def __init__(self, model: Any, rows: Sequence[Row], *, room: int) -> None:
        lengths = [len(row.suffix) for row in rows]
        starts = [row.prefix.length if row.prefix else 0 for row in rows]
        before, width = max(starts), max(lengths)
        self._model = model
        self.columns = before + width
        self.mask = torch.zeros(len(rows), self.columns + room, dtype=torch.bool)
        tokens = torch.zeros(len(rows), width, dtype=torch.long)
        positions = torch.zeros(len(rows), width, dtype=torch.long)
        for index, (row, start, length) in enumerate(zip(rows, starts, lengths, strict=True)):
            self.mask[index, before - start : before] = True
            self.mask[index, self.columns - length :] = True
            tokens[index, width - length :] = torch.tensor(list(row.suffix))
            positions[index, width - length :] = torch.arange(start, start + length)
        self.mask = self.mask.to(model.device)
        self.cache = _cache(model, rows, self.columns + room)
        self.positions = torch.tensor([len(row.prompt) for row in rows], device=model.device)
        self.logits = self._forward(tokens.to(model.device), positions.to(model.device))

    def _forward(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        output = self._model(
            input_ids=tokens,
            attention_mask=self.mask[:, : self.columns],
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def step(self, tokens: torch.Tensor) -> None:
        """Append one token ``[rows]`` to each row."""
        self.columns += 1
        self.logits = self._forward(tokens[:, None], self.positions[:, None])
        self.positions = self.positions + 1

    def keep(self, indices: list[int]) -> None:
        """Drop all rows but those of ``indices``."""
        chosen = torch.tensor(indices, device=self.mask.device)
        self.cache.batch_select_indices(chosen)
        self.mask, self.positions = self.mask[chosen], self.positions[chosen]
        self.logits = self.logits[chosen]


def _cache(model: Any, rows: Sequence[Row], columns: int) -> DynamicCache:
    """Return a cache that holds the prefixes of ``rows`` and has ``columns`` columns of room."""
    cache = DynamicCache(config=model.config)
    if any(type(layer) is not DynamicLayer for layer in cache.layers):
        return cache
    layers = [_RoomyLayer(columns) for _ in cache.layers]
    held = next((row.prefix for row in rows if row.prefix), None)
    if held is not None:
        empty = tuple((keys[:, :0], values[:, :0]) for keys, values in held.layers)
        parts = [row.prefix.layers if row.prefix else empty for row in rows]
        for number, layer in enumerate(layers):
            layer.load([part[number] for part in parts])
    cache.layers = list(layers)
    return cache


@torch.inference_mode()
def extend(model: Any, rows: Sequence[Row]) -> list[Prefix]:
    """Compute the states of each row's whole prompt, to be the prefix of longer ones."""
    batch = _Batch(model, rows, room=0)
    states: list[tuple[torch.Tensor, torch.Tensor]] = [
        (keys, values) for keys, values, *_ in batch.cache
    ]
    picked = [mask.nonzero()[:, 0] for mask in batch.mask]
    return [
        Prefix(
            layers=tuple(
                (keys[index][:, columns], values[index][:, columns]) for keys, values in states
            ),
            length=len(row.prompt),
        )
        for index, (row, columns) in enumerate(zip(rows, picked, strict=True))
    ]


@torch.inference_mode()
def decode_batch(
    model: Any, rows: Sequence[Row], end: AnswerEnd, *, max_new_tokens: int
) -> Iterator[Completion]:
    """Decode rows together, yielding each when it ends."""
    batch = _Batch(model, rows, room=max_new_tokens)
    said: list[list[int]] = [[] for _ in rows]
    places = list(range(len(rows)))  # which row each line of the batch is
    going = set(places)
    while going:
        # float32 as transformers' own greedy search, so that ties fall the same way
        chosen = batch.logits.float().argmax(dim=-1)
        for place, token in zip(places, chosen.tolist(), strict=True):
            if place not in going:
                continue
            said[place].append(token)
            finish = end.reached(rows[place].prompt[-1], said[place])
            if finish is not None:
                going.remove(place)
                yield end.completion(rows[place].key, finish, rows[place].prompt, said[place])
        if going and len(going) <= _COMPACT_BELOW * len(places):
            kept = [line for line, place in enumerate(places) if place in going]
            batch.keep(kept)
            chosen = chosen[kept]
            places = [places[line] for line in kept]
        if going:
            batch.step(chosen)


@torch.inference_mode()
def decode_single(model: Any, row: Row, end: AnswerEnd, *, max_new_tokens: int) -> Completion:
    """Decode one prompt with the model's own ``generate``, whatever its architecture."""
    from transformers import GenerationConfig, StoppingCriteriaList

    start = len(row.prompt)
    prompt = torch.tensor([list(row.prompt)], device=model.device)

    def over(tokens: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        done = end.reached(row.prompt[-1], tokens[0, start:].tolist()) is not None
        return torch.tensor([done], device=tokens.device)

    # Spelled out, because what is left open comes from the publisher's sampling settings.
    settings = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        max_new_tokens=max_new_tokens,
        eos_token_id=sorted(end.end_ids),
        pad_token_id=0,
    )
    output = model.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        generation_config=settings,
        stopping_criteria=StoppingCriteriaList([over]),
    )
    said = output[0, start:].tolist()
    finish = end.reached(row.prompt[-1], said) or Finish.LENGTH
    return end.completion(row.key, finish, row.prompt, said)
