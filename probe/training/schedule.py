"""What an optimiser step does: which items it takes and at which learning rate.

All of it is a function of the settings and of the number of the step, so a resumed run needs no
state of a shuffler or a scheduler. Called by :mod:`probe.training.finetune`; no torch here.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from probe.training.dataset import Item
from probe.training.settings import Decay, FinetuneSettings

__all__ = ["Batches", "derived_seed", "learning_rate"]


def derived_seed(*parts: object) -> int:
    """Return a 63-bit number that depends on ``parts`` and on nothing else."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) >> 1


class Batches:
    """The items of every step of a run.

    In each epoch the programs come in an order drawn anew from (seed, epoch, group), the items of
    a program one after another. A step takes the next ``items_per_step`` items of this stream;
    the last step of a run may have fewer.
    """

    def __init__(self, items: Sequence[Item], settings: FinetuneSettings) -> None:
        self._items = items
        self._seed = settings.seed
        self._size = settings.items_per_step
        self._orders: dict[int, list[int]] = {}
        if settings.max_steps is not None:
            self._total = settings.max_steps * self._size
        else:
            self._total = max(1, round(settings.epochs * len(items)))

    def __len__(self) -> int:
        """Return the number of steps."""
        return math.ceil(self._total / self._size)

    def __getitem__(self, step: int) -> list[Item]:
        """Return the items of step ``step``, counted from 0."""
        stop = min((step + 1) * self._size, self._total)
        return [self._item(index) for index in range(step * self._size, stop)]

    def _item(self, index: int) -> Item:
        epoch, place = divmod(index, len(self._items))
        if epoch not in self._orders:
            self._orders[epoch] = sorted(
                range(len(self._items)),
                key=lambda i: (
                    derived_seed(self._seed, epoch, self._items[i].group),
                    derived_seed(self._seed, epoch, i, self._items[i].group),
                ),
            )
        return self._items[self._orders[epoch][place]]


def learning_rate(step: int, steps: int, settings: FinetuneSettings) -> float:
    """Return the learning rate of step ``step`` (from 0) of ``steps``.

    It rises linearly to the peak during the warm-up and falls afterwards.

    Source: cosine decay, Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm
    Restarts", equation 5 with one period and a minimum of 0.
    """
    warmup = math.ceil(settings.warmup_fraction * steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / (steps - warmup)
    if settings.decay is Decay.COSINE:
        return settings.learning_rate * (1 + math.cos(math.pi * progress)) / 2
    if settings.decay is Decay.LINEAR:
        return settings.learning_rate * (1 - progress)
    return settings.learning_rate
