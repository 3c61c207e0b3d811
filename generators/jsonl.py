"""JSON lines on disk: header line, streaming read and append, torn lines, atomic writes, hashes.

Every file that the project writes starts with a header object ``{"schema": ..., "version": 1,
...}``; keys are sorted; text is UTF-8. Readers refuse unknown schemas and versions. A file that
was being appended to when the machine stopped may end in a torn line: :func:`mend` cuts it off
and says so, readers refuse it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any, TextIO

from generators.errors import DataError, FormatError, unreadable, unwritable

__all__ = [
    "VERSION",
    "append_lines",
    "atomic_writer",
    "canonical_json",
    "dump_line",
    "header",
    "mend",
    "open_to_append",
    "read",
    "read_header",
    "read_json",
    "read_rows",
    "sha256_file",
    "sha256_text",
    "write",
    "write_json",
]

VERSION = 1
# By schema, the command that a user would call.
_WRITERS = {"probe.trace": "probe make-traces", "probe.variant": "probe make-variants"}
_LOG = logging.getLogger(__name__)


def header(schema: str, **extra: Any) -> dict[str, Any]:
    """Return the header object of a file of ``schema``."""
    return {"schema": schema, "version": VERSION, **extra}


def canonical_json(value: Any) -> str:
    """Return compact JSON with sorted keys: the text that hashes are taken of."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def dump_line(row: dict[str, Any]) -> str:
    """Return one line of a JSONL file, with its line end."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n"


def sha256_text(text: str) -> str:
    """Return the hex sha256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# Large, so that other threads seldom hold up the hashing of a model's weights.
_HASHED_AT_ONCE = 1 << 27


def sha256_file(path: Path) -> str:
    """Return the hex sha256 of a file's bytes.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            digest = hashlib.sha256()
            while chunk := stream.read(_HASHED_AT_ONCE):
                digest.update(chunk)
            return digest.hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None


@contextmanager
def atomic_writer(path: Path) -> Iterator[TextIO]:
    """Open a text stream (bytes: its ``buffer``) that replaces ``path`` when the block ends well.

    After an exception (a full disk, Ctrl-C) ``path`` is as it was and no scrap remains.

    Raises:
        DataError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        raise unwritable(path, error) from None
    scrap = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        scrap.chmod(0o644)
        scrap.replace(path)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        with suppress(OSError):
            scrap.unlink(missing_ok=True)


def write(path: Path, head: dict[str, Any], rows: Iterable[dict[str, Any]]) -> int:
    """Write a whole JSONL file atomically and return the number of rows.

    Raises:
        DataError: The file cannot be written.
    """
    count = 0
    with atomic_writer(path) as stream:
        stream.write(dump_line(head))
        for row in rows:
            stream.write(dump_line(row))
            count += 1
    return count


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write one indented JSON document with sorted keys, atomically.

    Raises:
        DataError: The file cannot be written.
    """
    with atomic_writer(path) as stream:
        json.dump(value, stream, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False)
        stream.write("\n")


def read_json(path: Path, schema: str) -> dict[str, Any]:
    """Read one JSON document of a schema.

    Raises:
        DataError: The file cannot be read.
        FormatError: It is no JSON object of this schema and version.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(path, error) from None
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: broken JSON: {error}") from None
    if not isinstance(value, dict) or value.get("schema") != schema:
        raise FormatError(f"{path}: not a file of {schema}")
    _check_version(str(path), value, schema)
    return value


def _check_version(where: str, row: dict[str, Any], schema: str) -> None:
    if row.get("version") != VERSION:
        raise FormatError(
            f"{where}: version {row.get('version')!r} of {schema} is not known; "
            f"this release reads version {VERSION}"
        )


def open_to_append(path: Path, *, anew: bool = False) -> FileIO:
    """Open a file for :func:`append_lines`.

    Args:
        path: The file.
        anew: Drop what it holds.

    Raises:
        DataError: It cannot be opened.
    """
    try:
        stream = FileIO(path, "a")
        if anew:
            stream.truncate(0)
        return stream
    except OSError as error:
        raise unwritable(path, error) from None


def append_lines(stream: FileIO, rows: Iterable[dict[str, Any]]) -> None:
    """Append rows to a file and hand them to the operating system: all of them, or none.

    Args:
        stream: The file, as :func:`open_to_append` opened it.
        rows: The rows.

    Raises:
        DataError: The rows cannot be written; the file is as it was.
    """
    left = memoryview("".join(map(dump_line, rows)).encode())
    size = os.fstat(stream.fileno()).st_size
    try:
        while left:
            left = left[stream.write(left) :]
    except BaseException as error:
        with suppress(OSError):
            stream.truncate(size)
        if isinstance(error, OSError):
            raise unwritable(Path(str(stream.name)), error) from None
        raise


def mend(path: Path) -> int:
    """Cut a torn last line off a JSONL file and return the number of bytes cut.

    Raises:
        DataError: The file cannot be read or written.
    """
    try:
        data = path.read_bytes()
        if not data or data.endswith(b"\n"):
            return 0
        keep = data.rfind(b"\n") + 1
        with path.open("rb+") as stream:
            stream.truncate(keep)
    except OSError as error:
        raise unreadable(path, error) from None
    _LOG.warning("%s ended in a torn line; %d bytes cut off", path, len(data) - keep)
    return len(data) - keep


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line number, object)`` for each line, header or not, of a JSONL file.

    Blank lines are passed over.

    Raises:
        DataError: The file cannot be read.
        FormatError: A line is no JSON object, or is not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            for number, raw in enumerate(stream, 1):
                if raw.strip():
                    yield number, _parse(path, number, raw)
    except OSError as error:
        raise unreadable(path, error) from None


def _parse(path: Path, number: int, raw: bytes) -> dict[str, Any]:
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}:{number}: broken JSON: {error}") from None
    if not isinstance(row, dict):
        raise FormatError(f"{path}:{number}: a {type(row).__name__}, not a JSON object")
    return row


def read_header(path: Path, schema: str) -> dict[str, Any]:
    """Return the header of a JSONL file.

    Raises:
        DataError: The file cannot be read.
        FormatError: There is no header, or it names another schema or version.
    """
    try:
        return _header(path, schema)
    except DataError as error:
        if schema not in _WRITERS:
            raise
        raise type(error)(f"{error} ({_WRITERS[schema]} writes such files)") from None


def _header(path: Path, schema: str) -> dict[str, Any]:
    for number, row in read_rows(path):
        if row.get("schema") != schema:
            found = row.get("schema", "no header line")
            raise FormatError(f"{path}:{number}: expected a file of {schema}, found {found}")
        _check_version(f"{path}:{number}", row, schema)
        return row
    raise FormatError(f"{path}: empty file, expected one of {schema}")


def read(path: Path, schema: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield ``(line number, row)`` of a JSONL file after checking its header.

    Raises:
        DataError: The file cannot be read.
        FormatError: The header or a line is broken.
    """
    read_header(path, schema)
    rows = read_rows(path)
    next(rows)
    yield from rows
