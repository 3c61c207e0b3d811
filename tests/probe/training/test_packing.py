"""Packed rows train like one item at a time."""

from __future__ import annotations

import itertools
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.errors import ModelError
from probe.training import attention
from probe.training.adapter import make_adapter, trainable
from probe.training.dataset import Item, encode
from probe.training.forward import check_packing, plain_logits, row_losses
from probe.training.packing import make_row, pack

ARCHITECTURES = ("llama", "qwen2", "gemma3", "llama-eager", "gemma3-eager")


def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    return {name: p.grad.clone() for name, p in trainable(model).items() if p.grad is not None}


def plain_loss(model: Any, items: list[Item]) -> torch.Tensor:
    parts = [
        torch.nn.functional.cross_entropy(
            plain_logits(model, item), torch.tensor(item.target), reduction="sum"
        )
        for item in items
    ]
    return torch.stack(parts).sum()


@pytest.fixture(params=ARCHITECTURES)
def tuned_model(request: pytest.FixtureRequest, tiny: ModuleType, tmp_path: Any) -> Any:
    """A float64 model whose adapter is not zero."""
    model = make_adapter(tiny.make_model(request.param), tiny.make_settings(tmp_path))
    with torch.no_grad():
        for parameter in trainable(model).values():
            parameter.normal_(std=0.1)
    return model


@pytest.fixture
def tiny_items(tiny: ModuleType) -> list[Item]:
    """Items of three programs, in mixed order, one prompt twice, one prompt a part of another."""
    examples = tiny.make_examples(3, 4)
    items = list(encode(examples, tiny.make_loaded(), max_length=128, name="test").items)
    twin = Item(group=items[0].group, prompt=items[0].prompt, target=(7, 8, 1))
    part = Item(group=items[4].group, prompt=items[4].prompt[:-2], target=(9, 1))
    return [*items[::2], twin, part, *items[1::2]]


@pytest.mark.parametrize(("row_tokens", "block"), [(1, 128), (70, 16), (1000, 16), (1000, 128)])
def test_loss_and_gradients_equal_one_item_at_a_time(
    tuned_model: Any,
    tiny_items: list[Item],
    row_tokens: int,
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attention, "_BLOCK", block)
    rows = pack(tiny_items, row_tokens)
    packed = torch.stack([row_losses(tuned_model, row).sum() for row in rows]).sum()
    expected = plain_loss(tuned_model, tiny_items)
    torch.testing.assert_close(packed, expected, rtol=1e-5, atol=0)
    found = gradients(tuned_model, packed)
    wanted = gradients(tuned_model, plain_loss(tuned_model, tiny_items))
    assert found.keys() == wanted.keys() == trainable(tuned_model).keys()
    for name, gradient in wanted.items():
        error = (found[name] - gradient).norm() / gradient.norm()
        assert error < 1e-5, name


def test_each_program_is_blind_to_the_others(tuned_model: Any, tiny_items: list[Item]) -> None:
    groups = sorted({item.group for item in tiny_items})
    first = [item for item in tiny_items if item.group == groups[0]]
    others = [item for item in tiny_items if item.group != groups[0]]
    changed = [
        Item(group=i.group, prompt=tuple(t ^ 1 for t in i.prompt), target=i.target) for i in others
    ]
    row, row_changed = make_row([*first, *others]), make_row([*first, *changed])
    n = sum(len(item.target) for item in first)
    with torch.no_grad():
        here, there = row_losses(tuned_model, row), row_losses(tuned_model, row_changed)
    torch.testing.assert_close(here[:n], there[:n], rtol=1e-6, atol=1e-9)
    assert not torch.allclose(here[n:], there[n:])


def test_prefix_is_computed_once(tiny_items: list[Item]) -> None:
    (row,) = pack(tiny_items, 10_000)
    alone = sum(item.length - 1 for item in tiny_items)
    assert len(row.tokens) < alone / 2
    assert len(row.labels) == sum(len(item.target) for item in tiny_items)
    assert len(row.supervised) == len(row.labels)


def test_items_longer_than_the_budget_have_rows_of_their_own(tiny_items: list[Item]) -> None:
    rows = pack(tiny_items, 1)
    assert len(rows) == len(tiny_items)
    assert sorted(len(row.tokens) for row in rows) == sorted(i.length - 1 for i in tiny_items)


def make_item(group: int, common: int, rest: int, target: int) -> Item:
    prompt = (*range(100, 100 + common), *range(rest, 2 * rest))
    return Item(group=str(group), prompt=prompt or (1,), target=tuple(range(target)))


