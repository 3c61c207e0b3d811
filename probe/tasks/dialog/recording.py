"""What was said in a dialog run, as a file that ``--feedback recorded`` replays.

Written by the dialog task, checked by ``probe verify``: it derives from the run's samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from generators import jsonl
from generators.errors import ProbeError
from probe.tasks.dialog.feedback import FEEDBACK_SCHEMA
from probe.tasks.dialog.results import Kind

__all__ = ["FEEDBACK_FILE", "recording_difference", "write_feedback"]

FEEDBACK_FILE = "feedback.jsonl"

_FIELDS = ("task_id", "turn", "code_sha256", "text", "author")


def _said(samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    given = [row for row in samples if row["kind"] == Kind.FEEDBACK and row["text"]]
    return [{name: row[name] for name in _FIELDS} for row in given]


def write_feedback(path: Path, samples: Sequence[dict[str, Any]]) -> None:
    """Write what was said.

    Raises:
        DataError: The file cannot be written.
    """
    jsonl.write(path, jsonl.header(FEEDBACK_SCHEMA), _said(samples))


def recording_difference(run: Path, samples: Sequence[dict[str, Any]]) -> str:
    """Return in what a run's file differs from what its samples say, ``""`` if in nothing."""
    path = run / FEEDBACK_FILE
    try:
        stored = [row for _, row in jsonl.read(path, FEEDBACK_SCHEMA)]
    except ProbeError as error:
        return str(error)
    return "" if stored == _said(samples) else f"{path.name} is not what the samples say"
