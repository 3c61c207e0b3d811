"""The command that asks about steps: ``probe evaluate steps``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli.asking import ask_and_show
from probe.cli.options import (
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
    Quiet,
    RequestTimeout,
    Seed,
    Shots,
    ShotSource,
    TokenBudget,
    TrustPrograms,
)
from probe.config import DataOptions, ModelOptions, StepsConfig
from probe.prompts import ChatMode
from probe.step_prompts import StepKind

__all__ = ["evaluate_steps"]

_STEPS = StepsConfig(traces=Path(), out=Path())


def evaluate_steps(
    traces: Annotated[
        Path,
        typer.Option(
            help="Trace file of held-out programs, made with --trace-lines; for raising also with "
            "--keep-exceptions."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    model: AnyModel = "smollm2-135m",
    adapter: Adapters = None,
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
    batch_invariance_items: BatchInvarianceItems = _STEPS.batch_invariance_items,
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
    trust_programs: TrustPrograms = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask a model about the way that calls take through their programs, not only about the end.

    --limit counts questions of a kind.

    Example: probe evaluate steps --traces test.jsonl --kind branch --kind variable --out runs/steps
    """
    from probe.tasks.steps.task import evaluate_steps as steps_run

    config = StepsConfig(
        traces=traces,
        out=out,
        model=ModelOptions(
            model=model,
            device=device,
            dtype=dtype,
            accept_licence=accept_licence,
            chat_template=chat_template,
            token_budget=token_budget,
            concurrency=concurrency,
            request_timeout=request_timeout,
        ),
        data=DataOptions(
            data_dir=data_dir, accept_unknown=accept_unknown_data, trust_programs=trust_programs
        ),
        kinds=tuple(kind or ()),
        shots=shots,
        shot_source=shot_source,
        per_program=per_program,
        limit=limit,
        max_new_tokens=max_new_tokens,
        batch_invariance_items=batch_invariance_items,
        seed=seed,
    )
    ask_and_show(steps_run, config, adapter, as_json=as_json, quiet=quiet)
