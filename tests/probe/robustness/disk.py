"""A small disk of one's own: a tmpfs that only one process sees, whose size can be changed.

Loaded by ``conftest.py``. The process is forked from the tests', as user and mount namespaces are
made for processes of one thread.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

PAGE = 4096
NO_MOUNTS = 77  # how a process ends that may not mount anything

_NEW_NAMESPACES = 0x10000000 | 0x00020000  # CLONE_NEWUSER, CLONE_NEWNS
_REMOUNT = 0x20
_LIBC = ctypes.CDLL(None, use_errno=True)


class Disk:
    """The disk, mounted in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        user, group = os.getuid(), os.getgid()
        if _LIBC.unshare(_NEW_NAMESPACES) != 0:
            os._exit(NO_MOUNTS)
        try:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        except OSError:
            os._exit(NO_MOUNTS)
        self._mount(0, 1 << 14)

    def resize(self, pages: int) -> None:
        """Let so many pages fit on it in all."""
        self._mount(_REMOUNT, pages)

    def _mount(self, flags: int, pages: int) -> None:
        target, options = str(self.folder).encode(), f"size={pages * PAGE}".encode()
        if _LIBC.mount(b"none", target, b"tmpfs", flags, options) != 0:
            os._exit(NO_MOUNTS)


def on_disk(folder: Path, work: Callable[[Disk], None]) -> int:
    """Do some work in a process that has a disk in ``folder``, and return how it ended."""

    def run() -> None:
        code = 0
        try:
            work(Disk(folder))
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            code = 1
        sys.__stderr__.flush()
        os._exit(code)

    folder.mkdir()
    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode
