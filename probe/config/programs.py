"""Options of the tasks in which models write programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from generators.problems.mathqa.records import MathSplit
from generators.records import Split
from generators.tolerance import Tolerance
from probe.config.common import DEFAULT_SHOT_IDS, DataOptions, ModelOptions
from probe.tasks.mathqa.prompts import Target

__all__ = ["AnalyseConfig", "MathConfig", "SynthesisConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisConfig:
    """``probe evaluate synthesis``; ``preset`` names the protocol that the rest follows.

    With a ``shot_seed`` as many examples as ``shot_ids`` names are drawn instead. ``task_ids``
    names the problems that may be asked; ``limit`` draws among them.
    """

    out: Path
    source: str = "mbpp"
    split: Split = Split.TEST
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    preset: str = "greedy-3shot"
    template: str = "synthesis/paper@1"
    shot_ids: tuple[int, ...] = DEFAULT_SHOT_IDS
    shot_seed: int | None = None
    asserts: int = 3
    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 500
    task_ids: tuple[int, ...] | None = None
    limit: int | None = None
    batch_invariance_items: int = 10
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MathConfig:
    """``probe evaluate mathqa``; ``shot_ids`` such as ``dev/0`` take the place of ``shots``."""

    out: Path
    split: MathSplit = MathSplit.TEST
    target: Target = Target.PYTHON
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    shots: int = 4
    shot_ids: tuple[str, ...] | None = None
    tolerance: Tolerance = Tolerance.ABS1E_4
    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 256
    limit: int | None = None
    batch_invariance_items: int = 10
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyseConfig:
    """``probe analyse``."""

    run: Path
    out: Path
    traces: Path | None = None
    data: DataOptions = DataOptions()
