"""A run folder: manifest, append-only samples, results at the end; resume and completion.

    RUN/manifest.json    what the run is (written first)
    RUN/samples.jsonl    one line per item, appended as items are done
    RUN/results.json     derived from the samples alone; a run that has it is finished
    RUN/cost.json        what making it took (:mod:`probe.cost`)
    RUN/checksums.txt    sha256 of each file of the folder, as ``sha256sum`` checks it; comes last

Called by every verb that makes a run, and by ``report`` and ``verify`` to read one. A folder
belongs to one identity (see :mod:`probe.manifest`) and, while it is written, to one process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from generators import jsonl
from generators.differences import first_difference
from generators.errors import FormatError, ProbeError, RunError, unwritable
from generators.locks import is_scrap, locked, remove_scraps
from generators.records import SAMPLE_SCHEMA
from probe.checksums import CHECKSUMS, changed, check_files, write_checksums
from probe.cost import Meter, read_cost
from probe.manifest import MANIFEST_SCHEMA, identity_sha256, make_manifest

__all__ = [
    "COST",
    "MANIFEST",
    "RESULTS",
    "RESULTS_SCHEMA",
    "SAMPLES",
    "Run",
    "RunWriter",
    "read_run",
]

MANIFEST = "manifest.json"
SAMPLES = "samples.jsonl"
RESULTS = "results.json"
RESULTS_SCHEMA = "probe.results"
COST = "cost.json"
_LOCK = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished run as it lies on disk.

    Attributes:
        path: The folder.
        manifest: Content of ``manifest.json``.
        samples: Rows of ``samples.jsonl``, header left out; empty for runs without samples.
        results: Content of ``results.json``.
    """

    path: Path
    manifest: dict[str, Any]
    samples: list[dict[str, Any]] = field(repr=False)
    results: dict[str, Any] = field(repr=False)


def read_run(path: Path, *, check: bool = True) -> Run:
    """Read a finished run.

    Args:
        path: The folder.
        check: Refuse files that are not as they were written. Only who tells all differences by
            himself, or has read the run before, goes without.

    Raises:
        RunError: The folder is no run, the run did not finish, or a file was changed since.
        DataError: A file cannot be read.
        FormatError: A file is broken.
    """
    if not path.exists():
        raise RunError(f"there is no {path}")
    if not (path / MANIFEST).is_file():
        raise RunError(f"{path} is no run folder: it has no {MANIFEST}")
    if not (path / RESULTS).is_file():
        raise RunError(
            f"{path} is not finished, it has no {RESULTS}: repeat the command that made it to "
            "resume it"
        )
    hashes = check_files(path) if check else {}
    manifest = jsonl.read_json(path / MANIFEST, MANIFEST_SCHEMA)
    if not isinstance(manifest.get("identity"), dict):
        raise FormatError(f"{path / MANIFEST}: lacks the run's identity")
    if check and manifest.get("identity_sha256") != identity_sha256(manifest["identity"]):
        raise changed(path, f"{MANIFEST} says other things than its identity_sha256 is the hash of")
    results = jsonl.read_json(path / RESULTS, RESULTS_SCHEMA)
    samples = path / SAMPLES
    if check:
        found = hashes.get(SAMPLES) or (jsonl.sha256_file(samples) if samples.exists() else None)
        if found != results.get("samples_sha256"):
            raise changed(path, f"{SAMPLES} has another hash than {RESULTS} says")
    rows = [row for _, row in jsonl.read(samples, SAMPLE_SCHEMA)] if samples.exists() else []
    return Run(path=path, manifest=manifest, samples=rows, results=results)


def _is_passing(file: Path) -> bool:
    """Return whether a file is one that a process which ends well does not leave behind."""
    return file.name == _LOCK or is_scrap(file)


