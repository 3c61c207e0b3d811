"""Files that are made once: one process writes them, and a summary with their hash lies beside.

Called by the writers of traces and of variants; what is in the files is theirs to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from generators import jsonl
from generators.differences import first_difference
from generators.errors import DataError, FormatError, RunError
from generators.locks import locked, remove_scraps

__all__ = [
    "held",
    "lacks_summary",
    "sealed",
    "stored_summary",
    "summary_path",
    "unsealed",
    "write_summary",
]

_SEAL = "seal_sha256"


def summary_path(path: Path) -> Path:
    """Return where the summary of a file is."""
    return path.with_name(f"{path.stem}.summary.json")


def sealed(row: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON object with the hash of its canonical text in it."""
    return {**row, _SEAL: jsonl.sha256_text(jsonl.canonical_json(row))}


def unsealed(row: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON object as it was before :func:`sealed`.

    Raises:
        FormatError: It is not the one that was sealed.
    """
    rest = {name: value for name, value in row.items() if name != _SEAL}
    if sealed(rest) != row:
        raise FormatError("not as it was written")
    return rest


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write the summary of a file beside it.

    Raises:
        DataError: It cannot be written.
    """
    jsonl.write_json(summary_path(path), sealed(summary))


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other processes from writing the same file.

    Raises:
        RunError: Another process is writing it.
        DataError: It cannot be written.
    """
    with locked(path.with_name(f".{path.name}.lock"), path):
        for name in (path.name, summary_path(path).name):
            remove_scraps(path.parent, name)
        yield


def stored_summary(
    path: Path, schema: str, summary_schema: str, head: dict[str, Any], what: str
) -> dict[str, Any]:
    """Return the summary of a file that is there already, if it is the one asked for.

    Args:
        path: The file.
        schema: What it is a file of.
        summary_schema: What its summary is a file of.
        head: The header that it would be given.
        what: What it holds, in a word.

    Raises:
        RunError: It holds something else, was changed, or lacks its summary.
        FormatError: It is no file of this schema.
    """
    differs = first_difference(jsonl.read_header(path, schema), head)
    if differs:
        raise RunError(f"{path} holds other {what} ({differs}); choose another --out")
    try:
        row = jsonl.read_json(summary_path(path), summary_schema)
    except DataError:
        raise lacks_summary(path) from None
    try:
        summary = unsealed(row)
    except DataError:
        raise RunError(
            f"{summary_path(path)} was changed since it was written, or an earlier release wrote "
            f"it; delete {path} to make both again"
        ) from None
    if summary.get("sha256") != jsonl.sha256_file(path):
        raise RunError(f"{path} was changed since it was written; delete it to make it again")
    return summary


def lacks_summary(path: Path) -> RunError:
    """Return the error of a file without the summary that belongs to it."""
    name = summary_path(path).name
    return RunError(
        f"{path} lacks its summary {name}, or that cannot be read; delete {path} to make both again"
    )
