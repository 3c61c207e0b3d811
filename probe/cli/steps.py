"""The command that asks about steps: ``probe evaluate steps``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli.asking import Asking, asks_model
from probe.cli.options import (
    Limit,
    Shots,
    ShotSource,
)
from probe.config import StepsConfig
from probe.step_prompts import StepKind

__all__ = ["evaluate_steps"]

_STEPS = StepsConfig(traces=Path(), out=Path())


@asks_model
def evaluate_steps(
    *,
    traces: Annotated[
        Path,
        typer.Option(
            help="Trace file of held-out programs, made with --trace-lines; for raising also with "
            "--keep-exceptions."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    kind: Annotated[
        list[StepKind] | None, typer.Option(help="What is asked; may be given several times.")
    ] = None,
    shots: Shots = _STEPS.shots,
    shot_source: ShotSource = None,
    per_program: Annotated[
        int, typer.Option(min=1, help="At most so many questions of a kind a program.")
    ] = _STEPS.per_program,
    limit: Limit = None,
    max_new_tokens: Annotated[int, typer.Option(min=1)] = _STEPS.max_new_tokens,
    asking: Asking,
) -> None:
    """Ask a model about the way that calls take through their programs, not only about the end.

    --limit counts questions of a kind.

    Example: probe evaluate steps --traces test.jsonl --kind branch --kind variable --out runs/steps
    """
    from probe.tasks.steps.task import evaluate_steps as steps_run

    config = StepsConfig(
        traces=traces,
        out=out,
        kinds=tuple(kind or ()),
        shots=shots,
        shot_source=shot_source,
        per_program=per_program,
        limit=limit,
        max_new_tokens=max_new_tokens,
        **asking.common,
    )
    asking.run(steps_run, config)
