"""One writer at a time: a lock file that is there while a process writes, and gone afterwards.

Called by all that write a file or a run folder which a second process must leave alone. The lock is
the kernel's and ends with its process, however that ends; a lock file that a killed process leaves
behind holds nobody up. It is removed while it is still held, and whoever got the lock of a removed
one tries again, so there are never two. Left out: machines that share a file system without locks.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from glob import escape
from pathlib import Path

from generators.errors import RunError, unwritable

__all__ = ["is_scrap", "locked", "remove_scraps"]

_LOG = logging.getLogger(__name__)
_SCRAP = ".????????.tmp"  # eight letters are drawn: one of ``a`` is told from one of ``a.b``
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


@contextmanager
def locked(lock: Path, written: Path) -> Iterator[None]:
    """Keep other processes from writing the same thing; folders above the lock file are made.

    Args:
        lock: The lock file.
        written: What is being written, for the messages.

    Raises:
        RunError: Another process is writing it.
        DataError: The lock file cannot be made.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _take(lock, written)
    except BlockingIOError:
        raise RunError(f"{written} is being written by another process") from None
    except OSError as error:
        raise unwritable(written, error) from None
    try:
        yield
    finally:
        with suppress(OSError):  # a lock file that stays holds nobody up
            lock.unlink()
        os.close(descriptor)


def remove_scraps(folder: Path, name: str = "*") -> None:
    """Remove what killed processes left of files that they were about to replace.

    Args:
        folder: Where :func:`generators.jsonl.atomic_writer` writes; the files are locked.
        name: Name of the file; every file by default.
    """
    known = name if name == "*" else escape(name)
    for scrap in folder.glob(f".{known}{_SCRAP}"):
        with suppress(OSError):
            scrap.unlink()


def is_scrap(file: Path) -> bool:
    """Return whether a file is what a killed process left of one that it was about to replace."""
    return fnmatch(file.name, f".*{_SCRAP}")


def _take(lock: Path, written: Path) -> int:
    """Return a descriptor that holds the lock of the file that is called so now."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _flock(descriptor, written)
            if _is_called(lock, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _flock(descriptor: int, written: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _LOG.warning(
            "the file system of %s has no locks; see to it that no other process writes it", written
        )


def _is_called(lock: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
