"""``probe evaluate mathqa``: models solve word problems by writing programs or formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.problems.mathqa.records import MathSplit
from generators.tolerance import Tolerance
from probe.cli.asking import Asking, asks_model
from probe.cli.options import (
    Limit,
    MaxNewTokens,
    Workers,
)
from probe.config import MathConfig
from probe.tasks.mathqa.prompts import Target

__all__ = ["evaluate_mathqa"]

_MATH = MathConfig(out=Path())


@asks_model
def evaluate_mathqa(
    *,
    out: Annotated[Path, typer.Option(help="Run folder.")],
    split: Annotated[
        MathSplit, typer.Option(help="Which problems; dev stands for validation.")
    ] = _MATH.split,
    target: Annotated[
        Target, typer.Option(help="What is written: a Python program, or MathQA's own formula.")
    ] = _MATH.target,
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
    workers: Workers = 2,
    asking: Asking,
) -> None:
    """Let a model solve word problems of MathQA-Python, and grade the numbers that come out.

    Example: probe evaluate mathqa --model smollm2-135m --limit 200 --out runs/math
    """
    from probe.tasks.mathqa.task import evaluate_mathqa as evaluate_one

    config = MathConfig(
        out=out,
        split=split,
        target=target,
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
        **asking.running(workers),
    )
    asking.run(evaluate_one, config)
