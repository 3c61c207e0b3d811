"""The two files that make a run resumable: its log and its checkpoint.

``log.jsonl`` is the record of a run: a header that says which run it is, then one row per step,
per measurement of the validation loss, and at the end the result. ``checkpoint/state.pt`` holds
the tensors after some step, behind their sha256, replaced as a whole or not at all. On resumption
the log is cut back to the checkpoint's step. Used by :mod:`probe.training.finetune`; nothing else
reads a checkpoint.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from generators import jsonl
from generators.errors import FormatError, RunError, unwritable
from probe.training.results import LOG, LOG_SCHEMA

__all__ = ["RunLog", "load_checkpoint", "remove_checkpoint", "save_checkpoint"]

_STATE = Path("checkpoint", "state.pt")
_DIGEST = hashlib.sha256().digest_size


class RunLog:
    """The log of one run, on disk and in memory.

    Rows are ``{"event": "train" | "validation" | "done", "step": ..., ...}``. What they add up to
    is derived by :mod:`probe.training.results`.

    Attributes:
        path: The file.
        run: What identifies the run.
    """

    def __init__(self, folder: Path, run: dict[str, Any], *, writes: bool = True) -> None:
        """Open the log in ``folder``, or begin one.

        Args:
            folder: The run's folder.
            run: What identifies the run, as JSON values; stored in the header.
            writes: Whether this process writes the file; the others of a run only keep the rows.

        Raises:
            RunError: The folder holds the log of another run.
            DataError: The log cannot be read or written.
        """
        self.path = folder / LOG
        self.run = run
        self._header = jsonl.header(LOG_SCHEMA, run=run)
        self._rows: list[dict[str, Any]] = []
        self._writes = writes
        if not writes:
            self.reread()
        elif self.path.exists():
            jsonl.mend(self.path)
            self._check(jsonl.read_header(self.path, LOG_SCHEMA).get("run"), run)
            self.reread()
        else:
            jsonl.write(self.path, self._header, [])

    def reread(self) -> None:
        """Take the rows that are in the file.

        Raises:
            FormatError: A row lacks its event or its step.
        """
        rows = []
        for number, row in jsonl.read(self.path, LOG_SCHEMA):
            if type(row.get("event")) is not str or type(row.get("step")) is not int:
                raise FormatError(f"{self.path}:{number}: a row without event and step")
            rows.append(row)
        self._rows = rows

    def _check(self, stored: Any, run: dict[str, Any]) -> None:
        if not isinstance(stored, dict):
            raise FormatError(f"{self.path}: its header does not say which run it is of")
        fields = sorted(stored.keys() | run.keys())
        other = [name for name in fields if stored.get(name) != run.get(name)]
        if other:
            raise RunError(
                f"{self.path.parent} holds another fine-tuning run (it differs in "
                f"{', '.join(other)}); choose another folder or delete this one"
            )

    def append(self, event: str, **values: Any) -> None:
        """Append a row and hand it to the operating system.

        Raises:
            DataError: The row cannot be written.
        """
        row = {"event": event, **values}
        self._rows.append(row)
        if not self._writes:
            return
        try:
            with jsonl.open_to_append(self.path) as stream:
                jsonl.append_lines(stream, [row])
                os.fsync(stream.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from None

    def cut(self, step: int) -> None:
        """Drop every row that was written after step ``step``."""
        kept = [row for row in self._rows if row["step"] <= step]
        if self._writes and len(kept) != len(self._rows):
            jsonl.write(self.path, self._header, kept)
        self._rows = kept

    def rows(self, event: str | None = None) -> list[dict[str, Any]]:
        """Return the rows of one kind, or all, in order."""
        return [row for row in self._rows if event in (None, row["event"])]


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write ``checkpoint/state.pt`` in ``folder`` atomically.

    Args:
        folder: The run's folder.
        state: Tensors, numbers, texts, and lists and dicts of these.

    Raises:
        DataError: The file cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    path = folder / _STATE
    scrap = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scrap.open("wb") as stream:
            stream.write(hashlib.sha256(content).digest() + content)
            stream.flush()
            os.fsync(stream.fileno())
        scrap.replace(path)
    except OSError as error:
        with suppress(OSError):
            scrap.unlink(missing_ok=True)
        raise unwritable(path, error) from None


def load_checkpoint(folder: Path, device: str) -> dict[str, Any] | None:
    """Return the state in ``folder``'s checkpoint, or ``None`` when there is none.

    Raises:
        RunError: The checkpoint is broken.
    """
    path = folder / _STATE
    if not path.exists():
        return None
    try:
        data = path.read_bytes()
        content = data[_DIGEST:]
        if hashlib.sha256(content).digest() != data[:_DIGEST]:  # torch would take other numbers
            raise ValueError("not as it was written")
        state: dict[str, Any] = torch.load(
            io.BytesIO(content), map_location=device, weights_only=True
        )
    except Exception as error:  # torch raises whatever the broken bytes lead to
        raise RunError(
            f"cannot read the checkpoint {path}; delete {path.parent} to begin again"
        ) from error
    return state


def remove_checkpoint(folder: Path) -> None:
    """Remove the checkpoint, if there is one."""
    shutil.rmtree(folder / _STATE.parent, ignore_errors=True)
