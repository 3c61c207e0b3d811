"""The commands that run programs, ``make-traces`` and ``grade``; and all that make runs, listed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.records import Split
from probe.cli.counterfactual import make_variants
from probe.cli.evaluate import evaluate
from probe.cli.finetune import finetune
from probe.cli.options import (
    AcceptUnknown,
    DataDir,
    Json,
    Limit,
    Quiet,
    Seed,
    TrustPrograms,
    Workers,
)
from probe.config import (
    DataOptions,
    GradeConfig,
    MakeTracesConfig,
)
from probe.summaries import grading_lines, trace_lines
from probe.terminal import display, show

__all__ = ["register"]

_TRACES = MakeTracesConfig(source="", out=Path())


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("make-traces")(make_traces)
    app.command("make-variants")(make_variants)
    app.command()(finetune)
    app.add_typer(evaluate, name="evaluate")
    app.command()(grade)


def _data(
    data_dir: Path | None, accept_unknown: bool, trust_programs: bool, workers: int
) -> DataOptions:
    return DataOptions(
        data_dir=data_dir,
        accept_unknown=accept_unknown,
        trust_programs=trust_programs,
        workers=workers,
    )


def make_traces(
    source: Annotated[str, typer.Option(help="basics, mbpp, mbpp-sanitized or a JSONL file.")],
    out: Annotated[Path, typer.Option(help="Trace file to write.")],
    split: Annotated[Split | None, typer.Option(help="Only this split.")] = None,
    inputs: Annotated[
        int, typer.Option(min=0, help="Generated inputs a program.")
    ] = _TRACES.inputs,
    keep_exceptions: Annotated[
        bool, typer.Option("--keep-exceptions", help="Also traces of calls that raise.")
    ] = False,
    record_lines: Annotated[
        bool, typer.Option("--trace-lines", help="Also each line's turn and what it changed.")
    ] = False,
    max_call_chars: Annotated[
        int, typer.Option(min=1, help="Longest generated call.")
    ] = _TRACES.max_call_chars,
    max_output_chars: Annotated[
        int, typer.Option(min=1, help="Longest output of a generated call.")
    ] = _TRACES.max_output_chars,
    tokenizer: Annotated[
        str | None, typer.Option(help="Model whose tokens the next two count.")
    ] = None,
    max_call_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest generated call.")
    ] = None,
    max_output_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest output of a generated call.")
    ] = None,
    limit: Limit = None,
    seed: Seed = 0,
    workers: Workers = 2,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    trust_programs: TrustPrograms = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn programs into (program, call, output) traces.

    Example: probe make-traces --source basics --split train --out train.jsonl
    """
    from probe.tasks.traces import make_traces as run

    config = MakeTracesConfig(
        source=source,
        out=out,
        split=split,
        inputs=inputs,
        keep_exceptions=keep_exceptions,
        trace_lines=record_lines,
        max_call_chars=max_call_chars,
        max_output_chars=max_output_chars,
        tokenizer=tokenizer,
        max_call_tokens=max_call_tokens,
        max_output_tokens=max_output_tokens,
        seed=seed,
        limit=limit,
        data=_data(data_dir, accept_unknown_data, trust_programs, workers),
    )
    with display(quiet=quiet) as bars:
        document = run(config, progress=bars)
    show(document, trace_lines(out, document), as_json=as_json)


def grade(
    source: Annotated[str, typer.Option(help="Problem source the samples answer.")],
    samples: Annotated[Path, typer.Option(help='Lines {"task_id": ..., "completion": ...}.')],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    limit: Limit = None,
    workers: Workers = 2,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    trust_programs: TrustPrograms = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score anybody's programs by running their tests in the sandbox.

    Example: probe grade --source mbpp --samples answers.jsonl --out runs/graded
    """
    from probe.tasks.grade_file import grade_file

    config = GradeConfig(
        source=source,
        samples=samples,
        out=out,
        limit=limit,
        data=_data(data_dir, accept_unknown_data, trust_programs, workers),
    )
    with display(quiet=quiet) as bars:
        document = grade_file(config, progress=bars)
    show(document, grading_lines(out, document), as_json=as_json)
