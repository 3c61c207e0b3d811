"""Where a model is: catalog name, local folder or hub id become a folder on this disk.

Called by :mod:`probe.models.load` and :mod:`probe.models.tokens`; needs no torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators.errors import ModelError
from generators.progress import Progress
from probe.models.catalog import CATALOG, Via, find_entry
from probe.models.endpoint import is_server, without_secrets
from probe.models.fetch import fetch_model
from probe.models.hub import snapshot
from probe.models.store import hash_weights

__all__ = ["LocatedModel", "locate_model"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedModel:
    """A model folder on disk and where it came from.

    ``parameters`` is the catalog's count, with tied weights once, also where a quantised file
    holds them twice; ``None`` for other models.
    """

    folder: Path
    name: str
    base_name: str
    obtained: str
    origin: Mapping[str, Any]
    weights: Mapping[str, str]
    end_tokens: tuple[str, ...] = ()
    parameters: int | None = None


def locate_model(spec: str, *, via: Via, accept_licence: bool, progress: Progress) -> LocatedModel:
    """Bring the model of ``spec`` onto the disk.

    Args:
        spec: A catalog name, a local folder with a ``config.json``, or a hub id ``org/name``.
        via: Which way a catalog model is obtained the first time.
        accept_licence: The user accepts the terms of a model that asks for it.
        progress: Display of downloads.

    Raises:
        ModelError: The model is unknown or cannot be had.
    """
    names = [entry.name for entry in CATALOG]
    if spec in names:
        entry = find_entry(spec)
        stored = fetch_model(spec, via=via, accept_licence=accept_licence, progress=progress)
        return LocatedModel(
            folder=stored.folder,
            name=spec,
            base_name=entry.hub_id,
            obtained=stored.facts["obtained"],
            origin=stored.facts["origin"],
            weights=stored.weights,
            end_tokens=entry.end_tokens,
            parameters=entry.parameters,
        )
    folder = Path(spec).expanduser()
    if spec and folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(f"{spec} is no model folder: it has no config.json")
        name = folder.resolve().name
        return LocatedModel(
            folder=folder,
            name=name,
            base_name=name,
            obtained="folder",
            origin={},
            weights=hash_weights(folder),
        )
    if _HUB_ID.fullmatch(spec):
        place, commit = snapshot(spec, folder=None, progress=progress)
        return LocatedModel(
            folder=place,
            name=spec,
            base_name=spec,
            obtained="hub",
            origin={"repository": spec, "revision": commit},
            weights=hash_weights(place),
        )
    shown = without_secrets(spec)
    what = f"{shown} is a server, not a model" if is_server(spec) else f"unknown model {shown!r}"
    raise ModelError(
        f"{what}; give a catalog name ({', '.join(names)}), a local folder with "
        "a config.json, or a hub id like org/name"
    )
