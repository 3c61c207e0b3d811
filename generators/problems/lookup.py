"""Where the file of a problem source is on this machine.

Called by :mod:`generators.problems.sources`, which describes the order of the places. Nothing
is read or fetched here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from generators.errors import DataError
from generators.paths import cache_dir
from generators.problems.basics import basics_path
from generators.problems.registry import SourceInfo, known_names, known_sources, source_info

__all__ = [
    "Location",
    "Supply",
    "cached_path",
    "data_folder",
    "folder_path",
    "is_path",
    "list_sources",
    "locate",
]


class Supply(StrEnum):
    """The place that supplied a source."""

    EMBEDDED = "embedded"
    FOLDER = "folder"
    CACHE = "cache"
    HUB = "hub"
    HOME = "home page"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A file of problems on this machine, and which place it is in."""

    supply: Supply
    path: Path


def locate(name: str, data_dir: Path | None = None) -> Location | None:
    """Find the file of a source.

    Args:
        name: Name of a source, or the path of a user's own file.
        data_dir: The data folder; ``None`` for that of ``PROBE_DATA_DIR``, if any.

    Returns:
        The place, or ``None`` where only the hub is left.

    Raises:
        DataError: No such source, file or data folder.
    """
    if is_path(name):
        path = Path(name).expanduser()
        if not path.exists():
            raise DataError(f"cannot read {name}: no such file")
        return Location(supply=Supply.FILE, path=path)
    info = source_info(name)
    if info.embedded:
        return Location(supply=Supply.EMBEDDED, path=basics_path())
    in_folder = folder_path(info, data_dir)
    if in_folder is not None:
        return Location(supply=Supply.FOLDER, path=in_folder)
    cached = cached_path(info)
    return Location(supply=Supply.CACHE, path=cached) if cached.is_file() else None


def list_sources(data_dir: Path | None = None) -> list[dict[str, Any]]:
    """Say for each source of programs where it would come from, without reading or fetching it.

    Returns:
        Per source ``name, description, licence, homepage, supply, path``; ``supply`` is
        ``hub`` and ``path`` is ``None`` where the file is not on this machine.

    Raises:
        DataError: No such data folder.
    """
    rows = []
    for info in known_sources():
        location = locate(info.name, data_dir)
        rows.append(
            {
                "name": info.name,
                "description": info.description,
                "licence": info.licence,
                "homepage": info.homepage,
                "supply": location.supply.value if location else Supply.HUB.value,
                "path": str(location.path) if location else None,
            }
        )
    return rows


def is_path(name: str) -> bool:
    """Tell whether a source is given as a path: no known name, and one by its look, or a file."""
    if name in known_names():
        return False
    path = Path(name)
    return path.suffix in {".json", ".jsonl"} or path.name != name or path.is_file()


def cached_path(info: SourceInfo) -> Path:
    """Return where the user's cache keeps a source."""
    return cache_dir() / "data" / info.file


def data_folder(data_dir: Path | None) -> Path | None:
    """Return the data folder: the one given, else that of ``PROBE_DATA_DIR``, else ``None``.

    Raises:
        DataError: It does not exist.
    """
    named = data_dir or os.environ.get("PROBE_DATA_DIR")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise DataError(f"no data folder at {folder}: correct --data-dir or PROBE_DATA_DIR")
    return folder


def folder_path(info: SourceInfo, data_dir: Path | None) -> Path | None:
    """Return the source's file in the data folder: ``mbpp/<file>``, else ``<file>``, else ``None``.

    Raises:
        DataError: The data folder does not exist.
    """
    folder = data_folder(data_dir)
    if folder is None:
        return None
    candidates = (folder / "mbpp" / info.file, folder / info.file)
    return next((path for path in candidates if path.is_file()), None)
