"""The commands about changed programs: ``make-variants`` and ``evaluate counterfactual``."""

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
    MaxNewTokens,
    Quiet,
    RequestTimeout,
    Seed,
    Shots,
    ShotSource,
    TokenBudget,
    TrustPrograms,
    Workers,
)
from probe.config import CounterfactualConfig, DataOptions, MakeVariantsConfig, ModelOptions
from probe.prompts import ChatMode
from probe.summaries import variant_lines
from probe.terminal import display, show

__all__ = ["evaluate_counterfactual", "make_variants"]

_VARIANTS = MakeVariantsConfig(traces=Path(), out=Path())
_EVALUATE = CounterfactualConfig(variants=Path(), out=Path())


def make_variants(
    traces: Annotated[Path, typer.Option(help="Trace file whose programs are changed.")],
    out: Annotated[Path, typer.Option(help="File of variants to write.")],
    calls: Annotated[int, typer.Option(min=1, help="Calls of each program.")] = _VARIANTS.calls,
    per_kind: Annotated[
        int, typer.Option(min=1, help="Variants of each kind for a call, at most.")
    ] = _VARIANTS.per_kind,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first programs.")] = None,
    seed: Seed = 0,
    workers: Workers = 2,
    trust_programs: TrustPrograms = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Change programs so that they mean the same, or something else, and run them.

    Example: probe make-variants --traces test.jsonl --out variants.jsonl
    """
    from probe.tasks.counterfactual import make_variants as run

    config = MakeVariantsConfig(
        traces=traces,
        out=out,
        calls=calls,
        per_kind=per_kind,
        seed=seed,
        limit=limit,
        data=DataOptions(workers=workers, trust_programs=trust_programs),
    )
    with display(quiet=quiet) as bars:
        document = run(config, progress=bars)
    show(document, variant_lines(out, document), as_json=as_json)


def evaluate_counterfactual(
    variants: Annotated[Path, typer.Option(help="File of variants, of held-out programs.")],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    model: AnyModel = "smollm2-135m",
    adapter: Adapters = None,
    shots: Shots = _EVALUATE.shots,
    shot_source: ShotSource = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many calls, each with its variants.")
    ] = None,
    max_new_tokens: MaxNewTokens = _EVALUATE.max_new_tokens,
    batch_invariance_items: BatchInvarianceItems = _EVALUATE.batch_invariance_items,
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
    """Ask what changed programs return: does the model read, or remember the original?

    Example: probe evaluate counterfactual --variants variants.jsonl --out runs/counterfactual
    """
    from probe.tasks.counterfactual import evaluate_counterfactual as run

    config = CounterfactualConfig(
        variants=variants,
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
        data=DataOptions(data_dir=data_dir, accept_unknown=accept_unknown_data),
        shots=shots,
        shot_source=shot_source,
        limit=limit,
        max_new_tokens=max_new_tokens,
        batch_invariance_items=batch_invariance_items,
        seed=seed,
    )
    ask_and_show(run, config, adapter, as_json=as_json, quiet=quiet)
