"""``probe evaluate mathqa``: models solve word problems by writing programs or formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.problems.mathqa.records import MathSplit
from generators.tolerance import Tolerance
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
    MaxNewTokens,
    Quiet,
    RequestTimeout,
    Seed,
    TokenBudget,
    TrustPrograms,
    Workers,
)
from probe.config import DataOptions, MathConfig, ModelOptions
from probe.prompts import ChatMode
from probe.tasks.mathqa.prompts import Target

__all__ = ["evaluate_mathqa"]

_MATH = MathConfig(out=Path())


def evaluate_mathqa(
    out: Annotated[Path, typer.Option(help="Run folder.")],
    split: Annotated[
        MathSplit, typer.Option(help="Which problems; dev stands for validation.")
    ] = _MATH.split,
    target: Annotated[
        Target, typer.Option(help="What is written: a Python program, or MathQA's own formula.")
    ] = _MATH.target,
    model: AnyModel = "smollm2-135m",
    adapter: Adapters = None,
    shots: Annotated[
        int, typer.Option(min=0, help="Solved examples in the prompt, near-copies of no question.")
    ] = _MATH.shots,
    shot_ids: Annotated[
        str | None, typer.Option(help="These instead, such as dev/0,dev/7.")
    ] = None,
    tolerance: Annotated[
        Tolerance, typer.Option(help="When a number is right; scores by the others stand beside.")
    ] = _MATH.tolerance,
    samples: Annotated[int, typer.Option(min=1, help="Samples a problem.")] = _MATH.samples,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = _MATH.temperature,
    top_p: Annotated[float, typer.Option(min=0, max=1)] = _MATH.top_p,
    max_new_tokens: MaxNewTokens = _MATH.max_new_tokens,
    limit: Limit = None,
    batch_invariance_items: BatchInvarianceItems = _MATH.batch_invariance_items,
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
    workers: Workers = 2,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Let a model solve word problems of MathQA-Python, and grade the numbers that come out.

    Example: probe evaluate mathqa --model smollm2-135m --limit 200 --out runs/math
    """
    from probe.tasks.mathqa.task import evaluate_mathqa as evaluate_one

    config = MathConfig(
        out=out,
        split=split,
        target=target,
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
            data_dir=data_dir,
            accept_unknown=accept_unknown_data,
            trust_programs=trust_programs,
            workers=workers,
        ),
        shots=shots,
        shot_ids=(
            None
            if shot_ids is None
            else tuple(name.strip() for name in shot_ids.split(",") if name.strip())
        ),
        tolerance=tolerance,
        samples=samples,
        temperature=temperature,
        top_p=top_p,
        max_new_tokens=max_new_tokens,
        limit=limit,
        batch_invariance_items=batch_invariance_items,
        seed=seed,
    )
    ask_and_show(evaluate_one, config, adapter, as_json=as_json, quiet=quiet)
