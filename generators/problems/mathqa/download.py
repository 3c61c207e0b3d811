"""MathQA from its home page: one archive -> the raw files in it.

Called by :mod:`generators.problems.mathqa.source` only, when neither a data folder nor the cache
has a file. Checking the contents and putting them into the cache is left to the caller; nothing
is unpacked to the disk.
"""

from __future__ import annotations

import http.client
import io
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import PurePosixPath

from generators.errors import ChecksumError, SourceUnavailableError, first_line
from generators.problems.hub import is_offline

__all__ = ["ARCHIVE_URL", "fetch_archive"]

ARCHIVE_URL = "https://math-qa.github.io/math-QA/data/MathQA.zip"

_TIMEOUT_SECONDS = 10.0
_MOST_BYTES = 1 << 27  # the archive has 7 MB, its largest file 22 MB
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError,
    ValueError, ArithmeticError, LookupError,
)  # fmt: skip


def fetch_archive() -> dict[str, str]:
    """Download the archive and return its ``.json`` files by name, whatever folder they are in.

    Raises:
        SourceUnavailableError: It cannot be had; the message is the reason alone.
        ChecksumError: It is no archive, a broken one, or far too large.
    """
    if is_offline():
        raise SourceUnavailableError("HF_HUB_OFFLINE is set")
    try:
        with urllib.request.urlopen(ARCHIVE_URL, timeout=_TIMEOUT_SECONDS) as answer:
            data = answer.read(_MOST_BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it is an answer, with a connection of its own
        raise SourceUnavailableError(f"{ARCHIVE_URL}: {first_line(error)}") from error
    _check_size(len(data))
    try:
        return {name: content.decode() for name, content in _members(data).items()}
    except _BROKEN as error:
        raise ChecksumError(f"{ARCHIVE_URL} is broken: {first_line(error)}") from None


def _members(data: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            path = PurePosixPath(member.filename)
            if path.suffix != ".json" or path.name.startswith("."):
                continue
            with archive.open(member) as stream:
                found[path.name] = stream.read(_MOST_BYTES + 1)
            _check_size(sum(map(len, found.values())))
    return found


def _check_size(size: int) -> None:
    if size > _MOST_BYTES:
        raise ChecksumError(f"{ARCHIVE_URL} is no copy of MathQA: over {_MOST_BYTES >> 20} MiB")