class RunWriter:
    """One process's hold on a run folder, used as a context manager.

    Entering makes the folder or resumes it. A folder of another run, or one that another
    process holds, is refused untouched.

    Attributes:
        done: Keys of the samples that are there already.
    """

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        """Prepare to hold ``path`` for the run with this identity.

        Args:
            path: The run folder; made on entering.
            identity: What the run is, see :mod:`probe.manifest`.
        """
        self.path = path
        self.identity = json.loads(jsonl.canonical_json(identity))
        self.done: dict[str, dict[str, Any]] = {}
        self._lock = ExitStack()
        self._stream: FileIO | None = None
        self._meter: Meter | None = None
        self._cost: dict[str, Any] | None = None

    def __enter__(self) -> Self:
        self._check_folder()  # one that is refused is left as it is
        self._lock.enter_context(locked(self.path / _LOCK, self.path))
        try:
            self._check_folder()  # it may have become another's meanwhile
            remove_scraps(self.path)
            if self.finished:
                check_files(self.path, below=True)
            self._meter = None if self.finished else Meter()
            self._open_manifest()
            if self._meter is not None and (self.path / COST).is_file():
                self._cost = read_cost(self.path / COST)
            self._load_samples()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._close_samples()
            self._close_books()
        except ProbeError:
            if error is None:  # else there is worse to tell
                raise
        finally:
            self._lock.close()

    def _close_samples(self) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        try:
            stream.close()
        except OSError as error:  # some file systems say only now what they could not keep
            raise unwritable(self.path / SAMPLES, error) from None

    def _close_books(self) -> None:
        """Write what this session took, and the checksums of a run that is finished now."""
        if self._meter is not None:
            jsonl.write_json(self.path / COST, self._meter.read(self._cost))
        if self.finished and not (self.path / CHECKSUMS).is_file():
            write_checksums(self.path)

    @property
    def finished(self) -> bool:
        """Whether the results are written."""
        return (self.path / RESULTS).is_file()

    def _check_folder(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file; --out wants a folder")
        manifest = self.path / MANIFEST
        if manifest.exists():
            found = jsonl.read_json(manifest, MANIFEST_SCHEMA)
            stored = found.get("identity")
            if isinstance(stored, dict) and identity_sha256(stored) == identity_sha256(
                self.identity
            ):
                return
            raise RunError(
                f"{self.path} holds another run ({first_difference(stored, self.identity)}); "
                "choose another --out"
            )
        if self.path.is_dir() and not all(map(_is_passing, self.path.iterdir())):
            raise RunError(f"{self.path} is not empty and holds no run; choose another --out")

    def _open_manifest(self) -> None:
        if not (self.path / MANIFEST).exists():
            jsonl.write_json(self.path / MANIFEST, make_manifest(self.identity))

    def _load_samples(self) -> None:
        path = self.path / SAMPLES
        if not path.exists():
            return
        jsonl.mend(path)
        if path.stat().st_size == 0:
            path.unlink()
            return
        head = jsonl.read_header(path, SAMPLE_SCHEMA)
        if head.get("identity_sha256") != identity_sha256(self.identity):
            raise RunError(f"{path} belongs to another run than {MANIFEST} beside it")
        for number, row in jsonl.read(path, SAMPLE_SCHEMA):
            key = row.get("key")
            if not isinstance(key, str) or key in self.done:
                raise FormatError(f"{path}:{number}: a sample without a key of its own")
            self.done[key] = row

    def _head(self) -> dict[str, Any]:
        """Return the header of the samples."""
        return jsonl.header(SAMPLE_SCHEMA, identity_sha256=identity_sha256(self.identity))

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        """Append samples; each row has a ``key`` of its own, and one that is there is left out.

        Raises:
            DataError: The rows cannot be written; none of them is then.
        """
        fresh = {row["key"]: row for row in rows if row["key"] not in self.done}
        path = self.path / SAMPLES
        if self._stream is None:
            self._stream = jsonl.open_to_append(path)
        begins = path.stat().st_size == 0
        self.done.update(fresh)
        try:
            jsonl.append_lines(self._stream, [*([self._head()] if begins else []), *fresh.values()])
        except BaseException:
            for key in fresh:
                del self.done[key]
            raise

    def finish(self, results: dict[str, Any], order: Iterable[str] | None = None) -> dict[str, Any]:
        """Put the samples into their final order and write the results; ends the run.

        Args:
            results: What was derived from the samples (or the log of a training run).
            order: Keys of all samples, in the order they shall stand in; ``None`` for a run
                without samples.

        Returns:
            The document that was written.
        """
        self._close_samples()
        try:
            (self.path / CHECKSUMS).unlink(missing_ok=True)  # written anew, of the files that come
        except OSError as error:
            raise unwritable(self.path / CHECKSUMS, error) from None
        document = jsonl.header(RESULTS_SCHEMA, **results)
        if order is not None:
            path = self.path / SAMPLES
            jsonl.write(path, self._head(), (self.done[key] for key in order))
            document["samples_sha256"] = jsonl.sha256_file(path)
        jsonl.write_json(self.path / RESULTS, document)
        return document
