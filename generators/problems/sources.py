"""Problem sources by name or path: looking them up, checking them, fetching them.

Called by the commands that need programs, and by ``probe data list|show|fetch``. A named source
is looked for in this order, and the first place that has the file is used:

1. ``basics``: inside the installation.
2. the data folder (``--data-dir``, else ``PROBE_DATA_DIR``), as ``mbpp/<file>`` or ``<file>``;
3. the user's cache (:func:`generators.paths.cache_dir`);
4. the public hub at a pinned revision, from where the file goes into the cache.

The first place that has a file decides: its content is checked by a hash, and content that is
no listed version is refused; no later place stands in for it. A data folder without the file is
passed over; where it was given by option, the log warns. A path is a user's own file: it is read
as it is and never called known.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators import jsonl
from generators.calls import entry_point
from generators.errors import (
    ChecksumError,
    DataError,
    FormatError,
    SourceUnavailableError,
    UsageError,
)
from generators.problems import hub, mbpp
from generators.problems.basics import basics_path
from generators.problems.lookup import (
    Location,
    Supply,
    cached_path,
    folder_path,
    is_path,
    list_sources,
    locate,
)
from generators.problems.registry import (
    HUB_REPOSITORY,
    SourceInfo,
    known_sources,
    source_info,
)
from generators.records import Problem, Split

__all__ = [
    "Location",
    "Source",
    "SourceInfo",
    "Supply",
    "describe",
    "fetch_source",
    "known_sources",
    "list_sources",
    "load_source",
    "locate",
]

_LOG = logging.getLogger(__name__)
_NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Problems, and where they came from.

    Attributes:
        name: Name of the source; the file name for a user's own file.
        problems: Sorted by ``task_id``.
        supply: The place that had them.
        path: The file that was read.
        sha256: Hash of that file's bytes.
        content_sha256: Hash of the canonical content, the same for every format of a version.
        known: Whether the content is a listed version of the named source.
        licence: SPDX identifier, or ``not stated``.
    """

    name: str
    problems: tuple[Problem, ...]
    supply: Supply
    path: str
    sha256: str
    content_sha256: str
    known: bool
    licence: str

    def split(self, split: Split) -> tuple[Problem, ...]:
        """Return the problems of one split, sorted by ``task_id``."""
        return tuple(problem for problem in self.problems if problem.split is split)

    def identity(self) -> dict[str, Any]:
        """Return what is the same wherever the same content was found."""
        return {
            "name": self.name,
            "content_sha256": self.content_sha256,
            "known": self.known,
            "licence": self.licence,
        }

    def manifest(self) -> dict[str, Any]:
        """Return everything but the problems, with the path as a file name only."""
        return {
            **self.identity(),
            "supply": self.supply.value,
            "file": Path(self.path).name,
            "sha256": self.sha256,
        }


def load_source(
    name_or_path: str, *, data_dir: Path | None = None, accept_unknown: bool = False
) -> Source:
    """Look up, read and check a source.

    Args:
        name_or_path: ``basics``, ``mbpp``, ``mbpp-sanitized``, or the path of a file in MBPP's
            schema. A path needs no known content.
        data_dir: The data folder; ``None`` for that of ``PROBE_DATA_DIR``, if any.
        accept_unknown: Take content that is not a listed version; it stays ``known=False``.

    Raises:
        DataError: No such source, or a file that cannot be read.
        FormatError: A broken line or field.
        ChecksumError: Unknown content.
        SourceUnavailableError: None of the places has the source.
    """
    location = locate(name_or_path, data_dir)
    if location is None:
        path = _fetch_from_hub(source_info(name_or_path), accept_unknown=accept_unknown)
        location = Location(supply=Supply.HUB, path=path)
    if data_dir is not None and location.supply in {Supply.CACHE, Supply.HUB}:
        _LOG.warning("%s has no %s: using the %s", data_dir, location.path.name, location.supply)
    source = _read(name_or_path, location, accept_unknown=accept_unknown)
    _LOG.info("%s: %d problems from %s", source.name, len(source.problems), location.path)
    return source


def _read(name: str, location: Location, *, accept_unknown: bool) -> Source:
    path = location.path
    if location.supply is Supply.FILE:
        problems = mbpp.read_problems(path, source=path.name)
        content, known, licence = mbpp.content_sha256(problems), False, _NOT_STATED
    else:
        info = source_info(name)
        try:
            problems = mbpp.read_problems(path, source=name, split=info.split)
        except FormatError as error:
            if location.supply is not Supply.CACHE:
                raise
            raise ChecksumError(f"broken cache: {error}; run `probe data fetch {name}`") from None
        content, licence = mbpp.content_sha256(problems), info.licence
        known = content in info.contents
        if not (known or accept_unknown):
            raise _unknown_content(name, str(path), content, location.supply)
    return Source(
        name=problems[0].source,
        problems=problems,
        supply=location.supply,
        path=str(path),
        sha256=jsonl.sha256_file(path),
        content_sha256=content,
        known=known,
        licence=licence,
    )


