"""LoRA fine-tuning on (prompt, target) examples, resumable and reproducible.

``probe finetune`` and ``probe quickstart`` call :func:`finetune`. The training loop is plain
torch; accelerate carries several processes and mixed precision. The loss of an optimiser step is
the mean over all supervised tokens of the step's items, whatever the rows that they are packed
into. Data order, learning rate and dropout are functions of the seed and the number of the step,
so a run that is killed and started again ends with the same adapter as one that was left alone.
Making examples out of traces is the business of the tasks, measuring answers that of the
evaluation.
"""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generators import jsonl
from generators.errors import DataError, RunError, UsageError, unwritable
from generators.progress import Progress, Quiet
from probe.training.adapter import (
    WEIGHTS,
    compare_logits,
    load_adapter,
    make_adapter,
    probe_logits,
    save_adapter,
)
from probe.training.checkpoint import RunLog, remove_checkpoint
from probe.training.dataset import (
    Example,
    Item,
    check_disjoint,
    encode,
    examples_sha256,
    preview,
)
from probe.training.forward import check_packing
from probe.training.lora import fused_lora
from probe.training.processes import Processes, start_processes
from probe.training.results import finetune_results
from probe.training.settings import FinetuneResult, FinetuneSettings
from probe.training.trainer import Trainer

if TYPE_CHECKING:
    from torch import Tensor

    from probe.models.load import LoadedModel

__all__ = ["finetune"]

_PACKAGES = ("peft", "torch", "transformers")
_PROBED_ITEMS = 3


def finetune(
    settings: FinetuneSettings,
    train: Sequence[Example],
    validation: Sequence[Example],
    *,
    load: Callable[[], LoadedModel] | None = None,
    progress: Progress | None = None,
    processes: Processes | None = None,
) -> FinetuneResult:
    """Fine-tune a model with LoRA and save the adapter, or continue a run that was interrupted.

    Writes into ``settings.out``: ``adapter/`` in PEFT's format (after everything else went well),
    ``log.jsonl`` (one row per step and per measurement of the validation loss), ``preview.txt``
    (three items as tokens, the learned ones apart) and, while the run lasts, ``checkpoint/``. A
    run that is already finished is not repeated: its result is returned. Where a launcher has
    started several processes, all of them call this, the main one writes, and all return the
    result.

    Args:
        settings: What to do; see :class:`FinetuneSettings`.
        train: Examples to learn.
        validation: Examples of other programs; may be empty without early stopping.
        load: Supplies the base model, once for the training and once, without the adapter, for
            the comparison after saving. Default: ``load_model`` with the settings' model, device,
            dtype and licence. The model it returns is left as it was.
        progress: Display of steps and validation.
        processes: The processes of the run, if they are started already.

    Raises:
        UsageError: A setting makes no sense.
        DataError: A set is empty or broken, the two share a program, or a file cannot be written.
        ModelError: The model cannot be loaded or trained, or its loss is no longer finite, or
            the saved adapter does not reproduce the trained model.
        RunError: ``settings.out`` holds another run, or a broken checkpoint.
    """
    settings.check()
    _check_examples(settings, train, validation)
    processes = processes or start_processes(settings.mixed_precision, settings.device)
    load = load or _loader(settings, processes)
    run = _Run(settings=settings, processes=processes, progress=progress or Quiet())
    trained = _train(run, train, validation, load())
    if isinstance(trained, FinetuneResult):
        return trained
    if processes.is_main:
        gc.collect()  # the model is let go before it is loaded once more
        _keep(settings, trained, load())
    processes.wait()
    if not processes.is_main:
        trained.log.reread()
    return _result(trained.log)


