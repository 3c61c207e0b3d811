"""``probe evaluate dialog``: models repair their programs from feedback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.records import Split
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
    TokenBudget,
    TrustPrograms,
    Workers,
)
from probe.config import DataOptions, DialogConfig, ModelOptions
from probe.prompts import ChatMode
from probe.tasks.dialog.givers import Giver

__all__ = ["evaluate_dialog"]

_DIALOG = DialogConfig(out=Path())


def evaluate_dialog(
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
    resample: Annotated[
        bool, typer.Option(help="Also try again without feedback, as often, to compare with.")
    ] = _DIALOG.resample,
    resample_temperature: Annotated[float, typer.Option(min=0.01)] = _DIALOG.resample_temperature,
    model: AnyModel = "smollm2-135m",
    adapter: Adapters = None,
    max_new_tokens: MaxNewTokens = _DIALOG.max_new_tokens,
    batch_invariance_items: BatchInvarianceItems = _DIALOG.batch_invariance_items,
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
    """Let a model mend its programs after feedback, beside mere trying again.

    Feedback is one sentence: from the first test that fails (execution), by a model that sees
    program and outcome (model), or from a file (recorded).

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
        resample=resample,
        resample_temperature=resample_temperature,
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
        max_new_tokens=max_new_tokens,
        batch_invariance_items=batch_invariance_items,
        seed=seed,
    )
    ask_and_show(evaluate_one, config, adapter, as_json=as_json, quiet=quiet)
