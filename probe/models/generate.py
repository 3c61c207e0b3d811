"""Completion of many prompts with a loaded model, sharing what the prompts share.

Called by the tasks. :class:`HFGenerator` tokenises, finds the prefixes that prompts have in
common (the worked examples, then the program), and decodes in the best way that the architecture
allows: see :mod:`probe.models.batching` (shared passes) and :mod:`probe.models.decode` (plain).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probe.models.load import LoadedModel
from probe.models.memory import token_budget
from probe.models.prefixes import MIN_SHARED, prefix_tree
from probe.models.stopping import AnswerEnd
from probe.models.text import Completion, Decoding, Finish, Request, TextGenerator

if TYPE_CHECKING:
    from probe.models.batching import Ended
    from probe.models.sampling import TokenChooser

__all__ = ["Completion", "Decoding", "Finish", "HFGenerator", "Request", "TextGenerator"]

_LOG = logging.getLogger(__name__)
_ROWS = {"cpu": 128, "mps": 64, "cuda": 256}
_CHUNK = {"cpu": 512, "mps": 512, "cuda": 4096}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """Requests to complete, all short enough, and what decides their tokens."""

    requests: list[Request]
    prompts: list[list[int]]
    choose: TokenChooser
    end: AnswerEnd
    room: int

    def judge(self, row: int, said: Sequence[int]) -> Finish | None:
        """Return why a row is over, or ``None``."""
        return self.end.reached(self.prompts[row][-1], said)

    def completion(self, ended: Ended) -> Completion:
        """Return what became of a row."""
        key = self.requests[ended.row].key
        return self.end.completion(key, ended.finish, self.prompts[ended.row], ended.said)


class HFGenerator:
    """Decoding with a ``transformers`` model.

    The texts are those of decoding each prompt alone, up to the rounding of the dtype: a batch
    sums in another order, which can decide between two tokens that are as good as equal.

    Args:
        loaded: The model.
        token_budget: Most tokens whose keys and values are held at a time, room for the answers
            included; by default what fits into a part of the memory that is free now. A prompt
            that is longer than the budget is still answered, alone.
        rows: Most prompts that are decoded side by side.

    Attributes:
        loaded: The model.
        identity: That of the model, with ``decoding.prefix_sharing``.
        stats: Counts since the generator was made: ``prompt_tokens`` (as if each prompt were
            computed alone), ``computed_tokens`` (what was computed of them), ``new_tokens``,
            ``passes`` (forward passes), ``peak_columns`` (most tokens held at a time).
    """

    def __init__(
        self, loaded: LoadedModel, *, token_budget: int | None = None, rows: int | None = None
    ) -> None:
        from probe.models.modes import Mode, batching_mode

        kind = loaded.device.partition(":")[0]
        self.loaded = loaded
        base = loaded.model
        self._model = base.get_base_model() if loaded.identity["adapter"] else base
        self._mode = batching_mode(self._model)
        self._budget = token_budget
        self._rows = rows or _ROWS[kind]
        self._chunk = _CHUNK[kind]
        sharing = self._mode is Mode.SHARED
        if not sharing:
            way = "in padded batches" if self._mode is Mode.PADDED else "one prompt at a time"
            _LOG.info("%s: its layers do not let prompts share states; %s", loaded.name, way)
        self.identity: dict[str, Any] = {
            **loaded.identity,
            "decoding": {"prefix_sharing": sharing},
        }
        counts = ("prompt_tokens", "computed_tokens", "new_tokens", "passes", "peak_columns")
        self.stats = dict.fromkeys(counts, 0)

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """Yield one completion per request, as they end.

        A prompt that leaves no room for the budget in the model's context gives ``OVERFLOW``.

        Args:
            requests: What to complete; keys are distinct.
            decoding: How.

        Raises:
            UsageError: The decoding makes no sense.
        """
        from probe.models.modes import Mode

        decoding.check()
        ways = {
            Mode.SHARED: self._shared,
            Mode.PADDED: self._padded,
            Mode.SINGLE: self._single,
        }
        return self._generate(requests, decoding, ways[self._mode])

    def alone(self, request: Request, decoding: Decoding) -> Completion:
        """Complete one prompt with the model's own ``generate``: the reference.

        Raises:
            UsageError: The decoding makes no sense.
        """
        decoding.check()
        return next(self._generate([request], decoding, self._single))

    def prompt_length(self, request: Request) -> int:
        """Return how many tokens a prompt has."""
        return len(self.loaded.encode(request.prompt))

    def _generate(
        self, requests: Sequence[Request], decoding: Decoding, way: Any
    ) -> Iterator[Completion]:
        from probe.models.sampling import TokenChooser

        loaded, room = self.loaded, decoding.max_new_tokens
        limit = loaded.context_length
        kept: list[Request] = []
        prompts: list[list[int]] = []
        for request in requests:
            ids = loaded.encode(request.prompt) or [self._start_token()]
            if limit is not None and len(ids) + room > limit:
                yield Completion.overflow(request.key, len(ids))
            else:
                kept.append(request)
                prompts.append(ids)
        self.stats["prompt_tokens"] += sum(map(len, prompts))
        work = _Work(
            requests=kept,
            prompts=prompts,
            choose=TokenChooser(decoding, kept),
            end=AnswerEnd(loaded.tokenizer, loaded.end_ids, decoding.stop, room),
            room=room,
        )
        for ended in way(work):
            self.stats["new_tokens"] += len(ended.said)
            yield work.completion(ended)

    def _columns(self) -> int:
        """Return the token budget; measured when it is needed, since memory comes and goes."""
        return self._budget or token_budget(self._model, self.loaded.device)

    def _shared(self, work: _Work) -> Iterator[Ended]:
        """Decode in passes that compute what prompts share once."""
        from probe.models.batching import Batching, Capacity

        batching = Batching(
            self._model,
            work.prompts,
            work.choose,
            work.judge,
            room=work.room,
            capacity=Capacity(columns=self._columns(), rows=self._rows, chunk=self._chunk),
        )
        try:
            yield from batching.run(prefix_tree(work.prompts, minimum=MIN_SHARED))
        finally:
            self._count(batching.passes, batching.computed)
            self.stats["peak_columns"] = max(self.stats["peak_columns"], batching.peak)

    def _padded(self, work: _Work) -> Iterator[Ended]:
        """Decode in padded batches of prompts of similar length."""
        from probe.models.decode import decode_padded

        order = sorted(range(len(work.prompts)), key=lambda row: -len(work.prompts[row]))
        columns = self._columns()
        while order:
            widest = len(work.prompts[order[0]]) + work.room
            count = max(1, min(columns // widest, self._rows))
            rows, order = order[:count], order[count:]
            self._count(1, sum(len(work.prompts[row]) for row in rows))
            yield from decode_padded(
                self._model, work.prompts, rows, work.choose, work.judge, room=work.room
            )

    def _single(self, work: _Work) -> Iterator[Ended]:
        """Decode one prompt at a time."""
        from probe.models.decode import decode_single

        for row, prompt in enumerate(work.prompts):
            self._count(1, len(prompt))
            yield decode_single(
                self._model,
                prompt,
                row,
                work.choose,
                work.judge,
                room=work.room,
                end_ids=self.loaded.end_ids,
            )

    def _count(self, passes: int, computed: int) -> None:
        self.stats["passes"] += passes
        self.stats["computed_tokens"] += computed

    def _start_token(self) -> int:
        """Return the token that stands for an empty prompt."""
        tokenizer = self.loaded.tokenizer
        start = tokenizer.bos_token_id
        return int(tokenizer.eos_token_id if start is None else start)
