"""``probe replay``: ask the model of a run a few of its questions again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.errors import EXIT_DIFFERENCE
from probe.cli.options import (
    AcceptLicence,
    Concurrency,
    Device,
    Dtype,
    Json,
    Quiet,
    RequestTimeout,
    Seed,
    TokenBudget,
)
from probe.config import ModelOptions
from probe.terminal import display, show

__all__ = ["replay"]


def replay(
    run: Annotated[Path, typer.Argument(help="A finished run of probe evaluate.")],
    limit: Annotated[int, typer.Option(min=1, help="Ask so many of its questions.")] = 20,
    at_least: Annotated[
        float, typer.Option(min=0, max=1, help="Exit 1 if fewer of the answers come again.")
    ] = 0.9,
    model: Annotated[
        str, typer.Option(help="Where the model is, if not where the run had it.")
    ] = "",
    adapter: Annotated[
        Path | None, typer.Option(help="The run's LoRA adapter, or the run that trained it.")
    ] = None,
    token_budget: TokenBudget = None,
    concurrency: Concurrency = None,
    request_timeout: RequestTimeout = None,
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    accept_licence: AcceptLicence = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask a run's model some of its questions again, and compare the answers.

    The model and the adapter have to be those of the run, by the hashes in its manifest.

    Example: probe replay reports/smollm2-135m/runs/direct-3-shot --limit 20
    """
    from probe.replay import replay as ask_again
    from probe.replay import replay_lines, replay_options
    from probe.tasks.asking import open_model

    given = ModelOptions(
        model=model,
        device=device,
        dtype=dtype,
        accept_licence=accept_licence,
        token_budget=token_budget,
        concurrency=concurrency,
        request_timeout=request_timeout,
    )
    options = replay_options(run, given)
    with display(quiet=quiet) as bars:
        ask = open_model(options, progress=bars)
        found = ask_again(run, ask, adapter=adapter, limit=limit, seed=seed, progress=bars)
    show(found.to_json(), replay_lines(found), as_json=as_json)
    if found.same_answers.estimate < at_least:
        raise typer.Exit(EXIT_DIFFERENCE)
