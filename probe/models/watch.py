"""Progress of a download that reports nothing itself: the bytes that have arrived on disk.

Used around pip (:mod:`probe.models.wheels`) and around the hub's client (:mod:`probe.models.hub`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generators.progress import Progress

__all__ = ["byte_watch"]

_POLL_SECONDS = 0.2


def _bytes_below(folder: Path) -> int:
    size = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                size += (Path(directory) / name).lstat().st_size
            except OSError:  # moved or deleted meanwhile
                continue
    return size


@contextmanager
def byte_watch(label: str, folder: Path, total: int, progress: Progress) -> Iterator[None]:
    """Show how many of ``total`` bytes have been added below ``folder`` while the block runs."""
    before, done = _bytes_below(folder), threading.Event()

    def poll() -> None:
        shown = 0
        while not done.wait(_POLL_SECONDS):
            arrived = min(_bytes_below(folder) - before, total)
            if arrived > shown:
                progress.advance(arrived - shown)
                shown = arrived

    progress.start(label, total)
    thread = threading.Thread(target=poll, name="byte-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        progress.finish()
