"""Options that several verbs share: where problems come from, and which model is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probe.prompts import ChatMode

__all__ = ["DEFAULT_SHOT_IDS", "DataOptions", "ModelOptions"]

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
    ``answers_from`` are finished runs of the same model whose answers are given again.
    """

    model: str = "smollm2-135m"
    device: str = "auto"
    dtype: str = "auto"
    accept_licence: bool = False
    chat_template: ChatMode = ChatMode.NONE
    token_budget: int | None = None
    concurrency: int | None = None
    request_timeout: float | None = None
    answers_from: tuple[Path, ...] = ()
