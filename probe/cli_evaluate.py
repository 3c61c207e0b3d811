"""The commands that ask models and score their answers: ``probe evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.records import Origin
from probe.cli_steps import evaluate_steps
from probe.config import DataOptions, ExecutionConfig, ModelOptions
from probe.options import (
    AcceptLicence,
    AcceptUnknown,
    AnyModel,
    Chat,
    DataDir,
    Device,
    Dtype,
    Json,
    Limit,
    Quiet,
    Seed,
    Shots,
    ShotSource,
    TrustPrograms,
)
from probe.prompts import ChatMode
from probe.summaries import execution_lines
from probe.terminal import display, show

__all__ = ["evaluate"]

evaluate = typer.Typer(help="Ask a model and score its answers.", no_args_is_help=True)

_EXECUTION = ExecutionConfig(traces=Path(), out=Path())


@evaluate.command("execution")
def evaluate_execution(
    traces: Annotated[Path, typer.Option(help="Trace file of held-out programs.")],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    model: AnyModel = "smollm2-135m",
    adapter: Annotated[
        list[str] | None,
        typer.Option(
            help="LoRA adapter, or the run that trained it. Given several times, with base for "
            "no adapter, each has a run of its own below --out and the model is loaded once."
        ),
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
    baseline_traces: Annotated[
        Path | None, typer.Option(help="Traces that trivial baselines learn from.")
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Else 64, with a scratchpad 768.")
    ] = None,
    batch_invariance_items: Annotated[
        int, typer.Option(min=0, help="Decode so many items once more, alone, and compare.")
    ] = _EXECUTION.batch_invariance_items,
    token_budget: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens held in memory at a time; else as many as fit."),
    ] = None,
    chat_template: Chat = ChatMode.NONE,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Server: requests in flight; else 8.")
    ] = None,
    request_timeout: Annotated[
        float | None, typer.Option(min=1, help="Server: seconds for a request; else 600.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    accept_licence: AcceptLicence = False,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    trust_programs: TrustPrograms = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Let a model predict what calls return, and score it beside trivial baselines.

    Example: probe evaluate execution --traces test.jsonl --adapter runs/tuned --out runs/after
    """
    from probe.tasks.adapters import BASE, evaluate_adapters
    from probe.tasks.execution import evaluate_execution as execution_run

    options = ModelOptions(
        model=model,
        device=device,
        dtype=dtype,
        accept_licence=accept_licence,
        chat_template=chat_template,
        token_budget=token_budget,
        concurrency=concurrency,
        request_timeout=request_timeout,
    )
    config = ExecutionConfig(
        traces=traces,
        out=out,
        model=options,
        data=DataOptions(
            data_dir=data_dir, accept_unknown=accept_unknown_data, trust_programs=trust_programs
        ),
        scratchpad=scratchpad,
        shots=shots,
        shot_source=shot_source,
        origin=origin,
        per_program=per_program,
        limit=limit,
        baseline_traces=baseline_traces,
        max_new_tokens=max_new_tokens,
        batch_invariance_items=batch_invariance_items,
        seed=seed,
    )
    with display(quiet=quiet) as bars:
        found = evaluate_adapters(execution_run, config, adapter or [BASE], progress=bars)
    lines = [line for run, document in found.items() for line in execution_lines(run, document)]
    several = {"runs": {run.name: document for run, document in found.items()}}
    show(several if len(found) > 1 else found[out], lines, as_json=as_json)


evaluate.command("steps")(evaluate_steps)
