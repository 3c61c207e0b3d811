"""The commands that ask models and score their answers: ``probe evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.records import Origin
from probe.config import DataOptions, ExecutionConfig, ModelOptions
from probe.options import (
    AcceptLicence,
    AcceptUnknown,
    Adapters,
    AnyModel,
    BatchInvarianceItems,
    Chat,
    Concurrency,
    DataDir,
    Device,
    Dtype,
    Json,
    Limit,
    MaxNewTokens,
    Quiet,
    RequestTimeout,
    Seed,
    Shots,
    ShotSource,
    TokenBudget,
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
    adapter: Adapters = None,
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
    max_new_tokens: MaxNewTokens = _EXECUTION.max_new_tokens,
    batch_invariance_items: BatchInvarianceItems = _EXECUTION.batch_invariance_items,
    token_budget: TokenBudget = None,
    chat_template: Chat = ChatMode.NONE,
    concurrency: Concurrency = None,
    request_timeout: RequestTimeout = None,
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    accept_licence: AcceptLicence = False,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Let a model predict what calls return, and score it beside trivial baselines.

    Example: probe evaluate execution --traces test.jsonl --adapter runs/tuned --out runs/after
    """
    from probe.tasks.adapters import BASE, evaluate_adapters

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
        data=DataOptions(data_dir=data_dir, accept_unknown=accept_unknown_data),
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
        found = evaluate_adapters(config, adapter or [BASE], progress=bars)
    lines = [line for run, document in found.items() for line in execution_lines(run, document)]
    several = {"runs": {run.name: document for run, document in found.items()}}
    show(several if len(found) > 1 else found[out], lines, as_json=as_json)
