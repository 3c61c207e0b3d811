"""The commands that make runs: traces, fine-tuning, evaluation, grading."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from generators.records import Origin, Split
from probe.config import (
    DataOptions,
    ExecutionConfig,
    FinetuneConfig,
    GradeConfig,
    MakeTracesConfig,
    ModelOptions,
)
from probe.options import (
    AcceptLicence,
    AcceptUnknown,
    AnyModel,
    Chat,
    DataDir,
    Device,
    Dtype,
    Json,
    Limit,
    Model,
    Quiet,
    Seed,
    TrustPrograms,
    Workers,
)
from probe.prompts import ChatMode
from probe.summaries import execution_lines, finetune_lines, grading_lines, trace_lines
from probe.terminal import display, show
from probe.training.settings import Decay

__all__ = ["register"]

_evaluate = typer.Typer(help="Ask a model and score its answers.", no_args_is_help=True)

_FINETUNE = FinetuneConfig(traces=Path(), out=Path())
_EXECUTION = ExecutionConfig(traces=Path(), out=Path())
_TRACES = MakeTracesConfig(source="", out=Path())


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("make-traces")(make_traces)
    app.command()(finetune)
    app.add_typer(_evaluate, name="evaluate")
    app.command()(grade)


def _data(
    data_dir: Path | None, accept_unknown: bool, trust_programs: bool, workers: int
) -> DataOptions:
    return DataOptions(
        data_dir=data_dir,
        accept_unknown=accept_unknown,
        trust_programs=trust_programs,
        workers=workers,
    )


def make_traces(
    source: Annotated[str, typer.Option(help="basics, mbpp, mbpp-sanitized or a JSONL file.")],
    out: Annotated[Path, typer.Option(help="Trace file to write.")],
    split: Annotated[Split | None, typer.Option(help="Only this split.")] = None,
    inputs: Annotated[
        int, typer.Option(min=0, help="Generated inputs a program.")
    ] = _TRACES.inputs,
    keep_exceptions: Annotated[
        bool, typer.Option("--keep-exceptions", help="Also traces of calls that raise.")
    ] = False,
    record_lines: Annotated[
        bool, typer.Option("--trace-lines", help="Also each line's turn and what it changed.")
    ] = False,
    max_call_chars: Annotated[
        int, typer.Option(min=1, help="Longest call.")
    ] = _TRACES.max_call_chars,
    max_output_chars: Annotated[
        int, typer.Option(min=1, help="Longest output.")
    ] = _TRACES.max_output_chars,
    tokenizer: Annotated[
        str | None, typer.Option(help="Model whose tokens the next two count.")
    ] = None,
    max_call_tokens: Annotated[int | None, typer.Option(min=1, help="Longest call.")] = None,
    max_output_tokens: Annotated[int | None, typer.Option(min=1, help="Longest output.")] = None,
    limit: Limit = None,
    seed: Seed = 0,
    workers: Workers = 2,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    trust_programs: TrustPrograms = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn programs into (program, call, output) traces.

    Example: probe make-traces --source basics --split train --out train.jsonl
    """
    from probe.tasks.traces import make_traces as run

    config = MakeTracesConfig(
        source=source,
        out=out,
        split=split,
        inputs=inputs,
        keep_exceptions=keep_exceptions,
        trace_lines=record_lines,
        max_call_chars=max_call_chars,
        max_output_chars=max_output_chars,
        tokenizer=tokenizer,
        max_call_tokens=max_call_tokens,
        max_output_tokens=max_output_tokens,
        seed=seed,
        limit=limit,
        data=_data(data_dir, accept_unknown_data, trust_programs, workers),
    )
    with display(quiet=quiet) as bars:
        document = run(config, progress=bars)
    show(document, trace_lines(out, document), as_json=as_json)


