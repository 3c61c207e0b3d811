"""One frozen record of options per verb: what the command line parses into.

The verbs take these records, so a test or a notebook can call them without the command line.
Defaults stand here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from generators.records import Origin, Split
from probe.prompts import EXECUTION, ChatMode
from probe.step_prompts import StepKind
from probe.tasks.held_out import Inputs, Setting
from probe.tasks.positions import Position
from probe.training.settings import Decay

__all__ = [
    "DEFAULT_SHOT_IDS",
    "CounterfactualConfig",
    "DataOptions",
    "ExecutionConfig",
    "FinetuneConfig",
    "FinetuneTask",
    "GradeConfig",
    "GridConfig",
    "MakeTracesConfig",
    "MakeVariantsConfig",
    "ModelOptions",
    "QuickstartConfig",
    "RepresentConfig",
    "StepsConfig",
    "SynthesisConfig",
]

DEFAULT_SHOT_IDS = (2, 3, 4)
"""Tasks whose first assert is shown. Source: MBPP README, the paper's three shots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """Where problems come from."""

    data_dir: Path | None = None
    accept_unknown: bool = False
    trust_programs: bool = False
    workers: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """Which model, how it is loaded or reached, and whether it is asked in its chat template.

    ``token_budget`` (tokens whose states are held at a time) is a local model's alone,
    ``concurrency`` (requests in flight) and ``request_timeout`` (seconds) are a server's alone.
    """

    model: str = "smollm2-135m"
    device: str = "auto"
    dtype: str = "auto"
    accept_licence: bool = False
    chat_template: ChatMode = ChatMode.NONE
    token_budget: int | None = None
    concurrency: int | None = None
    request_timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeTracesConfig:
    """``probe make-traces``."""

    source: str
    out: Path
    split: Split | None = None
    inputs: int = 10
    seed: int = 0
    limit: int | None = None
    max_call_chars: int = 300
    max_output_chars: int = 150
    tokenizer: str | None = None
    max_call_tokens: int | None = None
    max_output_tokens: int | None = None
    keep_exceptions: bool = False
    trace_lines: bool = False
    data: DataOptions = DataOptions()


class FinetuneTask(StrEnum):
    """What a model is trained to do."""

    EXECUTION = "execution"
    """Predict what calls return."""
    SYNTHESIS = "synthesis"
    """Write programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneConfig:
    """``probe finetune``: calls from ``traces``, or whole programs from ``source``."""

    out: Path
    task: FinetuneTask = FinetuneTask.EXECUTION
    traces: Path | None = None
    source: str = "mbpp"
    asserts: int = 3
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionConfig:
    """``probe evaluate execution``; no budget is the usual one of the template."""

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
    batch_invariance_items: int = 20
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeVariantsConfig:
    """``probe make-variants``."""

    traces: Path
    out: Path
    calls: int = 1
    per_kind: int = 1
    seed: int = 0
    limit: int | None = None
    data: DataOptions = DataOptions()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisConfig:
    """``probe evaluate synthesis``; ``preset`` names the protocol that the rest follows."""

    out: Path
    source: str = "mbpp"
    split: Split = Split.TEST
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    preset: str = "greedy-3shot"
    template: str = "synthesis/paper@1"
    shot_ids: tuple[int, ...] = DEFAULT_SHOT_IDS
    asserts: int = 3
    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 500
    limit: int | None = None
    batch_invariance_items: int = 10
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeConfig:
    """``probe grade``."""

    source: str
    samples: Path
    out: Path
    data: DataOptions = DataOptions()
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickstartConfig:
    """``probe quickstart``."""

    out: Path
    model: ModelOptions = ModelOptions()
    data: DataOptions = DataOptions()
    steps: int = 48
    items: int = 100
    seed: int = 0
