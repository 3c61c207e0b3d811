"""``probe evaluate synthesis``: models write programs, graded by running the tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from generators.errors import UsageError
from generators.records import Split
from probe.cli.asking import Asking, asks_model
from probe.cli.options import (
    Limit,
    Workers,
)
from probe.config import SynthesisConfig
from probe.prompts import ChatMode

__all__ = ["evaluate_synthesis"]

_SYNTHESIS = SynthesisConfig(out=Path())


@asks_model
def evaluate_synthesis(
    *,
    out: Annotated[Path, typer.Option(help="Run folder.")],
    source: Annotated[
        str, typer.Option(help="mbpp, mbpp-sanitized, basics, or a file in MBPP's schema.")
    ] = _SYNTHESIS.source,
    split: Annotated[Split, typer.Option(help="Which problems.")] = _SYNTHESIS.split,
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
    task_ids: Annotated[
        str | None, typer.Option(help="Only these problems, such as 11,12; else all of the split.")
    ] = None,
    limit: Limit = None,
    chat_template: Annotated[
        ChatMode | None,
        typer.Option(help="model: put prompts into the model's own template; else by preset."),
    ] = None,
    workers: Workers = 2,
    asking: Asking,
) -> None:
    """Let a model write programs, and grade them by running their tests in the sandbox.

    Example: probe evaluate synthesis --model smollm2-135m --preset paper --samples 10 --out runs/s
    """
    from probe.tasks.presets import preset_options
    from probe.tasks.synthesis import evaluate_synthesis as evaluate_one

    options = preset_options(
        preset,
        {
            "shot_ids": _numbers("--shot-ids", shot_ids),
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
    common = asking.running(workers)
    chat = options.pop("chat_template", ChatMode.NONE)
    common["model"] = replace(common["model"], chat_template=chat)
    config = SynthesisConfig(
        out=out,
        source=source,
        split=split,
        preset=preset,
        task_ids=_numbers("--task-ids", task_ids),
        limit=limit,
        shot_seed=shot_seed,
        **common,
        **options,
    )
    asking.run(evaluate_one, config)


def _numbers(option: str, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"{option} is {text!r}; give task numbers such as 2,3,4") from None
