"""Options of ``probe finetune``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from generators.records import Origin
from probe.config.common import DataOptions, ModelOptions
from probe.tasks.held_out import Setting
from probe.tasks.mathqa.prompts import Target
from probe.training.settings import Decay

__all__ = ["FinetuneConfig", "FinetuneTask"]


class FinetuneTask(StrEnum):
    """What a model is trained to do."""

    EXECUTION = "execution"
    """Predict what calls return."""
    SYNTHESIS = "synthesis"
    """Write programs."""
    MATHQA = "mathqa"
    """Solve word problems by writing programs or formulas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneConfig:
    """``probe finetune``: calls from ``traces``, whole programs from ``source``, or MathQA."""

    out: Path
    task: FinetuneTask = FinetuneTask.EXECUTION
    traces: Path | None = None
    source: str = "mbpp"
    asserts: int = 3
    target: Target = Target.PYTHON
    without_test_copies: bool = False
    scratchpad: bool = False
    validation_traces: Path | None = None
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    shots: int = 0
    shot_source: str | None = None
    limit: int | None = None
    per_program: int | None = None
    origin: Origin | None = None
    contents: tuple[str, ...] = ("code",)
    settings: tuple[Setting, ...] = (Setting.L,)
    prompts_per_trace: int | None = None
    validation_items: int = 128
    validation_fraction: float = 0.1
    epochs: float = 1.0
    max_steps: int | None = None
    items_per_step: int = 32
    learning_rate: float = 2e-4
    decay: Decay = Decay.COSINE
    warmup_fraction: float = 0.05
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: str = "all-linear"
    eval_every: int = 25
    save_every: int = 10
    early_stopping_patience: int | None = None
    row_tokens: int = 1024
    max_length: int = 1024
    mixed_precision: str | None = None
    seed: int = 0
