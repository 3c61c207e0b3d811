"""Greedy completion of many prompts with a loaded model, sharing what the prompts share.

Called by the tasks. :class:`HFGenerator` tokenises, finds the prefixes that prompts have in
common (the worked examples, then the program), computes each once, and decodes the rest in
batches under a token budget. How a batch is computed is in :mod:`probe.models.decode`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probe.models.load import LoadedModel
from probe.models.prefixes import MIN_SHARED, PrefixNode, prefix_tree
from probe.models.stopping import AnswerEnd
from probe.models.text import Completion, Decoding, Finish, Request, TextGenerator

if TYPE_CHECKING:
    from probe.models.decode import Prefix, Row

__all__ = ["Completion", "Decoding", "Finish", "HFGenerator", "Request", "TextGenerator"]

_LOG = logging.getLogger(__name__)
_BUDGET = {"cpu": 16_384, "mps": 16_384, "cuda": 131_072}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """Prompts to complete, all short enough, and when their completions are over."""

    keys: list[str]
    prompts: list[list[int]]
    end: AnswerEnd
    room: int


class HFGenerator:
    """Greedy decoding with a ``transformers`` model.

    The texts are those of decoding each prompt alone, up to the rounding of the dtype: a batch
    sums in another order, which can decide between two tokens that are as good as equal.

    Args:
        loaded: The model.
        token_budget: Most key-value columns (rows times length, budget included) in a batch; the
            default fits the device's usual memory.

    Attributes:
        identity: That of the model, with ``decoding``: ``strategy`` and ``prefix_sharing``.
        stats: Counts since the generator was made: ``prompt_tokens`` (as if each prompt were
            computed alone), ``computed_tokens`` (what was computed of them), ``new_tokens``,
            ``batches``.
    """

    def __init__(self, loaded: LoadedModel, *, token_budget: int | None = None) -> None:
        from probe.models.decode import Mode, batching_mode

        self._loaded = loaded
        base = loaded.model
        self._mode = batching_mode(base.get_base_model() if loaded.identity["adapter"] else base)
        self._budget = token_budget or _BUDGET[loaded.device.partition(":")[0]]
        sharing = self._mode is Mode.SHARED
        if not sharing:
            way = "in padded batches" if self._mode is Mode.PADDED else "one prompt at a time"
            _LOG.info("%s: its layers do not let prompts share states; %s", loaded.name, way)
        self.identity: dict[str, Any] = {
            **loaded.identity,
            "decoding": {"strategy": "greedy", "prefix_sharing": sharing},
        }
        self.stats = {"prompt_tokens": 0, "computed_tokens": 0, "new_tokens": 0, "batches": 0}

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """Yield one completion per request, as they end.

        A prompt that leaves no room for the budget in the model's context gives ``OVERFLOW``.

        Args:
            requests: What to complete; keys are distinct.
            decoding: How.

        Raises:
            UsageError: The decoding makes no sense.
        """
        decoding.check()
        loaded = self._loaded
        end = AnswerEnd(loaded.tokenizer, loaded.end_ids, decoding.stop, decoding.max_new_tokens)
        return self._generate(requests, end, decoding.max_new_tokens)

    def _generate(
        self, requests: Sequence[Request], end: AnswerEnd, room: int
    ) -> Iterator[Completion]:
        limit = self._loaded.context_length
        keys: list[str] = []
        prompts: list[list[int]] = []
        for request in requests:
            ids = self._loaded.encode(request.prompt) or [self._start_token()]
            if limit is not None and len(ids) + room > limit:
                yield Completion(
                    key=request.key,
                    text="",
                    finish=Finish.OVERFLOW,
                    prompt_tokens=len(ids),
                    completion_tokens=0,
                )
            else:
                keys.append(request.key)
                prompts.append(ids)
        self.stats["prompt_tokens"] += sum(map(len, prompts))
        work = _Work(keys=keys, prompts=prompts, end=end, room=room)
        for completion in self._complete(work):
            self.stats["new_tokens"] += completion.completion_tokens
            yield completion

    def _complete(self, work: _Work) -> Iterator[Completion]:
        """Complete the prompts of ``work`` in the way that the architecture allows."""
        from probe.models.decode import Mode, Row, decode_single

        if self._mode is Mode.SINGLE:
            for key, prompt in zip(work.keys, work.prompts, strict=True):
                self.stats["computed_tokens"] += len(prompt)
                self.stats["batches"] += 1
                row = Row(key=key, prompt=prompt, prefix=None)
                yield decode_single(self._loaded.model, row, work.end, max_new_tokens=work.room)
            return
        minimum = MIN_SHARED if self._mode is Mode.SHARED else None
        tree = prefix_tree(work.prompts, minimum=minimum)
        yield from self._below([(None, tree)], work)

    def _below(
        self, level: Sequence[tuple[Prefix | None, PrefixNode]], work: _Work
    ) -> Iterator[Completion]:
        """Complete all prompts below nodes of the tree whose prefixes are computed."""
        from probe.models.decode import Row, decode_batch, extend

        rows = [
            Row(key=work.keys[index], prompt=work.prompts[index], prefix=prefix)
            for prefix, node in level
            for index in node.rows
        ]
        for batch in self._batches(rows, work.room):
            yield from decode_batch(self._loaded.model, batch, work.end, max_new_tokens=work.room)
        longer = [
            (Row(key="", prompt=work.prompts[child.row][: child.end], prefix=prefix), child)
            for prefix, node in level
            for child in node.children
        ]
        nodes = {id(row): child for row, child in longer}
        for batch in self._batches([row for row, _ in longer], 0):
            prefixes = extend(self._loaded.model, batch)
            below = [nodes[id(row)] for row in batch]
            yield from self._below(list(zip(prefixes, below, strict=True)), work)

    def _batches(self, rows: list[Row], room: int) -> Iterator[list[Row]]:
        """Yield rows of similar length together, as many as the token budget allows."""
        batch: list[Row] = []
        before = width = 0
        for row in sorted(rows, key=lambda row: -len(row.suffix)):
            start = row.prefix.length if row.prefix else 0
            columns = max(before, start) + max(width, len(row.suffix)) + room
            if batch and columns * (len(batch) + 1) > self._budget:
                yield self._counted(batch)
                batch, before, width = [], 0, 0
            batch.append(row)
            before, width = max(before, start), max(width, len(row.suffix))
        if batch:
            yield self._counted(batch)

    def _counted(self, batch: list[Row]) -> list[Row]:
        self.stats["batches"] += 1
        self.stats["computed_tokens"] += sum(len(row.suffix) for row in batch)
        return batch

    def _start_token(self) -> int:
        """Return the token that stands for an empty prompt."""
        tokenizer = self._loaded.tokenizer
        start = tokenizer.bos_token_id
        return int(tokenizer.eos_token_id if start is None else start)
