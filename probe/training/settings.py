"""What a fine-tuning run is asked for and what it answers: plain records, no torch.

The command line builds :class:`FinetuneSettings`, :func:`probe.training.finetune.finetune` takes
it and returns a :class:`FinetuneResult`. The defaults are the usual ones for LoRA on small models.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from generators.errors import UsageError

__all__ = ["Decay", "FinetuneResult", "FinetuneSettings"]


class Decay(StrEnum):
    """How the learning rate falls after the warm-up."""

    COSINE = "cosine"
    LINEAR = "linear"
    CONSTANT = "constant"


_UNBOUND = ("out", "save_every", "accept_licence")  # may differ between a run and its resumption


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneSettings:
    """Settings of one fine-tuning run.

    Attributes:
        model: Catalog name, local folder or hub id of the base model.
        out: Folder that receives ``adapter/``, ``log.jsonl``, ``preview.txt`` and, while the run
            lasts, ``checkpoint/``.
        rank: Rank of the LoRA matrices.
        alpha: LoRA scale; the update is multiplied by ``alpha / rank``.
        dropout: Dropout in front of the LoRA matrices, a probability.
        targets: PEFT's ``target_modules``: ``"all-linear"`` (all but the output layer) or a
            regular expression over module names.
        learning_rate: Peak learning rate of AdamW.
        decay: Shape of the decay to zero after the warm-up.
        warmup_fraction: Part of the steps in which the rate rises linearly.
        weight_decay: AdamW's decoupled weight decay.
        max_grad_norm: Gradients of a step are scaled down to this Euclidean norm.
        epochs: How often each training item is seen; fractions are allowed.
        max_steps: Number of optimiser steps; replaces ``epochs`` when given.
        items_per_step: Training items per optimiser step (the batch size).
        row_tokens: Tokens per forward pass: the budget for rows of packed programs. Bounds the
            memory, has no influence on the loss. An item longer than it has a row of its own.
        max_length: Items of more tokens (prompt, target and EOS) are dropped and counted.
        seed: Seed of the adapter's initial weights, of the order of items and of dropout.
        eval_every: Steps between two measurements of the validation loss.
        save_every: Steps between two checkpoints.
        early_stopping_patience: Stop after so many measurements in a row without a new lowest
            validation loss, and keep the adapter of the lowest. ``None``: run to the end and keep
            the last adapter.
        device: Torch device, or ``"auto"``.
        mixed_precision: ``"no"``, ``"bf16"`` or ``"fp16"``: precision of the forward passes where
            torch's autocast allows it; weights keep their type.
        dtype: Type of the base model's weights, or ``"auto"``; half precision keeps the adapter
            in float32.
        accept_licence: The user has accepted the model's licence terms.
    """

    model: str
    out: Path
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: str = "all-linear"
    learning_rate: float = 2e-4
    decay: Decay = Decay.COSINE
    warmup_fraction: float = 0.05
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    epochs: float = 1.0
    max_steps: int | None = None
    items_per_step: int = 32
    row_tokens: int = 1024
    max_length: int = 1024
    seed: int = 0
    eval_every: int = 25
    save_every: int = 10
    early_stopping_patience: int | None = None
    device: str = "auto"
    dtype: str = "float32"
    mixed_precision: str = "no"
    accept_licence: bool = False

    def check(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UsageError: Names the setting, its value and what is allowed.
        """
        for name in ("rank", "alpha", "items_per_step", "row_tokens", "eval_every", "save_every"):
            self._demand(name, getattr(self, name) >= 1, "at least 1")
        self._demand("max_length", self.max_length >= 2, "at least 2")
        for name in ("max_steps", "early_stopping_patience"):
            value = getattr(self, name)
            self._demand(name, value is None or value >= 1, "at least 1")
        for name in ("learning_rate", "max_grad_norm", "epochs"):
            self._demand(name, 0 < getattr(self, name) < float("inf"), "above 0")
        self._demand("weight_decay", 0 <= self.weight_decay < float("inf"), "0 or more")
        for name in ("dropout", "warmup_fraction"):
            self._demand(name, 0 <= getattr(self, name) < 1, "in 0 <= x < 1")

        known = self.mixed_precision in ("no", "bf16", "fp16")
        self._demand("mixed_precision", known, "no, bf16 or fp16")

    def _demand(self, name: str, holds: bool, allowed: str) -> None:  # noqa: FBT001
        if not holds:
            raise UsageError(f"{name} is {getattr(self, name)}; it has to be {allowed}")

    def identity(self) -> dict[str, Any]:
        """Return what a resumed run must share with the run that it continues, as JSON values."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _UNBOUND}


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneResult:
    """What a finished run reports, derived from its ``log.jsonl``.

    Attributes:
        steps: Optimiser steps taken.
        kept_step: The step whose adapter was saved; below ``steps`` only with early stopping.
        items: Training items seen, repetitions counted.
        tokens: Supervised tokens seen, repetitions counted.
        input_tokens: Tokens that went through the model in training.
        final_train_loss: Mean loss per supervised token, in nats, over the last ``eval_every``
            steps.
        validation_losses: ``(step, mean loss per supervised token in nats)``.
        dropped_train: Training items left out because they are longer than ``max_length``.
        dropped_validation: The same for validation items.
        seconds: Time spent in steps and validation, summed over resumptions.
        adapter_sha256: Hash of ``adapter/adapter_model.safetensors``.
        reload_max_difference: Largest absolute difference of logits between the tuned model and
            a fresh base model with the saved adapter.
    """

    steps: int
    kept_step: int
    items: int
    tokens: int
    input_tokens: int
    final_train_loss: float
    validation_losses: tuple[tuple[int, float], ...]
    dropped_train: int
    dropped_validation: int
    seconds: float
    adapter_sha256: str
    reload_max_difference: float

    @classmethod
    def from_results(cls, results: dict[str, Any]) -> FinetuneResult:
        """Return the result that a document of :mod:`probe.training.results` describes."""
        losses = tuple((int(step), float(loss)) for step, loss in results["validation"])
        own = {f.name: results[f.name] for f in fields(cls) if f.name != "validation_losses"}
        return cls(**own, validation_losses=losses)
