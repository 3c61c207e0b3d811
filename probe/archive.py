"""One archive for a reviewer: report, runs, environment, commands; and how it is opened again.

Called by ``probe bundle``, and by ``probe verify`` for a file. The same runs give the same bytes,
but for the environment that is recorded.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from generators.errors import DataError, FormatError, UsageError
from generators.jsonl import atomic_writer, read_json
from generators.progress import Progress
from probe.checksums import CHECKSUMS, write_checksums
from probe.manifest import MANIFEST_SCHEMA
from probe.report.bundle import bundled, write_report
from probe.report.provenance import command_line
from probe.runs import MANIFEST

__all__ = ["bundle", "opened"]

ENVIRONMENT = "environment.txt"
COMMANDS = "commands.md"

_MOST_BYTES = 20 * 2**30
_TOP = "bundle"
# Of the stream, of the entries' heads, and of odd names and times in them.
_BROKEN = (
    tarfile.TarError,
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
    ValueError,
    ArithmeticError,
    LookupError,
)


def bundle(paths: Sequence[Path], out: Path, *, progress: Progress | None = None) -> list[str]:
    """Write an archive (``.tar.gz``) of a report with its runs.

    Args:
        paths: Run folders and trace files, or one report folder with its runs.
        out: The archive.
        progress: Display of the report being made.

    Returns:
        The names in the archive.

    Raises:
        UsageError: ``out`` is no ``.tar.gz``, or there is no run.
        ProbeError: A run cannot be read, or the archive cannot be written.
    """
    if not out.name.endswith(".tar.gz"):
        raise UsageError(f"--out {out}: an archive is called something.tar.gz")
    if len(paths) == 1 and (paths[0] / "runs").is_dir():
        paths = bundled(paths[0])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / _TOP
        write_report(paths, folder, progress=progress)
        (folder / ENVIRONMENT).write_text("\n".join(_environment()) + "\n", encoding="utf-8")
        (folder / COMMANDS).write_text(_commands(bundled(folder)), encoding="utf-8")
        (folder / CHECKSUMS).unlink()
        write_checksums(folder)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        names = [file.relative_to(folder.parent).as_posix() for file in files]
        _write(out, list(zip(names, files, strict=True)))
    return names


def _environment() -> list[str]:
    """Return name and version of every installed distribution."""
    found = {(one.metadata["Name"] or "", one.version) for one in metadata.distributions()}
    return sorted((f"{name}=={version}" for name, version in found if name), key=str.lower)


def _commands(runs: Sequence[Path]) -> str:
    lines = [
        "# How these runs were made",
        "",
        f"Packages: {ENVIRONMENT}. To check every number: `probe verify` and this folder, or the",
        "archive. To make a sample of answers again: `probe replay` and a run.",
        "",
    ]
    for run in runs:
        if (run / MANIFEST).is_file():
            manifest = read_json(run / MANIFEST, MANIFEST_SCHEMA)
            lines += [
                f"## {run.name}",
                "",
                "```sh",
                command_line(manifest.get("argv") or []),
                "```",
                "",
            ]
    return "\n".join(lines)


def _write(out: Path, files: Sequence[tuple[str, Path]]) -> None:
    """Write an archive whose bytes depend on names and contents alone."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, file in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = file.stat().st_size, 0o644
            with file.open("rb") as stream:
                archive.addfile(entry, stream)
    with atomic_writer(out) as stream:
        stream.buffer.write(gzip.compress(content.getvalue(), mtime=0))


@contextmanager
def opened(archive: Path) -> Iterator[Path]:
    """Yield the folder that an archive holds, for as long as the context lasts.

    Raises:
        DataError: It cannot be read.
        FormatError: It is no archive of this kind, or it would write outside its folder.
    """
    with tempfile.TemporaryDirectory() as scratch:
        try:
            with tarfile.open(archive, "r:gz") as content:
                if sum(entry.size for entry in content) > _MOST_BYTES:
                    raise FormatError(f"{archive}: unpacks to more than 20 GiB")
                content.extractall(scratch, filter="data")
        except _BROKEN as error:
            raise FormatError(f"{archive}: no archive that can be opened: {error}") from None
        except OSError as error:
            raise DataError(f"cannot open {archive}: {error.strerror or error}") from None
        folder = Path(scratch) / _TOP
        if not folder.is_dir():
            raise FormatError(f"{archive}: no archive of `probe bundle`, it has no {_TOP} folder")
        yield folder
