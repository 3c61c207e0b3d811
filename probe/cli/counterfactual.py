"""The commands about changed programs: ``make-variants`` and ``evaluate counterfactual``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probe.cli.asking import Asking, asks_model
from probe.cli.options import (
    Json,
    MaxNewTokens,
    Quiet,
    Seed,
    Shots,
    ShotSource,
    TrustPrograms,
    Workers,
)
from probe.config import CounterfactualConfig, DataOptions, MakeVariantsConfig
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


@asks_model
def evaluate_counterfactual(
    *,
    variants: Annotated[Path, typer.Option(help="File of variants, of held-out programs.")],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    shots: Shots = _EVALUATE.shots,
    shot_source: ShotSource = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many calls, each with its variants.")
    ] = None,
    max_new_tokens: MaxNewTokens = _EVALUATE.max_new_tokens,
    asking: Asking,
) -> None:
    """Ask what changed programs return: does the model read, or remember the original?

    Example: probe evaluate counterfactual --variants variants.jsonl --out runs/counterfactual
    """
    from probe.tasks.counterfactual import evaluate_counterfactual as run

    config = CounterfactualConfig(
        variants=variants,
        out=out,
        shots=shots,
        shot_source=shot_source,
        limit=limit,
        max_new_tokens=max_new_tokens,
        **asking.common,
    )
    asking.run(run, config)
