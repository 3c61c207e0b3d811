"""``probe finetune``: from trace files to a run folder with an adapter in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from generators import jsonl
from generators.progress import Progress
from probe.config import FinetuneConfig
from probe.models.endpoint import refuse_server
from probe.prompts import ChatMode, ChatTemplate
from probe.runs import RunWriter
from probe.training.dataset import Example, examples_sha256, preview
from probe.training.examples import make_examples
from probe.training.launched import launched_precision
from probe.training.processes import start_processes
from probe.training.results import LOG, LOG_SCHEMA, finetune_results
from probe.training.settings import FinetuneSettings

if TYPE_CHECKING:
    from probe.models.load import LoadedModel

__all__ = ["NO_TRAINING", "finetune_run", "preview_items"]

NO_TRAINING = (
    "training needs the weights on this machine; give a catalog name, a local folder or a hub id"
)


def finetune_run(config: FinetuneConfig, *, progress: Progress | None = None) -> dict[str, Any]:
    """Train an adapter (or go on training it) and return the results document.

    Raises:
        ProbeError: An input cannot be used, the model cannot be had or trained, or
            ``config.out`` holds another run.
    """
    from probe.training.finetune import finetune

    examples = make_examples(config)
    settings = _settings(config)
    settings.check()
    processes = start_processes(settings.mixed_precision, settings.device)
    load, identity, chat = _loader(config, progress, device=processes.device)
    train, validation = (_in_template(part, chat) for part in (examples.train, examples.validation))
    document = {
        "verb": "finetune",
        "config": {
            **{name: value for name, value in settings.identity().items() if name != "model"},
            **chat.to_json(),
            "task": str(config.task),
            **examples.config,
            "processes": processes.count,
        },
        "inputs": {
            **examples.inputs,
            "train": {"examples": len(train), "sha256": examples_sha256(train)},
            "validation": {"examples": len(validation), "sha256": examples_sha256(validation)},
        },
        "prompts": examples.prompts,
        "model": identity,
    }

    def train_all() -> dict[str, Any]:
        finetune(settings, train, validation, load=load, progress=progress, processes=processes)
        log = config.out / LOG
        head = jsonl.read_header(log, LOG_SCHEMA)
        return finetune_results(head["run"], [row for _, row in jsonl.read(log, LOG_SCHEMA)])

    if not processes.is_main:
        return train_all()
    with RunWriter(config.out, document) as run:
        return run.finish(train_all())


def preview_items(config: FinetuneConfig, *, progress: Progress | None = None) -> str:
    """Return three training items as tokens, the learned ones marked.

    Raises:
        ProbeError: An input cannot be used, or the model cannot be had.
    """
    train = make_examples(config).train
    load, _, chat = _loader(config, progress)
    return preview(_in_template(train, chat), load())


def _settings(config: FinetuneConfig) -> FinetuneSettings:
    return FinetuneSettings(
        model=config.model.model,
        out=config.out,
        rank=config.rank,
        alpha=config.alpha,
        dropout=config.dropout,
        targets=config.targets,
        learning_rate=config.learning_rate,
        decay=config.decay,
        warmup_fraction=config.warmup_fraction,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        epochs=config.epochs,
        max_steps=config.max_steps,
        items_per_step=config.items_per_step,
        row_tokens=config.row_tokens,
        max_length=config.max_length,
        seed=config.seed,
        eval_every=config.eval_every,
        save_every=config.save_every,
        early_stopping_patience=config.early_stopping_patience,
        device=config.model.device,
        dtype=config.model.dtype,
        mixed_precision=config.mixed_precision or launched_precision(),
        accept_licence=config.model.accept_licence,
    )


def _loader(
    config: FinetuneConfig, progress: Progress | None, *, device: str | None = None
) -> tuple[Callable[[], LoadedModel], dict[str, Any], ChatTemplate]:
    """Return what supplies a fresh base model, the model's identity, and its chat template.

    The model that was loaded to learn the identity is handed out first.
    """
    from probe.models.chat import model_template
    from probe.models.load import load_model

    refuse_server(config.model.model, NO_TRAINING)

    def fresh() -> LoadedModel:
        return load_model(
            config.model.model,
            device=device or config.model.device,
            dtype=config.model.dtype,
            accept_licence=config.model.accept_licence,
            progress=progress,
        )

    ready = [fresh()]
    chat = model_template(config.model.chat_template, ready[0].tokenizer, ready[0].name)
    return (lambda: ready.pop() if ready else fresh()), ready[0].identity, chat


def _in_template(examples: Sequence[Example], chat: ChatTemplate) -> list[Example]:
    """Put examples into a chat template: the reply to learn is the answer alone, then EOS."""
    if chat.mode is ChatMode.NONE:
        return list(examples)
    return [
        replace(example, prompt=chat.render(example.prompt), target=example.target.strip())
        for example in examples
    ]