items_of_programs = st.lists(
    st.builds(
        make_item, st.integers(0, 3), st.integers(0, 9), st.integers(0, 5), st.integers(1, 4)
    ),
    min_size=1,
    max_size=20,
)


@given(items=items_of_programs, row_tokens=st.integers(1, 60))
@settings(deadline=None)
def test_rows_hold_every_item_as_if_alone(items: list[Item], row_tokens: int) -> None:
    rows = pack(items, row_tokens)
    seen = []
    for row in rows:
        assert len(row.tokens) <= max(row_tokens, *(item.length - 1 for item in items))
        supervised, labels = iter(row.supervised), iter(row.labels)
        for item in row.items:
            learned = [(next(supervised), next(labels)) for _ in item.target]
            last = learned[-1][0]
            path = [j for j in range(last + 1) if last < row.ends[j]]
            assert [row.positions[i] for i in path] == list(range(len(path)))
            tokens = [row.tokens[i] for i in path]
            assert [label for _, label in learned] == list(item.target)
            assert [i for i, _ in learned] == path[len(item.prompt) - 1 :]
            seen.append((tuple(tokens), item.target))
    assert sorted(seen) == sorted((i.prompt + i.target[:-1], i.target) for i in items)


@given(items=items_of_programs)
def test_no_token_stands_in_a_row_twice(items: list[Item]) -> None:
    row = make_row(items)
    given_tokens = [item.prompt + item.target[:-1] for item in items]
    prefixes = {tokens[:n] for tokens in given_tokens for n in range(1, len(tokens) + 1)}
    assert len(row.tokens) == len(prefixes)


def test_check_packing_accepts_a_model_that_follows_the_mask(
    tuned_model: Any, tiny_items: list[Item]
) -> None:
    tuned_model.eval()
    assert check_packing(tuned_model, tiny_items) < 1e-6


class FakeModelWithoutPositions(torch.nn.Module):
    """Stands for architectures that ignore the position ids that they are given."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.config = model.config

    def forward(self, **inputs: Any) -> Any:
        return self.model(**{k: v for k, v in inputs.items() if k != "position_ids"})


def test_check_packing_refuses_a_model_that_ignores_positions(
    tiny: ModuleType, tiny_items: list[Item]
) -> None:
    model = FakeModelWithoutPositions(tiny.make_model("llama"))
    with pytest.raises(ModelError, match="nats a token"):
        check_packing(model, tiny_items)


class FakeModelWithoutSelection(FakeModelWithoutPositions):
    """Stands for architectures that take no ``logits_to_keep``."""

    def forward(self, **inputs: Any) -> Any:
        if "logits_to_keep" in inputs:
            raise TypeError("forward() got an unexpected keyword argument 'logits_to_keep'")
        return self.model(**inputs)


def test_check_packing_refuses_a_model_without_logits_to_keep(
    tiny: ModuleType, tiny_items: list[Item]
) -> None:
    model = FakeModelWithoutSelection(tiny.make_model("llama"))
    with pytest.raises(ModelError, match="logits_to_keep"):
        check_packing(model, tiny_items)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"_attn_implementation": "flash_attention_2"}, "flash_attention_2"),
        ({"layer_types": ["chunked_attention"]}, "chunked_attention"),
    ],
)
def test_unsupported_attention_is_named(
    tiny: ModuleType, tiny_items: list[Item], change: dict[str, Any], message: str
) -> None:
    model = tiny.make_model("llama")
    for name, value in change.items():
        setattr(model.config, name, value)
    with pytest.raises(ModelError, match=message):
        row_losses(model, pack(tiny_items, 1000)[0])


def test_sliding_window_follows_positions_in_every_kind_of_config(
    tiny: ModuleType, tiny_items: list[Item]
) -> None:
    """A window of the whole model, without kinds of layers (Mistral's way)."""
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    config = MistralConfig(**tiny.SIZES, sliding_window=9)
    model: Any = MistralForCausalLM(config).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    assert check_packing(model.eval(), tiny_items) < 1e-6


def test_order_of_groups_does_not_change_the_rows_content(tiny_items: list[Item]) -> None:
    counts = {
        tuple(sorted(len(row.labels) for row in pack(list(order), 10_000)))
        for order in itertools.islice(itertools.permutations(tiny_items), 20)
    }
    assert counts == {(sum(len(item.target) for item in tiny_items),)}
