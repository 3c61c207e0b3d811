"""Hashes of all files of a run or a report, so that one changed byte is found and named.

Written when a run is finished (:mod:`probe.runs`) and with a report, checked by ``probe verify``;
``sha256sum --check checksums.txt`` does the same.
"""

from __future__ import annotations

from pathlib import Path

from generators import jsonl
from generators.errors import DataError

__all__ = ["CHECKSUMS", "checksum_differences", "write_checksums"]

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
    try:
        text = (run / CHECKSUMS).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {run / CHECKSUMS}: {error}") from None
    parts = (line.partition("  ") for line in text.split("\n"))
    stored = {name: digest for digest, _, name in parts}
    found = _hashes(run)
    if _listed(found) == text:
        return []
    stored.pop("", None)  # after the last line
    told = [f"{name} is missing" for name in stored.keys() - found]
    told += [f"{name} is not named in {CHECKSUMS}" for name in found.keys() - stored]
    told += [
        f"{name} has another hash than {CHECKSUMS} says"
        for name in stored.keys() & found.keys()
        if stored[name] != found[name]
    ]
    return sorted(told) or [f"{CHECKSUMS} is not as it was written"]
