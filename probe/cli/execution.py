"""``probe evaluate execution``: models predict what calls return."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from generators.errors import UsageError
from generators.records import Origin
from probe.cli.asking import Asking, asks_model
from probe.cli.options import (
    Limit,
    Shots,
    ShotSource,
)
from probe.config import ExecutionConfig, GridConfig
from probe.prompts import EXECUTION, known_contents
from probe.tasks.held_out import Inputs, Setting

__all__ = ["evaluate_execution"]


_EXECUTION = ExecutionConfig(traces=Path(), out=Path())


@asks_model
def evaluate_execution(
    *,
    traces: Annotated[Path, typer.Option(help="Trace file of held-out programs.")],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    grid: Annotated[
        bool, typer.Option("--grid", help="All prompt contents, settings and inputs; see below.")
    ] = False,
    content: Annotated[
        list[str] | None,
        typer.Option(help=f"Only these columns of the grid: {', '.join(EXECUTION)}."),
    ] = None,
    setting: Annotated[
        list[Setting] | None, typer.Option(help="Only these: one call held out, or two.")
    ] = None,
    inputs: Annotated[
        list[Inputs] | None, typer.Option(help="Only these: asserts, or generated calls.")
    ] = None,
    scratchpad: Annotated[
        bool, typer.Option("--scratchpad", help="Let the model write the run before the result.")
    ] = False,
    shots: Shots = _EXECUTION.shots,
    shot_source: ShotSource = None,
    origin: Annotated[Origin | None, typer.Option(help="Only calls of this origin.")] = None,
    per_program: Annotated[
        int | None, typer.Option(min=1, help="At most so many items a program.")
    ] = None,
    limit: Limit = None,
    training_traces: Annotated[
        Path | None,
        typer.Option(
            help="Traces of training programs: trivial baselines learn from them, and items that "
            "share something with them are found."
        ),
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Else 64, with a scratchpad 768.")
    ] = None,
    asking: Asking,
) -> None:
    """Let a model predict what calls return, and score it beside trivial baselines.

    With --grid, the same programs are asked about under every prompt content (any of program,
    description and tests), with one or two calls held out, on public and on fresh inputs.

    Example: probe evaluate execution --traces test.jsonl --adapter runs/tuned --out runs/after
    """
    common: dict[str, Any] = {
        "traces": traces,
        "out": out,
        "shots": shots,
        "shot_source": shot_source,
        "limit": limit,
        "training_traces": training_traces,
        "max_new_tokens": max_new_tokens,
        **asking.common,
    }
    chosen = {"contents": known_contents(content), "settings": setting, "inputs": inputs}
    if grid or any(chosen.values()):
        from probe.tasks.grid import evaluate_grid

        if origin or per_program or scratchpad:
            raise UsageError(
                "--origin, --per-program and --scratchpad do not go with the grid's options"
            )
        cells: dict[str, Any] = {name: tuple(values) for name, values in chosen.items() if values}
        grid_config = GridConfig(**common, **cells)
        asking.run(evaluate_grid, grid_config)
    else:
        from probe.tasks.execution import evaluate_execution as evaluate_one

        config = ExecutionConfig(
            **common, origin=origin, per_program=per_program, scratchpad=scratchpad
        )
        asking.run(evaluate_one, config)
