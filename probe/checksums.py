"""Hashes of all files of a run or a report, so that one changed byte is found and named.

Written when a run is finished (:mod:`probe.runs`) and with a report. Checked whenever a finished
run is read, and a report for the front page: there the first file that was changed is an error.
``probe verify`` names all of them, ``sha256sum --check checksums.txt`` does the same.
"""

from __future__ import annotations

from pathlib import Path

from generators import jsonl
from generators.errors import DataError, RunError

__all__ = ["CHECKSUMS", "changed", "check_files", "checksum_differences", "write_checksums"]

CHECKSUMS = "checksums.txt"


def write_checksums(run: Path) -> None:
    """Write the hashes of all files in a folder and below; hidden ones are left out.

    Raises:
        DataError: The file cannot be written.
    """
    with jsonl.atomic_writer(run / CHECKSUMS) as stream:
        stream.write(_listed(_hashes(run)))


def _listed(hashes: dict[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in hashes.items())


def _hashes(run: Path) -> dict[str, str]:
    names = (file.relative_to(run) for file in sorted(run.rglob("*")) if file.is_file())
    shown = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    return {
        name.as_posix(): jsonl.sha256_file(run / name) for name in shown if str(name) != CHECKSUMS
    }


def checksum_differences(run: Path) -> list[str]:
    """Return in what a run folder differs from its checksums: changed, missing or other files.

    Raises:
        DataError: There are none, or they cannot be read.
    """
    text = _text(run)
    stored = _stored(text)
    found = _hashes(run)
    if _listed(found) == text:
        return []
    told = [f"{name} is missing" for name in stored.keys() - found]
    told += [f"{name} is not named in {CHECKSUMS}" for name in found.keys() - stored]
    told += [
        _another_hash(name) for name in stored.keys() & found.keys() if stored[name] != found[name]
    ]
    return sorted(told) or [f"{CHECKSUMS} is not as it was written"]


def check_files(folder: Path, *, below: bool = False) -> dict[str, str]:
    """Refuse a run or a report whose own files are not those that its checksums name.

    Files that no line names are passed over, and so is a folder without checksums, as early
    releases wrote them.

    Args:
        folder: The run or the report.
        below: Check the files of folders in it too: an adapter, the runs of a report.

    Returns:
        The hash of each file that was checked, by name.

    Raises:
        RunError: A file was changed or is missing; the first is named.
        DataError: A file cannot be read.
    """
    if not (folder / CHECKSUMS).is_file():
        return {}
    named = _stored(_text(folder)).items()
    own = {name: digest for name, digest in named if below or "/" not in name}
    for name, digest in own.items():
        if not (folder / name).is_file():
            raise changed(folder, f"{name} is missing, which {CHECKSUMS} names")
        if jsonl.sha256_file(folder / name) != digest:
            raise changed(folder, _another_hash(name))
    return own


def changed(folder: Path, what: str) -> RunError:
    """Return the error of a folder in which something is not as it was written."""
    return RunError(
        f"{folder}: {' '.join(what.split())}; put back what was written, or make it again; "
        f"`probe verify {folder}` tells more"
    )


def _another_hash(name: str) -> str:
    return f"{name} has another hash than {CHECKSUMS} says"


def _text(folder: Path) -> str:
    try:
        return (folder / CHECKSUMS).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {folder / CHECKSUMS}: {error}") from None


def _stored(text: str) -> dict[str, str]:
    """Return the hash by name."""
    parts = (line.partition("  ") for line in text.split("\n"))
    return {name: digest for digest, _, name in parts if name}
