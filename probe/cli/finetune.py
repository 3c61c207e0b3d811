"""The command that trains: ``probe finetune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.records import Origin
from probe.cli.options import (
    AcceptLicence,
    AcceptUnknown,
    Chat,
    DataDir,
    Device,
    Dtype,
    Json,
    Limit,
    Model,
    Quiet,
    Seed,
    Shots,
    ShotSource,
    TrustPrograms,
)
from probe.config import DataOptions, FinetuneConfig, FinetuneTask, ModelOptions
from probe.prompts import EXECUTION, ChatMode, known_contents
from probe.summaries import finetune_lines
from probe.tasks.held_out import Setting
from probe.tasks.mathqa.prompts import Target
from probe.terminal import display, show
from probe.training.settings import Decay

__all__ = ["finetune"]

_FINETUNE = FinetuneConfig(out=Path())


def finetune(
    out: Annotated[Path, typer.Option(help="Run folder.")],
    traces: Annotated[
        Path | None, typer.Option(help="Trace file to learn from, for --task execution.")
    ] = None,
    task: Annotated[
        FinetuneTask,
        typer.Option(help="Predict what calls return, write programs, or solve word problems."),
    ] = _FINETUNE.task,
    source: Annotated[
        str, typer.Option(help="Problems whose training split is learned, for --task synthesis.")
    ] = _FINETUNE.source,
    asserts: Annotated[
        int, typer.Option(min=0, max=3, help="Tests that prompts of --task synthesis show.")
    ] = _FINETUNE.asserts,
    target: Annotated[
        Target, typer.Option(help="What --task mathqa writes: Python programs or formulas.")
    ] = _FINETUNE.target,
    without_test_copies: Annotated[
        bool,
        typer.Option(
            "--without-test-copies", help="--task mathqa: leave out near-copies of test problems."
        ),
    ] = False,
    validation_traces: Annotated[
        Path | None, typer.Option(help="Held-out traces; else a tenth of the programs.")
    ] = None,
    validation_items: Annotated[
        int, typer.Option(min=1, help="At most so many held-out traces.")
    ] = _FINETUNE.validation_items,
    model: Model = "smollm2-135m",
    scratchpad: Annotated[
        bool, typer.Option("--scratchpad", help="Learn to write the run before the result.")
    ] = False,
    shots: Shots = _FINETUNE.shots,
    shot_source: ShotSource = None,
    limit: Limit = None,
    per_program: Annotated[
        int | None, typer.Option(min=1, help="At most so many traces a program.")
    ] = None,
    origin: Annotated[Origin | None, typer.Option(help="Only calls of this origin.")] = None,
    content: Annotated[
        list[str] | None,
        typer.Option(
            help="What the prompts show; given several times, each trace is learned in each: "
            f"{', '.join(EXECUTION)}, or all. Else code."
        ),
    ] = None,
    setting: Annotated[
        list[Setting] | None,
        typer.Option(
            help="Tests shown where the content has tests: two (L, the usual) or one (R)."
        ),
    ] = None,
    prompts_per_trace: Annotated[
        int | None, typer.Option(min=1, help="Draw so many of a trace's prompts; else all.")
    ] = None,
    epochs: Annotated[float, typer.Option(min=0)] = _FINETUNE.epochs,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many.")] = None,
    items_per_step: Annotated[
        int, typer.Option(min=1, help="Batch size of a step.")
    ] = _FINETUNE.items_per_step,
    learning_rate: Annotated[float, typer.Option(min=0)] = _FINETUNE.learning_rate,
    schedule: Annotated[
        Decay, typer.Option(help="Learning rate after the warm-up.")
    ] = _FINETUNE.decay,
    warmup_fraction: Annotated[
        float, typer.Option(min=0, max=0.99, help="Part of the steps with a rising rate.")
    ] = _FINETUNE.warmup_fraction,
    weight_decay: Annotated[float, typer.Option(min=0)] = _FINETUNE.weight_decay,
    max_grad_norm: Annotated[
        float, typer.Option(min=0, help="Clip gradients to this norm.")
    ] = _FINETUNE.max_grad_norm,
    rank: Annotated[int, typer.Option(min=1, help="LoRA rank.")] = _FINETUNE.rank,
    alpha: Annotated[int, typer.Option(min=1, help="LoRA alpha.")] = _FINETUNE.alpha,
    dropout: Annotated[float, typer.Option(min=0, max=0.99)] = _FINETUNE.dropout,
    targets: Annotated[
        str, typer.Option(help="Layers with LoRA: all-linear, or a regular expression.")
    ] = _FINETUNE.targets,
    eval_every: Annotated[
        int, typer.Option(min=1, help="Steps between validations.")
    ] = _FINETUNE.eval_every,
    save_every: Annotated[
        int, typer.Option(min=1, help="Steps between checkpoints.")
    ] = _FINETUNE.save_every,
    early_stopping_patience: Annotated[
        int | None,
        typer.Option(min=1, help="Validations without a lower loss before the run stops."),
    ] = None,
    row_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens of a forward pass; bounds the memory.")
    ] = _FINETUNE.row_tokens,
    max_length: Annotated[
        int, typer.Option(min=2, help="Items of more tokens are left out.")
    ] = _FINETUNE.max_length,
    mixed_precision: Annotated[
        str | None, typer.Option(help="no, bf16 or fp16; else as accelerate was launched.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show tokens and loss mask of three items, stop.")
    ] = False,
    chat_template: Chat = ChatMode.NONE,
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
    """Train a LoRA adapter to predict outputs, write programs, or solve word problems.

    Example: probe finetune --traces train.jsonl --model smollm2-135m --out runs/tuned
    """
    from probe.training.launched import is_main_process
    from probe.training.run import finetune_run, preview_items

    config = FinetuneConfig(
        out=out,
        task=task,
        traces=traces,
        source=source,
        asserts=asserts,
        target=target,
        without_test_copies=without_test_copies,
        validation_traces=validation_traces,
        validation_items=validation_items,
        model=ModelOptions(
            model=model,
            device=device,
            dtype=dtype,
            accept_licence=accept_licence,
            chat_template=chat_template,
        ),
        data=DataOptions(
            data_dir=data_dir, accept_unknown=accept_unknown_data, trust_programs=trust_programs
        ),
        scratchpad=scratchpad,
        shots=shots,
        shot_source=shot_source,
        limit=limit,
        per_program=per_program,
        origin=origin,
        contents=known_contents(content) or _FINETUNE.contents,
        settings=tuple(setting or _FINETUNE.settings),
        prompts_per_trace=prompts_per_trace,
        epochs=epochs,
        max_steps=max_steps,
        items_per_step=items_per_step,
        learning_rate=learning_rate,
        decay=schedule,
        warmup_fraction=warmup_fraction,
        weight_decay=weight_decay,
        max_grad_norm=max_grad_norm,
        rank=rank,
        alpha=alpha,
        dropout=dropout,
        targets=targets,
        eval_every=eval_every,
        save_every=save_every,
        early_stopping_patience=early_stopping_patience,
        row_tokens=row_tokens,
        max_length=max_length,
        mixed_precision=mixed_precision,
        seed=seed,
    )
    prints = is_main_process()
    with display(quiet=quiet or not prints) as bars:
        if preview:
            text = preview_items(config, progress=bars)
            show({"preview": text}, [text], as_json=as_json)
            return
        document = finetune_run(config, progress=bars)
    if prints:
        show(document, finetune_lines(out, document), as_json=as_json)