def _unknown_content(name: str, where: str, content: str, supply: Supply) -> ChecksumError:
    advice = {
        Supply.EMBEDDED: "reinstall execution-probe",
        Supply.CACHE: f"run `probe data fetch {name}`",
    }.get(supply, "use a published copy")
    return ChecksumError(
        f"{where}: content sha256 {content} is not a known version of {name}: "
        f"{advice}, or pass --accept-unknown-data"
    )


def fetch_source(name: str, *, data_dir: Path | None = None, accept_unknown: bool = False) -> Path:
    """Put a named source into the cache, from the data folder if it has it, else the hub.

    A good file that is there already is kept; a broken or unknown one is replaced.

    Returns:
        The file's path: in the cache, or inside the installation for ``basics``.

    Raises:
        UsageError: ``name`` is a path.
        DataError: No such source, or the cache cannot be written.
        ChecksumError: What was found is not a listed version.
        SourceUnavailableError: Neither the data folder nor the hub has it.
    """
    if is_path(name):
        raise UsageError(f"{name} is a file already: only named sources are fetched")
    info = source_info(name)
    if info.embedded:
        return basics_path()
    in_folder = folder_path(info, data_dir)
    target = cached_path(info)
    if target.is_file():
        try:
            _read(name, Location(supply=Supply.CACHE, path=target), accept_unknown=False)
        except DataError as error:
            _LOG.warning("replacing %s: %s", target, error)
        else:
            return target
    if in_folder is not None:
        place = Location(supply=Supply.FOLDER, path=in_folder)
        _read(name, place, accept_unknown=accept_unknown)
        with jsonl.atomic_writer(target) as stream:
            stream.write(in_folder.read_bytes().decode())
        return target
    return _fetch_from_hub(info, accept_unknown=accept_unknown)


def _fetch_from_hub(info: SourceInfo, *, accept_unknown: bool) -> Path:
    """Download, check, and only then write into the cache."""
    origin = f"{HUB_REPOSITORY}/{info.hub_folder} on the hub"
    _LOG.info("fetching %s from %s", info.name, origin)
    target = cached_path(info)
    try:
        rows = hub.fetch_rows(info.hub_folder)
    except SourceUnavailableError as error:
        raise SourceUnavailableError(
            f"{info.name} cannot be had: give a folder that holds mbpp/{info.file} by --data-dir "
            f"or PROBE_DATA_DIR, or fill the cache ({target.parent}) with "
            f"`probe data fetch {info.name}`, or let the hub ({HUB_REPOSITORY}) be reached: {error}"
        ) from error
    located = ((f"{origin}, row {number}", row) for number, row in enumerate(rows))
    problems = mbpp.parse_rows(located, source=info.name, split=info.split, where=origin)
    content = mbpp.content_sha256(problems)
    if content not in info.contents and not accept_unknown:
        raise _unknown_content(info.name, origin, content, Supply.HUB)
    with jsonl.atomic_writer(target) as stream:
        stream.write(hub.published_text(info.hub_folder, rows))
    return target


def describe(
    name_or_path: str,
    *,
    data_dir: Path | None = None,
    accept_unknown: bool = False,
    first: int = 3,
    split: Split | None = None,
) -> dict[str, Any]:
    """Load a source and say what is in it, as a plain JSON object.

    Returns:
        :meth:`Source.manifest`, and ``path``, ``version`` (of a known content, else ``None``),
        ``problems`` (count), ``splits`` (count per split) and ``first``: the ``first`` problems
        (of ``split``, if given) as ``task_id, split, entry_point, text, tests`` (count).

    Raises:
        DataError: As :func:`load_source`.
    """
    source = load_source(name_or_path, data_dir=data_dir, accept_unknown=accept_unknown)
    counts = Counter(problem.split for problem in source.problems)
    contents = source_info(source.name).contents if source.known else {}
    shown = source.problems if split is None else source.split(split)
    return {
        **source.manifest(),
        "path": source.path,
        "version": contents.get(source.content_sha256),
        "problems": len(source.problems),
        "splits": {one.value: counts[one] for one in Split},
        "first": [
            {
                "task_id": problem.task_id,
                "split": problem.split.value,
                "entry_point": entry_point(problem.test_list),
                "text": problem.text,
                "tests": len(problem.test_list),
            }
            for problem in shown[:first]
        ],
    }
