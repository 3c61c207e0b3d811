"""Options of the verbs that run programs, and of quickstart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from generators.records import Split
from probe.config.common import DataOptions, ModelOptions

__all__ = ["GradeConfig", "MakeTracesConfig", "MakeVariantsConfig", "QuickstartConfig"]


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
