"""LoRA layers with fewer passes over memory, for the time of the training.

PEFT's layer adds ``B(A(x)) * scale`` to the base layer's output in five operations, each of which
autograd records, three of them as large as the output. Here one operation does both, with a
backward pass of its own that accumulates in place. The result is PEFT's up to rounding. Layers
that do more than plain LoRA (dropout, a base in another precision, variants) keep PEFT's way.
Called by :mod:`probe.training.finetune`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import Function

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["fused_lora"]


class _LoraLinear(Function):
    """``x W' + bias + scale * (x A') B'`` with a frozen ``W``.

    Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", equation 3.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: _Layer, a: Tensor, b: Tensor) -> Tensor:
        """Apply a layer.

        Args:
            ctx: Autograd's context.
            x: Shape ``(..., in)``.
            layer: The frozen part, and the scale.
            a: Shape ``(rank, in)``.
            b: Shape ``(out, rank)``.

        Returns:
            Shape ``(..., out)``.
        """
        flat = x.reshape(-1, x.shape[-1])
        low = flat @ a.t()
        out = torch.nn.functional.linear(flat, layer.weight, layer.bias)
        out.addmm_(low, b.t(), alpha=layer.scale)
        ctx.save_for_backward(flat, a, b, low)
        ctx.layer = layer
        ctx.shape = x.shape
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, None, Tensor, Tensor]:
        """Return the gradients of ``x`` (if wanted), ``a`` and ``b``."""
        flat, a, b, low = ctx.saved_tensors
        grad = grads[0].reshape(-1, grads[0].shape[-1])
        grad_low = (grad @ b).mul_(ctx.layer.scale)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = (grad @ ctx.layer.weight).addmm_(grad_low, a).view(ctx.shape)
        grad_b = (grad.t() @ low).mul_(ctx.layer.scale)
        return grad_x, None, grad_low.t() @ flat, grad_b


class _Layer:
    """What a LoRA layer holds, found once."""

    def __init__(self, module: Any) -> None:
        (name,) = module.active_adapters
        base = module.get_base_layer()
        self.weight: Tensor = base.weight
        self.bias: Tensor | None = base.bias
        self.scale: float = module.scaling[name]
        self.a: Tensor = module.lora_A[name].weight
        self.b: Tensor = module.lora_B[name].weight

    def __call__(self, x: Tensor) -> Tensor:
        result: Tensor = _LoraLinear.apply(x, self, self.a, self.b)  # type: ignore[no-untyped-call]
        return result


def _is_plain(module: Any) -> bool:
    """Return whether a module is a LoRA layer that does what :class:`_LoraLinear` does."""
    from peft.tuners.lora.layer import Linear

    if type(module) is not Linear or len(module.active_adapters) != 1 or module.lora_variant:
        return False
    (name,) = module.active_adapters
    base = module.get_base_layer()
    return (
        type(base) is torch.nn.Linear
        and not base.weight.requires_grad
        and isinstance(module.lora_dropout[name], torch.nn.Identity)
        and module.lora_B[name].bias is None
        and module.lora_A[name].weight.dtype == base.weight.dtype
        and not module.merged
    )


@contextmanager
def fused_lora(model: nn.Module) -> Iterator[int]:
    """Let the plain LoRA layers of a model compute in one operation each.

    Yields:
        How many layers do so.
    """
    modules = [module for module in model.modules() if _is_plain(module)]
    for module in modules:
        module.forward = partial(_apply, _Layer(module))
    try:
        yield len(modules)
    finally:
        for module in modules:
            del module.forward


def _apply(layer: _Layer, x: Tensor, *_: Any, **__: Any) -> Tensor:
    return layer(x)
