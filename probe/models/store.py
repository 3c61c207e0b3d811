"""Model folders in the cache: written whole or not at all, checked before use.

A folder holds what ``from_pretrained`` reads and ``checksums.json``, which is written last and
lists size and sha256 of every other file. :mod:`probe.models.fetch` builds the folders here;
:mod:`probe.models.load` reads them. How a model is obtained is not known here.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators.errors import DataError, FormatError, ModelError
from generators.jsonl import VERSION, header, sha256_file, write_json
from generators.paths import cache_dir

__all__ = [
    "CHECKSUMS",
    "MODEL_SCHEMA",
    "BrokenModelError",
    "StoredModel",
    "hash_weights",
    "model_folder",
    "open_stored",
    "require_space",
    "save_weights",
    "seal",
    "workshop",
]

MODEL_SCHEMA = "probe.model"
CHECKSUMS = "checksums.json"
WEIGHT_SUFFIXES = (".safetensors", ".bin")
_SCRAP = ".build-"

_seen: dict[Path, tuple[int, int, str]] = {}  # size, time of change and sha256 of hashed files


class BrokenModelError(ModelError):
    """A cached model folder that is not as it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A model folder in the cache that passed its check.

    Attributes:
        folder: What ``from_pretrained`` takes.
        facts: How it was obtained, for the manifest (``name``, ``obtained``, ``origin``, ...).
        weights: File name of each weight file, with its sha256.
    """

    folder: Path
    facts: Mapping[str, Any]
    weights: Mapping[str, str]


def model_folder(name: str, way: str) -> Path:
    """Return where the cache keeps model ``name`` obtained by ``way``."""
    return cache_dir() / "models" / name / way


def _hash(path: Path) -> str:
    """Return a file's sha256, taken once per process while size and time stay the same."""
    stat = path.stat()
    known = _seen.get(path)
    if known is None or known[:2] != (stat.st_size, stat.st_mtime_ns):
        known = (stat.st_size, stat.st_mtime_ns, sha256_file(path))
        _seen[path] = known
    return known[2]


def hash_weights(folder: Path) -> dict[str, str]:
    """Return name and sha256 of each weight file of any model folder."""
    return {path.name: _hash(path) for path in _weight_files(folder)}


def _weight_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in WEIGHT_SUFFIXES)


def seal(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write ``checksums.json`` over all files of a finished folder.

    Raises:
        DataError: A file cannot be read or written.
    """
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        path.chmod(0o644)
        name = path.relative_to(folder).as_posix()
        files[name] = {"size": path.stat().st_size, "sha256": _hash(path)}
    write_json(folder / CHECKSUMS, header(MODEL_SCHEMA, facts=dict(facts), files=files))


def open_stored(folder: Path, *, contents: bool = True) -> StoredModel | None:
    """Check a cached folder and return it, or ``None`` if there is none.

    Sizes are compared each time, contents once per process or when a file's time has changed;
    without ``contents`` not at all, which is quick and enough to list a folder, not to use it.

    Raises:
        BrokenModelError: A file is missing or is not as it was written.
    """
    if not folder.is_dir():
        return None
    try:
        sheet = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        if (sheet["schema"], sheet["version"]) != (MODEL_SCHEMA, VERSION):
            raise FormatError("another version")
        facts, files = dict(sheet["facts"]), dict(sheet["files"])
        for name, record in files.items():
            path = folder / name
            same = path.stat().st_size == record["size"]
            if not same or (contents and _hash(path) != record["sha256"]):
                raise BrokenModelError(f"{path} is not as it was written")
        unnamed = [p.name for p in _weight_files(folder) if p.name not in files]
        if unnamed:
            raise BrokenModelError(f"{folder / CHECKSUMS} does not name {unnamed[0]}")
    except BrokenModelError:
        raise
    except (OSError, ValueError, KeyError, TypeError, DataError) as error:
        raise BrokenModelError(f"{folder} is broken: {error}") from None
    weights = {
        name: str(record["sha256"])
        for name, record in sorted(files.items())
        if Path(name).suffix in WEIGHT_SUFFIXES
    }
    return StoredModel(folder=folder, facts=facts, weights=weights)


def save_weights(model: Any, folder: Path, **options: Any) -> None:
    """Save a model or an adapter with its own ``save_pretrained``.

    Raises:
        OSError: It cannot be written; safetensors has an error of its own for a full disk.
    """
    from safetensors import SafetensorError

    try:
        model.save_pretrained(str(folder), **options)
    except SafetensorError as error:
        raise OSError(str(error)) from None


def require_space(folder: Path, needed: int) -> None:
    """Check that the disk of ``folder`` has room for ``needed`` bytes.

    Raises:
        ModelError: It has not.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"{folder} has {free / 1e9:.1f} GB free and {needed / 1e9:.1f} GB are needed; "
            "make room, or set PROBE_CACHE_DIR to a folder on another disk"
        )


@contextmanager
def workshop(target: Path) -> Iterator[Path]:
    """Give an empty folder whose subfolder ``model`` becomes ``target`` when the block ends well.

    The caller holds the lock of ``target``. Folders that an interrupted process left behind are
    removed. After an exception ``target`` is as it was.

    Raises:
        ModelError: The disk is full, or the cache cannot be written.
    """
    prefix = f"{_SCRAP}{target.name}-"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for scrap in target.parent.glob(f"{prefix}*"):
            shutil.rmtree(scrap, ignore_errors=True)
        bench = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
        try:
            (bench / "model").mkdir()
            yield bench
            if target.exists():
                shutil.rmtree(target)
            (bench / "model").replace(target)
        finally:
            shutil.rmtree(bench, ignore_errors=True)
    except OSError as error:
        reason = error.strerror or error
        raise ModelError(
            f"cannot write the model cache {target.parent}: {reason}; "
            "make room, or set PROBE_CACHE_DIR to another folder"
        ) from None
