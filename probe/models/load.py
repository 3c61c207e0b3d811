"""From what a user typed to a model on a device, and the facts about it that a manifest keeps.

Called by the tasks, the training and the command line. Finding and fetching the model is in
:mod:`probe.models.locate`, adapters in :mod:`probe.models.adapter`, generation in
:mod:`probe.models.generate`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generators.errors import ModelError, first_line
from generators.progress import Progress, Quiet
from probe.models.adapter import attach_adapter
from probe.models.catalog import Via
from probe.models.fetch import cached_folder
from probe.models.locate import LocatedModel, locate_model
from probe.models.quiet import quiet_transformers
from probe.models.tokens import TokenizerAhead, read_tokenizer

if TYPE_CHECKING:
    import torch

__all__ = ["LoadedModel", "choose_device", "choose_dtype", "load_model", "with_adapter"]

_LOG = logging.getLogger(__name__)
_DTYPES = ("float32", "float16", "bfloat16", "float64")
_DEVICES = ("cuda", "mps", "cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A causal language model in evaluation mode with its tokenizer.

    Attributes:
        model: The torch module; a ``PeftModel`` when there is an adapter.
        tokenizer: Its tokenizer.
        device: ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        dtype: Precision of the weights, such as ``float32``.
        name: Short name for reports: catalog name, hub id or folder name.
        identity: What a manifest keeps: ``spec``, ``name``, ``obtained``, ``origin``,
            ``weights`` (sha256 by file), ``adapter`` (or ``None``), ``parameters``, ``dtype``,
            ``device``, ``end_tokens``, ``context_length``.
        end_ids: Tokens that end an answer.
        context_length: Most positions the model was made for; ``None`` if it does not say.
    """

    model: Any
    tokenizer: Any
    device: str
    dtype: str
    name: str
    identity: dict[str, Any]
    end_ids: frozenset[int]
    context_length: int | None

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a prompt, with the model's start token exactly once.

        The start token is added where the tokenizer does so by itself and the text does not
        begin with it already (as a rendered chat template does). An end token that the tokenizer
        would append is left out: a prompt goes on.
        """
        start, end = self.tokenizer.bos_token, self.tokenizer.eos_token
        add = not (start and text.startswith(start))
        ids: list[int] = self.tokenizer(text, add_special_tokens=add, verbose=False)["input_ids"]
        if add and ids and ids[-1] == self.tokenizer.eos_token_id and not text.endswith(end):
            ids = ids[:-1]
        return ids


def load_model(
    spec: str,
    *,
    adapter: Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    accept_licence: bool = False,
    via: Via = Via.AUTO,
    progress: Progress | None = None,
) -> LoadedModel:
    """Load a model, fetching it first if need be.

    Args:
        spec: A catalog name, a local folder with a ``config.json``, or a hub id ``org/name``.
        adapter: A PEFT adapter folder, or a fine-tuning run folder that holds ``adapter/``.
        device: ``auto`` (cuda, else mps, else cpu) or a torch device.
        dtype: ``auto`` (cuda: bfloat16 where supported, else float16; mps: float16; cpu:
            float32) or a torch dtype name.
        accept_licence: The user accepts the terms of a model that asks for it.
        via: Which way a catalog model is obtained the first time.
        progress: Display of downloads and loading.

    Raises:
        ModelError: The model is unknown, cannot be had or read, or does not fit the adapter.
    """
    import torch

    shown = progress or Quiet()
    place = choose_device(device)
    precision = choose_dtype(dtype, place)
    with TokenizerAhead(cached_folder(spec, via)) as ahead:
        found = locate_model(spec, via=via, accept_licence=accept_licence, progress=shown)
    shown.start(f"loading {found.name}", None)
    tokenizer = ahead.tokenizer(found.folder) or read_tokenizer(found.folder, found.name)
    model = _read(found, getattr(torch, precision))
    model = _place(model, place, found.name).eval()
    shown.finish()
    end_ids = _end_ids(model, tokenizer, found.end_tokens)
    context = _context_length(model, tokenizer)
    identity: dict[str, Any] = {
        "spec": spec,
        "name": found.name,
        "obtained": found.obtained,
        "origin": dict(found.origin),
        "weights": dict(found.weights),
        "adapter": None,
        "parameters": found.parameters or model.num_parameters(),
        "dtype": precision,
        "device": place,
        "end_tokens": sorted(tokenizer.convert_ids_to_tokens(sorted(end_ids))),
        "context_length": context,
    }
    loaded = LoadedModel(
        model=model,
        tokenizer=tokenizer,
        device=place,
        dtype=precision,
        name=found.name,
        identity=identity,
        end_ids=end_ids,
        context_length=context,
    )
    return loaded if adapter is None else with_adapter(loaded, adapter)


def with_adapter(base: LoadedModel, adapter: Path) -> LoadedModel:
    """Put an adapter on a model that is loaded; ``.model.unload()`` of the result takes it off.

    Args:
        base: The model, without an adapter. Its layers are changed in place.
        adapter: A PEFT adapter folder, or a fine-tuning run folder that holds ``adapter/``.

    Raises:
        ModelError: There is no adapter, or it does not fit the model.
    """
    model, facts = attach_adapter(
        base.model, adapter, base_name=base.model.name_or_path, weights=base.identity["weights"]
    )
    tuned = _place(model, base.device, base.name).eval()
    return replace(base, model=tuned, identity=base.identity | {"adapter": facts})


def choose_device(wanted: str = "auto") -> str:
    """Return the torch device to use.

    Raises:
        ModelError: The device named is unknown or not there.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next((kind for kind, present in there.items() if present), "cpu")
    kind, _, number = wanted.partition(":")
    if kind not in _DEVICES or (number and not (kind == "cuda" and number.isdigit())):
        raise ModelError(f"unknown device {wanted!r}; use auto, {', '.join(_DEVICES)} or cuda:N")
    if not there.get(kind, True) or (number and int(number) >= torch.cuda.device_count()):
        raise ModelError(f"there is no device {wanted!r} on this machine; use auto or cpu")
    return wanted