def _keep(settings: FinetuneSettings, trained: _Trained, fresh: LoadedModel) -> None:
    """Compare the saved adapter with the trained one, put it in place and end the log."""
    tuned = load_adapter(fresh.model, trained.folder)
    try:
        difference = compare_logits(trained.logits, probe_logits(tuned, trained.items))
    finally:
        tuned.unload()
    adapter = _put_in_place(trained.folder, settings.out / "adapter")
    trained.log.append(
        "done",
        step=trained.log.rows("train")[-1]["step"],
        kept_step=trained.kept_step,
        dropped_train=trained.dropped_train,
        dropped_validation=trained.dropped_validation,
        adapter_sha256=jsonl.sha256_file(adapter / WEIGHTS),
        reload_max_difference=difference,
    )
    remove_checkpoint(settings.out)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What a run is carried out with."""

    settings: FinetuneSettings
    processes: Processes
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trained:
    """What remains of the training once the model is let go."""

    log: RunLog
    folder: Path
    kept_step: int
    items: Sequence[Item]
    logits: list[Tensor]
    dropped_train: int
    dropped_validation: int


def _loader(settings: FinetuneSettings, processes: Processes) -> Callable[[], LoadedModel]:
    from probe.models.load import load_model

    return partial(
        load_model,
        settings.model,
        device=processes.device or settings.device,
        dtype=settings.dtype,
        accept_licence=settings.accept_licence,
    )


def _check_examples(
    settings: FinetuneSettings, train: Sequence[Example], validation: Sequence[Example]
) -> None:
    if not train:
        raise DataError("there are no training examples")
    if not validation and settings.early_stopping_patience is not None:
        raise UsageError("early stopping needs validation examples")
    check_disjoint(train, validation)


def _train(
    run: _Run, train: Sequence[Example], validation: Sequence[Example], loaded: LoadedModel
) -> _Trained | FinetuneResult:
    """Train and write the adapter beside its final place; a finished run's result as it is."""
    settings, processes = run.settings, run.processes
    identity = _identity(run, train, validation, loaded)
    with processes.main_first():
        log = RunLog(settings.out, identity, writes=processes.is_main)
    if log.rows("done"):
        return _finished(settings, _result(log))
    length = settings.max_length
    learn = encode(train, loaded, max_length=length, name="training")
    held_out = encode(validation, loaded, max_length=length, name="validation")
    if processes.is_main:
        with jsonl.atomic_writer(settings.out / "preview.txt") as stream:
            stream.write(preview(train, loaded))
    model = make_adapter(loaded.model, settings)
    try:
        model.eval()
        check_packing(model, _few(learn.items))
        with nullcontext() if processes.mixed else fused_lora(model):
            trainer = Trainer(model, learn.items, held_out.items, settings, log, processes)
            kept_step = trainer.run(run.progress)
        folder = settings.out / ".adapter.partial"
        if processes.is_main:
            save_adapter(model, folder)
        probed = (held_out.items or learn.items)[:_PROBED_ITEMS]
        return _Trained(
            log=log,
            folder=folder,
            kept_step=kept_step,
            items=probed,
            logits=probe_logits(model, probed),
            dropped_train=learn.dropped,
            dropped_validation=held_out.dropped,
        )
    finally:
        model.unload()


def _identity(
    run: _Run, train: Sequence[Example], validation: Sequence[Example], loaded: LoadedModel
) -> dict[str, Any]:
    """Return what makes two runs the same, as it will read back from JSON."""
    identity = {
        **run.settings.identity(),
        "processes": run.processes.count,
        "device": loaded.device,
        "dtype": loaded.dtype,
        "base": loaded.identity,
        "train_sha256": examples_sha256(train),
        "validation_sha256": examples_sha256(validation),
        "packages": {name: version(name) for name in _PACKAGES},
    }
    value: dict[str, Any] = json.loads(jsonl.canonical_json(identity))
    return value


def _few(items: Sequence[Item]) -> list[Item]:
    """Return up to two items of each of up to two programs."""
    groups = list(dict.fromkeys(item.group for item in items))[:2]
    return [item for g in groups for item in [i for i in items if i.group == g][:2]]


def _finished(settings: FinetuneSettings, result: FinetuneResult) -> FinetuneResult:
    weights = settings.out / "adapter" / WEIGHTS
    if not weights.exists() or jsonl.sha256_file(weights) != result.adapter_sha256:
        raise RunError(
            f"the run in {settings.out} is finished, but {weights} is not what it saved; "
            "delete the folder to run it again"
        )
    return result


def _put_in_place(partial_folder: Path, folder: Path) -> Path:
    try:
        shutil.rmtree(folder, ignore_errors=True)
        partial_folder.replace(folder)
    except OSError as error:
        raise unwritable(folder, error) from None
    return folder


def _result(log: RunLog) -> FinetuneResult:
    return FinetuneResult.from_results(finetune_results(log.run, log.rows()))
