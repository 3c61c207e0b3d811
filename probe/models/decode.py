"""Plain decoding, for models that cannot share work: padded batches, or one prompt at a time.

Called by :mod:`probe.models.generate`. Batches are padded on the left, so that all rows end in the
same column; the attention mask hides the padding and position ids count real tokens only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache

from probe.models.batching import Chooser, Ended, Judge
from probe.models.text import Finish

__all__ = ["PaddedBatch", "decode_padded", "decode_single"]

_COMPACT_BELOW = 0.75


class PaddedBatch:
    """The state of a batch after its prompts have been computed."""

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], *, room: int) -> None:
        lengths = [len(prompt) for prompt in prompts]
        width = max(lengths)
        self._model = model
        self.columns = width
        self.mask = torch.zeros(len(prompts), width + room, dtype=torch.bool)
        self.mask[:, width:] = True
        tokens = torch.zeros(len(prompts), width, dtype=torch.long)
        positions = torch.zeros(len(prompts), width, dtype=torch.long)
        for index, prompt in enumerate(prompts):
            place = slice(width - len(prompt), width)
            self.mask[index, place] = True
            tokens[index, place] = torch.tensor(list(prompt))
            positions[index, place] = torch.arange(len(prompt))
        self.mask = self.mask.to(model.device)
        self.cache = DynamicCache(config=model.config)
        self.positions = torch.tensor(lengths, device=model.device)
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

    def step(self, tokens: Sequence[int]) -> None:
        """Append one token to each row."""
        self.columns += 1
        new = torch.tensor(tokens, device=self.positions.device)
        self.logits = self._forward(new[:, None], self.positions[:, None])
        self.positions = self.positions + 1

    def keep(self, indices: list[int]) -> None:
        """Drop all rows but those of ``indices``."""
        chosen = torch.tensor(indices, device=self.mask.device)
        self.cache.batch_select_indices(chosen)
        self.mask, self.positions = self.mask[chosen], self.positions[chosen]
        self.logits = self.logits[chosen]


@torch.inference_mode()
def decode_padded(
    model: Any,
    prompts: Sequence[Sequence[int]],
    rows: Sequence[int],
    choose: Chooser,
    judge: Judge,
    *,
    room: int,
) -> Iterator[Ended]:
    """Decode ``rows`` of ``prompts`` together, yielding each when it ends.

    Args:
        model: The model.
        prompts: Token ids of all prompts.
        rows: Numbers of those to decode.
        choose: Chooses the next tokens from logits, rows and their lengths so far.
        judge: Says from a row and its tokens whether it is over, and why.
        room: Budget of a row, in new tokens.
    """
    batch = PaddedBatch(model, [prompts[row] for row in rows], room=room)
    lines = list(rows)  # which row each line of the batch is
    said: dict[int, list[int]] = {row: [] for row in rows}
    going = set(rows)
    while going:
        tokens = choose(batch.logits, lines, [len(said[row]) for row in lines])
        for row, token in zip(lines, tokens, strict=True):
            said[row].append(token)
            if row in going and (finish := judge(row, said[row])) is not None:
                going.remove(row)
                yield Ended(row=row, finish=finish, said=list(said[row]))
        if going and len(going) <= _COMPACT_BELOW * len(lines):
            kept = [line for line, row in enumerate(lines) if row in going]
            batch.keep(kept)
            lines, tokens = [lines[line] for line in kept], [tokens[line] for line in kept]
        if going:
            batch.step(tokens)


@torch.inference_mode()
def decode_single(
    model: Any,
    prompt: Sequence[int],
    row: int,
    choose: Chooser,
    judge: Judge,
    *,
    room: int,
    end_ids: frozenset[int],
) -> Ended:
    """Decode one prompt with the model's own ``generate``, whatever its architecture.

    Args:
        model: The model.
        prompt: Token ids.
        row: Its number.
        choose: As for :func:`decode_padded`.
        judge: The same.
        room: Budget, in new tokens.
        end_ids: Tokens that end an answer.
    """
    from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

    start = len(prompt)
    tokens = torch.tensor([list(prompt)], device=model.device)

    def chosen(seen: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        (token,) = choose(logits, [row], [seen.shape[1] - start])
        only = torch.full_like(logits, -torch.inf)
        only[0, token] = 0
        return only

    def over(seen: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        done = judge(row, seen[0, start:].tolist()) is not None
        return torch.tensor([done], device=seen.device)

    # Spelled out, because what is left open comes from the publisher's sampling settings.
    settings = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        max_new_tokens=room,
        eos_token_id=sorted(end_ids),
        pad_token_id=0,
    )
    output = model.generate(
        input_ids=tokens,
        attention_mask=torch.ones_like(tokens),
        generation_config=settings,
        logits_processor=LogitsProcessorList([chosen]),
        stopping_criteria=StoppingCriteriaList([over]),
    )
    said = output[0, start:].tolist()
    return Ended(row=row, finish=judge(row, said) or Finish.LENGTH, said=said)