def choose_dtype(wanted: str, device: str) -> str:
    """Return the name of the torch dtype to use on ``device``.

    Raises:
        ModelError: The dtype named is unknown.
    """
    import torch

    if wanted != "auto":
        if wanted not in _DTYPES:
            raise ModelError(f"unknown dtype {wanted!r}; use auto, {', '.join(_DTYPES)}")
        return wanted
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "float16" if device == "mps" else "float32"


def _read(found: LocatedModel, dtype: torch.dtype) -> Any:
    """Read a model from its folder; nothing is fetched and no foreign code runs."""
    from transformers import AutoModelForCausalLM

    try:
        with quiet_transformers():
            model = AutoModelForCausalLM.from_pretrained(
                found.folder, dtype=dtype, local_files_only=True
            )
    except Exception as error:  # transformers and safetensors each have their own
        raise ModelError(f"cannot load the model {found.name}: {first_line(error)}") from None
    # What an adapter trained on this model will name as its base: never a path of this machine.
    model.config._name_or_path = model.name_or_path = found.base_name
    return model


def _place(model: Any, device: str, name: str) -> Any:
    import torch

    try:
        return model.to(device)
    except torch.OutOfMemoryError:
        raise ModelError(
            f"{name} does not fit into the memory of {device}; use another device or dtype"
        ) from None


def _end_ids(model: Any, tokenizer: Any, extra: tuple[str, ...]) -> frozenset[int]:
    """Return all tokens after which an answer is over."""
    declared = model.generation_config.eos_token_id
    ids = set(declared if isinstance(declared, list) else [declared])
    ids |= {tokenizer.eos_token_id, *tokenizer.convert_tokens_to_ids(list(extra))}
    return frozenset(identifier for identifier in ids if identifier is not None)


def _context_length(model: Any, tokenizer: Any) -> int | None:
    config = model.config.get_text_config(decoder=True)
    length = getattr(config, "max_position_embeddings", None)
    if length is None and tokenizer.model_max_length < 1_000_000:
        length = tokenizer.model_max_length
    return None if length is None else int(length)
