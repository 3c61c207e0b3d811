"""The fused LoRA layer is PEFT's, up to rounding, and stands aside where it is not."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from probe.training.adapter import make_adapter, trainable
from probe.training.dataset import encode
from probe.training.forward import row_losses
from probe.training.lora import fused_lora
from probe.training.packing import Row, make_row

LAYERS = 3 * 7


def make_tuned(tiny: ModuleType, architecture: str, **changes: Any) -> Any:
    """A float64 model whose adapter is not zero, and whose biases are not either."""
    settings = tiny.make_settings(Path("o"), **changes)
    model = make_adapter(tiny.make_model(architecture), settings)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad or name.endswith(".bias"):
                parameter.normal_(std=0.1)
    return model.train()


def measured(model: Any, row: Row) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    losses = row_losses(model, row)
    losses.sum().backward()  # type: ignore[no-untyped-call]
    return losses.detach(), {name: p.grad.clone() for name, p in trainable(model).items()}


@pytest.fixture
def tiny_row(tiny: ModuleType) -> Row:
    """A row of two programs."""
    items = encode(tiny.make_examples(2, 3), tiny.make_loaded(), max_length=128, name="test").items
    return make_row(items)


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gemma3"])
def test_losses_and_gradients_are_those_of_peft(
    tiny: ModuleType, tiny_row: Row, architecture: str
) -> None:
    model = make_tuned(tiny, architecture)
    losses, gradients = measured(model, tiny_row)
    with fused_lora(model) as fused:
        assert fused == LAYERS
        fused_losses, fused_gradients = measured(model, tiny_row)
    torch.testing.assert_close(fused_losses, losses, rtol=1e-9, atol=1e-12)
    for name, gradient in gradients.items():
        error = (fused_gradients[name] - gradient).norm() / gradient.norm()
        assert error < 1e-9, name
    again, _ = measured(model, tiny_row)
    assert torch.equal(again, losses)


def test_wrong_scale_would_be_noticed(tiny: ModuleType, tiny_row: Row) -> None:
    model = make_tuned(tiny, "llama")
    losses, _ = measured(model, tiny_row)
    for module in model.modules():
        if isinstance(getattr(module, "scaling", None), dict):
            module.scaling["default"] *= 1.01
    with fused_lora(model):
        assert not torch.allclose(measured(model, tiny_row)[0], losses, rtol=1e-6)


def test_layers_with_more_than_plain_lora_are_left_alone(tiny: ModuleType) -> None:
    with fused_lora(make_tuned(tiny, "llama", dropout=0.1)) as fused:
        assert fused == 0
    half = make_adapter(tiny.make_model("llama", torch.bfloat16), tiny.make_settings(Path("o")))
    with fused_lora(half) as fused:
        assert fused == 0
    disabled = make_tuned(tiny, "llama")
    disabled.merge_adapter()
    with fused_lora(disabled) as fused:
        assert fused == 0
