"""Hidden states of a loaded model at chosen layers and tokens of prompts.

Called by the task that probes representations. What prompts share is computed once, where the
architecture allows it (:mod:`probe.models.modes`); else each prompt is computed by itself. Both
give the states of one forward pass over the prompt alone, up to the rounding of the dtype. What
goes into a pass depends on the prompts, never on free memory, so the same prompts give the same
bytes on the same machine. What the states are used for is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generators.errors import ModelError
from generators.progress import Progress, Quiet
from probe.models.load import LoadedModel
from probe.models.modes import Mode, batching_mode
from probe.models.prefixes import PrefixNode, prefix_tree
from probe.models.ragged import pass_states, whole_pass
from probe.models.states import Span

__all__ = ["encode_with_places", "hidden_states", "layer_count"]

PASS_TOKENS = 512


def layer_count(loaded: LoadedModel) -> int:
    """Return the number of the last layer; 0 stands for the embeddings."""
    return int(loaded.model.config.get_text_config(decoder=True).num_hidden_layers)


def encode_with_places(
    loaded: LoadedModel, text: str, ends: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the tokens of a prompt and where in them given parts of its text end.

    Args:
        loaded: The model.
        text: The prompt.
        ends: Numbers of characters, from 1 to the length of the text.

    Returns:
        Token ids, and for each of ``ends`` the index of the last token that begins before it.

    Raises:
        ModelError: The tokenizer cannot say where its tokens stand in the text.
    """
    ids = loaded.encode(text)
    if all(end == len(text) for end in ends):
        return ids, [len(ids) - 1] * len(ends)
    if not loaded.tokenizer.is_fast:
        raise ModelError(
            f"the tokenizer of {loaded.name} does not say where tokens stand in a text; "
            "ask for the position 'last' alone"
        )
    plain = loaded.tokenizer(
        text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    starts = [start for start, _ in plain["offset_mapping"]]
    before = len(ids) - len(starts)  # the start token, where there is one
    return ids, [before + sum(start < end for start in starts) - 1 for end in ends]


@torch.inference_mode()
def hidden_states(
    loaded: LoadedModel,
    prompts: Sequence[Sequence[int]],
    places: Sequence[Sequence[int]],
    layers: Sequence[int],
    *,
    pass_tokens: int = PASS_TOKENS,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return hidden states of prompts.

    Args:
        loaded: The model, with or without an adapter.
        prompts: Token ids of each prompt, none empty.
        places: Indices of the tokens that are wanted of each prompt, equally many of each.
        layers: 0 for the embeddings, ``n`` for the output of layer ``n``; that of the last layer
            comes after the model's final norm.
        pass_tokens: Most tokens in a forward pass; a longer stretch has one of its own.
        progress: Display of the prompts done.

    Returns:
        Shape ``[prompts, layers, positions, width]``, whatever the model's own dtype.

    Raises:
        ModelError: A prompt is longer than the model's context, or a state is not finite.
    """
    limit = loaded.context_length
    longest = max(map(len, prompts))
    if limit is not None and longest > limit:
        raise ModelError(
            f"a prompt has {longest} tokens and {loaded.name} reads {limit}; show fewer examples "
            "or choose another model"
        )
    model = loaded.model.get_base_model() if loaded.identity["adapter"] else loaded.model
    display = progress or Quiet()
    display.start("hidden states", len(prompts))
    taken = _Taken(prompts, places, layers)
    try:
        if batching_mode(model) is Mode.SHARED:
            tree = prefix_tree(prompts)
            _descend(model, tree, None, taken, pass_tokens, display)
        else:
            for row, prompt in enumerate(prompts):
                tokens = torch.tensor([list(prompt)], device=model.device)
                output = model(input_ids=tokens, use_cache=False, output_hidden_states=True)
                taken.take([states[0] for states in output.hidden_states], [row], 0, len(prompt))
                display.advance()
    finally:
        display.finish()
    if not np.isfinite(taken.states).all():
        raise ModelError(
            f"{loaded.name} gives states that are not finite in {loaded.dtype}; try another --dtype"
        )
    return taken.states


class _Taken:
    """The states that are wanted, filled pass by pass.

    Attributes:
        prompts: Token ids of each prompt.
        states: ``[prompts, layers, positions, width]``.
    """

    def __init__(
        self,
        prompts: Sequence[Sequence[int]],
        places: Sequence[Sequence[int]],
        layers: Sequence[int],
    ) -> None:
        self.prompts = prompts
        self.states = np.empty((0,), dtype=np.float32)
        self._places = places
        self._layers = layers

    def take(
        self, computed: Sequence[torch.Tensor], rows: Sequence[int], first: int, count: int
    ) -> None:
        """Take what is wanted of a stretch of prompts.

        Args:
            computed: Per layer the states of the stretch ``[count, width]``.
            rows: The prompts that it is part of.
            first: Its place in them.
            count: Its length.
        """
        if not self.states.size:
            shape = (len(self._places), len(self._layers), len(self._places[0]))
            self.states = np.empty((*shape, computed[0].shape[-1]), dtype=np.float32)
        for row in rows:
            for position, place in enumerate(self._places[row]):
                if first <= place < first + count:
                    kept = torch.stack([computed[layer][place - first] for layer in self._layers])
                    self.states[row, :, position] = kept.float().cpu().numpy()


def _descend(
    model: Any,
    node: PrefixNode,
    above: Span | None,
    taken: _Taken,
    pass_tokens: int,
    display: Progress,
) -> None:
    """Compute everything below a prefix: longer prefixes each before what is below it."""
    prompts = taken.prompts
    for child in node.children:
        prefix = Span(prompts[child.row][node.end : child.end], node.end, above)
        taken.take(
            pass_states(model, whole_pass(model, [prefix])),
            list(_rows(child)),
            prefix.start,
            len(prefix.tokens),
        )
        _descend(model, child, prefix, taken, pass_tokens, display)
    for rows in _batches(node.rows, [len(prompt) - node.end for prompt in prompts], pass_tokens):
        rests = [Span(prompts[row][node.end :], node.end, above) for row in rows]
        computed = pass_states(model, whole_pass(model, rests))
        place = 0
        for row, rest in zip(rows, rests, strict=True):
            end = place + len(rest.tokens)
            taken.take(
                [states[place:end] for states in computed], [row], node.end, len(rest.tokens)
            )
            place = end
        display.advance(len(rows))


def _rows(node: PrefixNode) -> Iterator[int]:
    """Yield all prompts that begin with a prefix."""
    yield from node.rows
    for child in node.children:
        yield from _rows(child)


def _batches(rows: Sequence[int], lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Split rows into batches of at most so many tokens, or of one row."""
    batch: list[int] = []
    held = 0
    for row in rows:
        if batch and held + lengths[row] > most:
            yield batch
            batch, held = [], 0
        batch.append(row)
        held += lengths[row]
    if batch:
        yield batch
