"""Options of the probes of execution."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from generators.records import Origin
from probe.config.common import DataOptions, ModelOptions
from probe.prompts import EXECUTION
from probe.step_prompts import StepKind
from probe.tasks.held_out import Inputs, Setting
from probe.tasks.positions import Position

__all__ = [
    "CounterfactualConfig",
    "ExecutionConfig",
    "GridConfig",
    "RepresentConfig",
    "StepsConfig",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionConfig:
    """``probe evaluate execution``; no budget or number of repeated items is the usual one."""

    traces: Path
    out: Path
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    scratchpad: bool = False
    shots: int = 3
    shot_source: str | None = None
    origin: Origin | None = None
    per_program: int | None = None
    limit: int | None = None
    training_traces: Path | None = None
    max_new_tokens: int | None = None
    batch_invariance_items: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GridConfig:
    """``probe evaluate execution --grid``; ``limit`` counts programs."""

    traces: Path
    out: Path
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    contents: tuple[str, ...] = tuple(EXECUTION)
    settings: tuple[Setting, ...] = tuple(Setting)
    inputs: tuple[Inputs, ...] = tuple(Inputs)
    shots: int = 3
    shot_source: str | None = None
    limit: int | None = None
    training_traces: Path | None = None
    max_new_tokens: int | None = None
    batch_invariance_items: int = 20
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterfactualConfig:
    """``probe evaluate counterfactual``; ``limit`` counts calls, each with all its variants."""

    variants: Path
    out: Path
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    shots: int = 3
    shot_source: str | None = None
    limit: int | None = None
    max_new_tokens: int = 64
    batch_invariance_items: int = 20
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsConfig:
    """``probe evaluate steps``; no kinds are all kinds, ``limit`` counts questions of a kind."""

    traces: Path
    out: Path
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    kinds: tuple[StepKind, ...] = ()
    shots: int = 3
    shot_source: str | None = None
    per_program: int = 2
    limit: int | None = None
    max_new_tokens: int = 96
    batch_invariance_items: int = 20
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RepresentConfig:
    """``probe evaluate representation``; no ``properties`` means all of them."""

    traces: Path
    out: Path
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    shots: int = 0
    shot_source: str | None = None
    origin: Origin | None = None
    per_program: int | None = None
    limit: int | None = None
    layers: str = "spread"
    positions: tuple[Position, ...] = (Position.LAST,)
    properties: tuple[str, ...] = ()
    seed: int = 0
