"""Which items a step takes, and its learning rate."""

from __future__ import annotations

from collections import Counter
from itertools import chain, groupby
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.training.dataset import Item
from probe.training.schedule import Batches, derived_seed, learning_rate
from probe.training.settings import Decay, FinetuneSettings

ITEMS = [
    Item(group=f"g{group}", prompt=(group, number), target=(1,))
    for number in range(5)
    for group in range(7)
]


def make_batches(**changes: Any) -> Batches:
    return Batches(ITEMS, FinetuneSettings(model="m", out=Path("o"), **changes))


@given(epochs=st.sampled_from([0.001, 0.5, 1, 2, 2.5]), size=st.integers(1, 80))
def test_every_epoch_sees_every_item_once(epochs: float, size: int) -> None:
    batches = make_batches(epochs=epochs, items_per_step=size)
    steps = [batches[i] for i in range(len(batches))]
    stream = list(chain.from_iterable(steps))
    assert len(stream) == max(1, round(epochs * len(ITEMS)))
    assert all(len(step) == size for step in steps[:-1])
    assert 1 <= len(steps[-1]) <= size
    seen = Counter((item.group, item.prompt) for item in stream)
    assert max(seen.values()) - min(seen[i.group, i.prompt] for i in ITEMS) <= 1


def test_items_of_a_program_come_together_in_an_order_of_their_own() -> None:
    batches = make_batches(items_per_step=len(ITEMS), epochs=2)
    orders = [[group for group, _ in groupby(batches[e], lambda i: i.group)] for e in (0, 1)]
    assert sorted(orders[0]) == sorted(orders[1]) == [f"g{i}" for i in range(7)]
    assert orders[0] != orders[1]
    other = make_batches(items_per_step=len(ITEMS), seed=1)
    assert [i.group for i in other[0]] != [i.group for i in batches[0]]


def test_steps_do_not_depend_on_the_order_of_asking() -> None:
    forwards, backwards = make_batches(items_per_step=4), make_batches(items_per_step=4)
    steps = range(len(forwards))
    assert [forwards[i] for i in steps] == [backwards[i] for i in reversed(steps)][::-1]


def test_max_steps_replaces_epochs() -> None:
    batches = make_batches(max_steps=9, items_per_step=16)
    assert len(batches) == 9
    assert all(len(batches[i]) == 16 for i in range(9))


@pytest.mark.parametrize("decay", Decay)
def test_rate_rises_to_the_peak_and_falls(decay: Decay, tiny: ModuleType) -> None:
    settings = tiny.make_settings(Path("o"), learning_rate=1.0, warmup_fraction=0.1, decay=decay)
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert rates[10] == 1.0
    assert all(0 < rate <= 1 for rate in rates)
    assert sorted(rates[10:], reverse=True) == rates[10:]
    half = {Decay.COSINE: 0.5, Decay.LINEAR: 0.5, Decay.CONSTANT: 1.0}
    assert rates[55] == pytest.approx(half[decay])
    assert rates[-1] == pytest.approx(1.0 if decay is Decay.CONSTANT else 0, abs=0.02)


def test_rate_of_short_runs(tiny: ModuleType) -> None:
    settings = tiny.make_settings(Path("o"), learning_rate=1.0, warmup_fraction=0.05)
    assert learning_rate(0, 1, settings) == 1.0
    assert learning_rate(1, 2, settings) == 1.0
    no_warmup = tiny.make_settings(Path("o"), learning_rate=1.0, warmup_fraction=0.0)
    assert learning_rate(0, 5, no_warmup) == 1.0


def test_derived_seed_is_stable() -> None:
    assert derived_seed(0, "dropout", 3) == 7_674_056_959_200_526_490
    assert derived_seed(0, "dropout", 3) != derived_seed(0, "dropout", 4)
