"""The LoRA adapter: made from a seed, saved in PEFT's format, loaded again and compared.

Called by :mod:`probe.training.finetune`. A saved adapter loads with plain
``PeftModel.from_pretrained(base, folder)``.
"""

from __future__ import annotations

import random
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from generators.errors import ModelError, unwritable
from probe.models.store import save_weights
from probe.training.dataset import Item
from probe.training.forward import plain_logits
from probe.training.settings import FinetuneSettings

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor, nn

__all__ = [
    "WEIGHTS",
    "compare_logits",
    "load_adapter",
    "make_adapter",
    "probe_logits",
    "save_adapter",
    "seed_everything",
    "trainable",
]

WEIGHTS = "adapter_model.safetensors"
_MAX_DIFFERENCE = 1e-5


@contextmanager
def _peft_calls() -> Iterator[None]:
    """Silence the one warning that PEFT 0.21 sets off in transformers 5.23 on every model.

    PEFT reads ``is_gradient_checkpointing``, which transformers has renamed
    (https://github.com/huggingface/peft, ``PeftModel.__init__``).
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield


def seed_everything(seed: int) -> None:
    """Seed torch (all devices), numpy and ``random``."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def make_adapter(model: nn.Module, settings: FinetuneSettings) -> PeftModel:
    """Put LoRA layers with freshly drawn weights into a model, in place.

    Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models"; initial weights
    are PEFT's default (A uniform, B zero), so the tuned model starts equal to the base model.

    Args:
        model: The base model; its own weights are frozen.
        settings: Rank, scale, dropout, targets and seed.

    Raises:
        ModelError: ``targets`` matches no layer of the model.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.targets,
    )
    seed_everything(settings.seed)
    try:
        with _peft_calls():
            return get_peft_model(model, config)
    except ValueError as error:
        raise ModelError(f"no LoRA on targets {settings.targets!r}: {error}") from error


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that are trained, by name."""
    return {name: value for name, value in model.named_parameters() if value.requires_grad}


def save_adapter(model: PeftModel, folder: Path) -> None:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors`` into a new folder.

    Args:
        model: The tuned model.
        folder: Replaced when it exists.

    Raises:
        DataError: The folder cannot be written.
    """
    try:
        shutil.rmtree(folder, ignore_errors=True)
        save_weights(model, folder, save_embedding_layers=False)  # else it asks the hub
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's unfilled model card
    except OSError as error:
        raise unwritable(folder, error) from None


def load_adapter(model: nn.Module, folder: Path) -> PeftModel:
    """Put a saved adapter onto a fresh base model, as any user of PEFT would."""
    from peft import PeftModel

    with _peft_calls():
        loaded: PeftModel = PeftModel.from_pretrained(model, str(folder))
    return loaded


def probe_logits(model: nn.Module, items: Sequence[Item]) -> list[Tensor]:
    """Return the logits at the targets of a few items, on the CPU."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        logits = [plain_logits(model, item).cpu() for item in items]
    model.train(was_training)
    return logits


def compare_logits(tuned: Sequence[Tensor], reloaded: Sequence[Tensor]) -> float:
    """Return the largest absolute difference of two lists of logits.

    Raises:
        ModelError: It is above 1e-5: the saved adapter is not the trained one.
    """
    pairs = zip(tuned, reloaded, strict=True)
    difference = float(torch.stack([(a - b).abs().max() for a, b in pairs]).max())
    if not difference <= _MAX_DIFFERENCE:
        raise ModelError(
            f"the reloaded adapter gives other logits than the trained one (by {difference:.3g}); "
            "nothing was saved"
        )
    return difference
