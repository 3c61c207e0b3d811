"""``probe evaluate synthesis``: models write programs, graded by running the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.errors import UsageError
from generators.records import Split
from probe.cli.asking import ask_and_show
from probe.cli.options import (
    AcceptLicence,
    AcceptUnknown,
    Adapters,
    AnyModel,
    BatchInvarianceItems,
    Concurrency,
    DataDir,
    Device,
    Dtype,
    Json,
    Limit,
    Quiet,
    RequestTimeout,
    Seed,
    TokenBudget,
    TrustPrograms,
    Workers,
)
from probe.config import DataOptions, ModelOptions, SynthesisConfig
from probe.prompts import ChatMode

__all__ = ["evaluate_synthesis"]

_SYNTHESIS = SynthesisConfig(out=Path())


def evaluate_synthesis(
    out: Annotated[Path, typer.Option(help="Run folder.")],
    source: Annotated[
        str, typer.Option(help="mbpp, mbpp-sanitized, basics, or a file in MBPP's schema.")
    ] = _SYNTHESIS.source,
    split: Annotated[Split, typer.Option(help="Which problems.")] = _SYNTHESIS.split,
    model: AnyModel = "smollm2-135m",
    adapter: Adapters = None,
    preset: Annotated[
        str,
        typer.Option(
            help="Protocol: paper (80 samples), greedy-3shot, bigcode-0shot or instruct; the "
            "options below override it."
        ),
    ] = _SYNTHESIS.preset,
    shots: Annotated[
        int | None, typer.Option(min=0, help="So many of the solved examples, the first ones.")
    ] = None,
    shot_ids: Annotated[
        str | None, typer.Option(help="Tasks of the solved examples, such as 2,3,4.")
    ] = None,
    shot_seed: Annotated[
        int | None, typer.Option(help="Draw as many solved examples from the prompt split.")
    ] = None,
    asserts: Annotated[
        int | None,
        typer.Option(min=0, max=3, help="Tests shown; with none, the function's name is."),
    ] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Samples a problem.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="0 is greedy.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    max_new_tokens: Annotated[int | None, typer.Option(min=1)] = None,
    limit: Limit = None,
    batch_invariance_items: BatchInvarianceItems = _SYNTHESIS.batch_invariance_items,
    token_budget: TokenBudget = None,
    chat_template: Annotated[
        ChatMode | None,
        typer.Option(help="model: put prompts into the model's own template; else by preset."),
    ] = None,
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
    """Let a model write programs, and grade them by running their tests in the sandbox.

    Example: probe evaluate synthesis --model smollm2-135m --preset paper --samples 10 --out runs/s
    """
    from probe.tasks.presets import preset_options
    from probe.tasks.synthesis import evaluate_synthesis as evaluate_one

    options = preset_options(
        preset,
        {
            "shot_ids": _numbers(shot_ids),
            "asserts": asserts,
            "samples": samples,
            "temperature": temperature,
            "top_p": top_p,
            "max_new_tokens": max_new_tokens,
            "chat_template": chat_template,
        },
    )
    options["shot_ids"] = options["shot_ids"][:shots]
    if shots is not None and len(options["shot_ids"]) < shots:
        raise UsageError(f"--shots is {shots}; name the tasks of so many with --shot-ids")
    config = SynthesisConfig(
        out=out,
        source=source,
        split=split,
        model=ModelOptions(
            model=model,
            device=device,
            dtype=dtype,
            accept_licence=accept_licence,
            chat_template=options.pop("chat_template", ChatMode.NONE),
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
        preset=preset,
        limit=limit,
        shot_seed=shot_seed,
        batch_invariance_items=batch_invariance_items,
        seed=seed,
        **options,
    )
    ask_and_show(evaluate_one, config, adapter, as_json=as_json, quiet=quiet)


def _numbers(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"--shot-ids is {text!r}; give task numbers such as 2,3,4") from None
