"""From logits to the next token: the most likely one, or one that is drawn.

Called by the ways of decoding in :mod:`probe.models.generate`. The draw inverts the cumulative
distribution at a number between 0 and 1 that is a hash of the seed, the problem, the number of
the sample and the step. So batch size, order and resuming do not change a sample, up to the
rounding of the logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain

import torch

from probe.models.text import Decoding, Request

__all__ = ["TokenChooser", "noise"]

_BITS = 53  # of a double between 0 and 1
_BLOCK = 512  # tokens
_CACHED = 1 << 18  # logits drawn from at a time, so that they stay in a processor's cache


def noise(seed: int, task_id: str, k: int, step: int) -> float:
    """Return the number in [0, 1) that decides a draw."""
    text = f"{seed}\0{task_id}\0{k}\0{step}"
    digest = blake2b(text.encode(), digest_size=8).digest()
    return float((int.from_bytes(digest, "big") >> (64 - _BITS)) / (1 << _BITS))


class TokenChooser:
    """Chooses the next tokens of a set of requests.

    Args:
        decoding: How to choose.
        requests: Where each row's noise comes from, by number of the row.
    """

    def __init__(self, decoding: Decoding, requests: Sequence[Request]) -> None:
        self._decoding = decoding
        self._requests = requests

    def __call__(
        self, logits: torch.Tensor, rows: Sequence[int], steps: Sequence[int]
    ) -> list[int]:
        """Return one token id per row.

        Args:
            logits: ``[rows, vocabulary]``.
            rows: Numbers of the requests.
            steps: How many tokens each of them has already.
        """
        if self._decoding.greedy:
            # float32 as transformers' own greedy search, so that ties fall the same way
            chosen: list[int] = logits.float().argmax(dim=-1).tolist()
            return chosen
        if logits.device.type == "mps":
            logits = logits.cpu()  # it has no double precision
        seed = self._decoding.seed
        drawn = [
            noise(seed, self._requests[row].task_id, self._requests[row].k, step)
            for row, step in zip(rows, steps, strict=True)
        ]
        shares = torch.tensor(drawn, dtype=torch.float64)
        at_once = _CACHED // logits.shape[-1] if logits.device.type == "cpu" else len(rows)
        size = max(1, at_once)
        parts = [slice(first, first + size) for first in range(0, len(rows), size)]
        tokens = [self._draw(logits[part], shares[part]).tolist() for part in parts]
        return list(chain.from_iterable(tokens))

    def _draw(self, logits: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        """Return the token of each row at its share of the distribution."""
        precise = torch.promote_types(logits.dtype, torch.float32)
        weights = torch.softmax(logits.to(precise) / self._decoding.temperature, dim=-1)
        if self._decoding.top_p < 1:
            weights = _nucleus(weights, self._decoding.top_p)
        return _invert(weights, shares)


def _invert(weights: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Return where the running sum of the weights passes a share of their sum.

    The sums are of double precision. The token's block is found first, then the token in there, so
    that not all weights of a large vocabulary have to be summed one by one.

    Args:
        weights: ``[rows, vocabulary]``.
        shares: Numbers in [0, 1) ``[rows]``.
    """
    rest = -weights.shape[-1] % _BLOCK
    if rest:
        weights = torch.nn.functional.pad(weights, (0, rest))
    blocks = weights.view(len(weights), -1, _BLOCK)
    sums = blocks.sum(dim=-1, dtype=torch.float64).cumsum(dim=-1)
    levels = shares.to(sums.device)[:, None] * sums[:, -1:]
    block = _first_beyond(sums, levels)
    before = torch.nn.functional.pad(sums, (1, 0)).gather(-1, block)
    index = block[:, :, None].expand(-1, -1, _BLOCK)
    inside = before + blocks.gather(1, index)[:, 0].cumsum(dim=-1, dtype=torch.float64)
    return (block * _BLOCK + _first_beyond(inside, levels))[:, 0]


def _first_beyond(sums: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Return the first place whose running sum is beyond a level, at most where the sum is whole.

    Rounding may put a level beyond the sum of all; what weighs nothing is not taken then either.
    """
    last = torch.searchsorted(sums, sums[:, -1:].contiguous())
    return torch.minimum(torch.searchsorted(sums, levels, right=True), last)


def _nucleus(weights: torch.Tensor, top_p: float) -> torch.Tensor:
    """Set all weights to zero but those of the smallest set that holds ``top_p``.

    Source: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration".
    """
    ranked, order = weights.sort(dim=-1, descending=True, stable=True)
    before = ranked.cumsum(dim=-1, dtype=torch.float64) - ranked
    kept = torch.zeros_like(weights, dtype=torch.bool).scatter_(-1, order, before < top_p)
    return weights * kept
