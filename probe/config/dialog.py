"""Options of ``probe evaluate dialog``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from generators.records import Split
from probe.config.common import DataOptions, ModelOptions
from probe.tasks.dialog.givers import Giver

__all__ = ["DialogConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogConfig:
    """``probe evaluate dialog``; ``recording`` is for recorded, ``author`` for human feedback.

    ``context_tokens`` bounds prompt and reply; ``None`` is what the model has.
    """

    out: Path
    source: str = "mbpp-sanitized"
    split: Split = Split.TEST
    problems: int = 50
    turns: int = 4
    feedback: Giver = Giver.EXECUTION
    show_expected: bool = True
    feedback_model: str | None = None
    recording: Path | None = None
    author: str = "anonymous"
    resample: bool = True
    resample_temperature: float = 0.5
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    max_new_tokens: int = 300
    context_tokens: int | None = None
    batch_invariance_items: int = 10
    seed: int = 0
