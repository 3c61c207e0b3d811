"""The command that probes a model's states: ``probe evaluate representation``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.records import Origin
from probe.analysis.properties import PROPERTIES
from probe.cli.asking import Asking
from probe.cli.options import (
    AcceptLicence,
    AcceptUnknown,
    Adapters,
    DataDir,
    Device,
    Dtype,
    Json,
    Limit,
    Model,
    Quiet,
    Seed,
    Shots,
    ShotSource,
)
from probe.config import DataOptions, ModelOptions, RepresentConfig
from probe.tasks.adapters import BASE
from probe.tasks.positions import Position

__all__ = ["evaluate_representation"]

_DEFAULT = RepresentConfig(traces=Path(), out=Path())


def evaluate_representation(
    traces: Annotated[Path, typer.Option(help="Trace file; --trace-lines gives all properties.")],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    model: Model = "smollm2-135m",
    adapter: Adapters = None,
    layers: Annotated[
        str,
        typer.Option(help="all, spread (every fourth and the last), or such as 0,4,8; 0: input."),
    ] = _DEFAULT.layers,
    position: Annotated[
        list[Position] | None,
        typer.Option(help="Token that is read: of the prompt, the call, the program. Repeatable."),
    ] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", help=f"Only these: {', '.join(PROPERTIES)}."),
    ] = None,
    shots: Shots = _DEFAULT.shots,
    shot_source: ShotSource = None,
    origin: Annotated[Origin | None, typer.Option(help="Only calls of this origin.")] = None,
    per_program: Annotated[
        int | None, typer.Option(min=1, help="At most so many items a program.")
    ] = None,
    limit: Limit = None,
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    accept_licence: AcceptLicence = False,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask whether a model's states carry properties of a program's run, with linear probes.

    Example: probe evaluate representation --traces test.jsonl --limit 1000 --out runs/states
    """
    from probe.tasks.represent import evaluate_representation as evaluate_one

    config = RepresentConfig(
        traces=traces,
        out=out,
        model=ModelOptions(model=model, device=device, dtype=dtype, accept_licence=accept_licence),
        data=DataOptions(data_dir=data_dir, accept_unknown=accept_unknown_data),
        shots=shots,
        shot_source=shot_source,
        origin=origin,
        per_program=per_program,
        limit=limit,
        layers=layers,
        positions=tuple(dict.fromkeys(position or _DEFAULT.positions)),
        properties=tuple(properties or ()),
        seed=seed,
    )
    adapters = tuple(adapter or [BASE])
    Asking(adapters=adapters, common={}, as_json=as_json, quiet=quiet).run(evaluate_one, config)
