"""``probe analyse``: what is behind the score of written programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli.options import AcceptUnknown, DataDir, Json, Quiet, TrustPrograms, Workers
from probe.config import AnalyseConfig, DataOptions
from probe.summaries import run_lines
from probe.terminal import display, show

__all__ = ["analyse"]


def analyse(
    run: Annotated[
        Path, typer.Argument(help="A finished run of probe evaluate synthesis or probe grade.")
    ],
    out: Annotated[Path, typer.Option(help="Run folder of the analysis.")],
    traces: Annotated[
        Path | None,
        typer.Option(help="Traces of the same problems: their generated calls are fresh inputs."),
    ] = None,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    trust_programs: TrustPrograms = False,
    workers: Workers = 2,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask which problems are hard, and whether programs that pass their tests are right.

    Programs that passed run on fresh inputs and challenge tests; those that spell out their tests
    are found; BLEU is set against correctness; a model tells which problems are hard.

    Example: probe analyse runs/synthesis --traces traces/test.jsonl --out runs/analysis
    """
    from probe.tasks.analyse.task import analyse as analyse_run

    config = AnalyseConfig(
        run=run,
        out=out,
        traces=traces,
        data=DataOptions(
            data_dir=data_dir,
            accept_unknown=accept_unknown_data,
            trust_programs=trust_programs,
            workers=workers,
        ),
    )
    with display(quiet=quiet) as bars:
        document = analyse_run(config, progress=bars)
    show(document, run_lines(out, document), as_json=as_json)