def finetune(
    traces: Annotated[Path, typer.Option(help="Trace file to learn from.")],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    validation_traces: Annotated[
        Path | None, typer.Option(help="Held-out traces; else a tenth of the programs.")
    ] = None,
    model: Model = "smollm2-135m",
    limit: Limit = None,
    per_program: Annotated[
        int | None, typer.Option(min=1, help="At most so many traces a program.")
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
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a LoRA adapter to predict outputs.

    Example: probe finetune --traces train.jsonl --model smollm2-135m --out runs/tuned
    """
    from probe.training.launched import is_main_process
    from probe.training.run import finetune_run, preview_items

    config = FinetuneConfig(
        traces=traces,
        out=out,
        validation_traces=validation_traces,
        model=ModelOptions(
            model=model,
            device=device,
            dtype=dtype,
            accept_licence=accept_licence,
            chat_template=chat_template,
        ),
        limit=limit,
        per_program=per_program,
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


@_evaluate.command("execution")
def evaluate_execution(
    traces: Annotated[Path, typer.Option(help="Trace file of held-out programs.")],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    model: AnyModel = "smollm2-135m",
    adapter: Annotated[
        Path | None, typer.Option(help="LoRA adapter, or the run that trained it.")
    ] = None,
    shots: Annotated[
        int, typer.Option(min=0, max=3, help="Solved examples in the prompt.")
    ] = _EXECUTION.shots,
    shot_source: Annotated[
        str | None, typer.Option(help="Source of the examples; else that of the traces.")
    ] = None,
    origin: Annotated[Origin | None, typer.Option(help="Only calls of this origin.")] = None,
    per_program: Annotated[
        int | None, typer.Option(min=1, help="At most so many items a program.")
    ] = None,
    limit: Limit = None,
    baseline_traces: Annotated[
        Path | None, typer.Option(help="Traces that trivial baselines learn from.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1)] = _EXECUTION.max_new_tokens,
    chat_template: Chat = ChatMode.NONE,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Server: requests in flight; else 8.")
    ] = None,
    request_timeout: Annotated[
        float | None, typer.Option(min=1, help="Server: seconds for a request; else 600.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    accept_licence: AcceptLicence = False,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Let a model predict what calls return, and score it beside trivial baselines.

    Example: probe evaluate execution --traces test.jsonl --adapter runs/tuned --out runs/after
    """
    from probe.tasks.asking import make_generator
    from probe.tasks.execution import evaluate_execution as run

    options = ModelOptions(
        model=model,
        adapter=adapter,
        device=device,
        dtype=dtype,
        accept_licence=accept_licence,
        chat_template=chat_template,
        concurrency=concurrency,
        request_timeout=request_timeout,
    )
    config = ExecutionConfig(
        traces=traces,
        out=out,
        model=options,
        data=DataOptions(data_dir=data_dir, accept_unknown=accept_unknown_data),
        shots=shots,
        shot_source=shot_source,
        origin=origin,
        per_program=per_program,
        limit=limit,
        baseline_traces=baseline_traces,
        max_new_tokens=max_new_tokens,
        seed=seed,
    )
    with display(quiet=quiet) as bars:
        document = run(config, lambda: make_generator(options, progress=bars), progress=bars)
    show(document, execution_lines(out, document), as_json=as_json)


def grade(
    source: Annotated[str, typer.Option(help="Problem source the samples answer.")],
    samples: Annotated[Path, typer.Option(help='Lines {"task_id": ..., "completion": ...}.')],
    out: Annotated[Path, typer.Option(help="Run folder.")],
    limit: Limit = None,
    workers: Workers = 2,
    data_dir: DataDir = None,
    accept_unknown_data: AcceptUnknown = False,
    trust_programs: TrustPrograms = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score anybody's programs by running their tests in the sandbox.

    Example: probe grade --source mbpp --samples answers.jsonl --out runs/graded
    """
    from probe.tasks.grade_file import grade_file

    config = GradeConfig(
        source=source,
        samples=samples,
        out=out,
        limit=limit,
        data=_data(data_dir, accept_unknown_data, trust_programs, workers),
    )
    with display(quiet=quiet) as bars:
        document = grade_file(config, progress=bars)
    show(document, grading_lines(out, document), as_json=as_json)
