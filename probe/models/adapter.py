"""A LoRA adapter in PEFT's own format onto the base model that it was trained on.

Called by :mod:`probe.models.load`. Adapters are written by :mod:`probe.training`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generators.errors import ModelError, first_line
from generators.jsonl import sha256_file
from probe.checksums import check_files
from probe.models.quiet import quiet_transformers

__all__ = ["ADAPTER_FOLDER", "attach_adapter", "find_adapter"]

_LOG = logging.getLogger(__name__)
ADAPTER_FOLDER = "adapter"
_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"


def find_adapter(path: Path) -> Path:
    """Return the adapter folder: ``path`` itself, or ``adapter/`` inside a run folder.

    Raises:
        ModelError: Neither holds an adapter.
    """
    for folder in (path, path / ADAPTER_FOLDER):
        if (folder / _CONFIG).is_file() and (folder / _WEIGHTS).is_file():
            return folder
    raise ModelError(
        f"no adapter in {path}: expected {_CONFIG} and {_WEIGHTS} there or in "
        f"{path / ADAPTER_FOLDER}"
    )


def attach_adapter(
    model: Any, path: Path, *, base_name: str, weights: Mapping[str, str]
) -> tuple[Any, dict[str, Any]]:
    """Return the model with the adapter on it, and the adapter's facts for the manifest.

    The base is checked three ways: by its weights, where the adapter lies in a run folder whose
    manifest names them; by name, which gives a warning only, since names are free; by structure.

    Args:
        model: The base model.
        path: Adapter or run folder.
        base_name: Name of the base model.
        weights: sha256 of the base model's weight files.

    Raises:
        ModelError: There is no adapter, it is broken, or it was trained on another model.
        RunError: It lies in a run, and was changed since.
    """
    folder = find_adapter(path)
    check_files(folder.parent, below=True)
    _check_weights(folder, base_name, weights)
    trained_on = _declared_base(folder)
    if trained_on and Path(trained_on).name != Path(base_name).name:
        _LOG.warning("the adapter %s names %s as its base, not %s", path, trained_on, base_name)
    attached = _attach(model, folder)
    facts: dict[str, Any] = {
        "name": path.resolve().name,
        "sha256": sha256_file(folder / _WEIGHTS),
    }
    prompts = _training(folder).get("prompts")
    return attached, facts | (
        {"prompts": sorted(prompts)} if isinstance(prompts, dict) and prompts else {}
    )


def _training(folder: Path) -> dict[str, Any]:
    """Return the identity of the run that an adapter lies in; empty if it lies in none."""
    try:
        manifest = json.loads((folder.parent / "manifest.json").read_text(encoding="utf-8"))
        return dict(manifest["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _declared_base(folder: Path) -> str | None:
    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        base = config.get("base_model_name_or_path") or None
        if not isinstance(base, str | None):
            raise TypeError("base_model_name_or_path is no text")
        return base
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ModelError(f"{folder / _CONFIG} is broken: {error}") from None


def _check_weights(folder: Path, base_name: str, weights: Mapping[str, str]) -> None:
    """Compare the base model's weights with those that the run's manifest names."""
    try:
        model = _training(folder)["model"]
        trained_on = model["weights"]
    except (KeyError, TypeError):
        return
    if trained_on != dict(weights):
        raise ModelError(
            f"the adapter in {folder.parent} was trained on other weights than those of "
            f"{base_name} here: on {model.get('name')}, obtained by {model.get('obtained')}"
        )


def _attach(model: Any, folder: Path) -> Any:
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    try:
        with safe_open(folder / _WEIGHTS, framework="pt") as stored:
            names = set(stored.keys())
        with quiet_transformers():
            attached = PeftModel.from_pretrained(model, folder, is_trainable=False)
    except Exception as error:  # peft, safetensors and torch each have their own
        raise ModelError(
            f"cannot put the adapter {folder} on this model: {first_line(error)}"
        ) from None
    # "auto" would ask the hub about the base model's vocabulary
    expected = get_peft_model_state_dict(attached, save_embedding_layers=False)
    if set(expected) != names:
        raise ModelError(f"the adapter {folder} was made for a model of another structure")
    return attached
