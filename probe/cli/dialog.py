"""``probe evaluate dialog``: models repair their programs from feedback."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from generators.records import Split
from probe.cli.asking import Asking, asks_model
from probe.cli.options import (
    ContextTokens,
    MaxNewTokens,
    Workers,
)
from probe.config import DialogConfig
from probe.tasks.dialog.givers import Giver

__all__ = ["evaluate_dialog"]

_DIALOG = DialogConfig(out=Path())


@asks_model
def evaluate_dialog(
    *,
    out: Annotated[Path, typer.Option(help="Run folder.")],
    source: Annotated[
        str, typer.Option(help="mbpp-sanitized, mbpp, basics, or a file in MBPP's schema.")
    ] = _DIALOG.source,
    split: Annotated[Split, typer.Option(help="Which problems.")] = _DIALOG.split,
    problems: Annotated[int, typer.Option(min=1, help="So many, drawn.")] = _DIALOG.problems,
    turns: Annotated[
        int, typer.Option(min=0, help="At most so many feedbacks a problem.")
    ] = _DIALOG.turns,
    feedback: Annotated[
        Giver, typer.Option(help="Who says what is wrong: see below.")
    ] = _DIALOG.feedback,
    show_expected: Annotated[
        bool, typer.Option(help="Execution feedback says the value that a test wants.")
    ] = _DIALOG.show_expected,
    feedback_model: Annotated[
        str | None, typer.Option(help="Model that gives feedback; else the one that is asked.")
    ] = None,
    recording: Annotated[
        Path | None, typer.Option(help="File of feedback, such as a run's feedback.jsonl.")
    ] = None,
    author: Annotated[
        str, typer.Option(help="What the run calls the person who gives human feedback.")
    ] = _DIALOG.author,
    resample: Annotated[
        bool, typer.Option(help="Also try again without feedback, as often, to compare with.")
    ] = _DIALOG.resample,
    resample_temperature: Annotated[float, typer.Option(min=0.01)] = _DIALOG.resample_temperature,
    max_new_tokens: MaxNewTokens = _DIALOG.max_new_tokens,
    context_tokens: ContextTokens = None,
    workers: Workers = 2,
    asking: Asking,
) -> None:
    """Let a model mend its programs after feedback, beside mere trying again.

    Feedback is one sentence: from the first test that fails (execution), by a model that sees
    program and outcome (model), from a file (recorded), or by you, at the terminal (human).

    Example: probe evaluate dialog --model smollm2-135m --feedback execution --out runs/dialog
    """
    from probe.tasks.dialog.task import evaluate_dialog as evaluate_one

    config = DialogConfig(
        out=out,
        source=source,
        split=split,
        problems=problems,
        turns=turns,
        feedback=feedback,
        show_expected=show_expected,
        feedback_model=feedback_model,
        recording=recording,
        author=author,
        resample=resample,
        resample_temperature=resample_temperature,
        max_new_tokens=max_new_tokens,
        context_tokens=context_tokens,
        **asking.running(workers),
    )
    if feedback is Giver.HUMAN:
        from probe.cli.person import TerminalPerson

        asking = replace(asking, quiet=True)  # bars would stand in the way of the prompt
        asking.run(partial(evaluate_one, person=TerminalPerson()), config)
    else:
        asking.run(evaluate_one, config)
