"""The embedded corpus ``basics``: where its file is, and how its tasks are split.

Called by :mod:`generators.problems.registry` and :mod:`generators.problems.sources`. The file
has MBPP's schema and is read by :mod:`generators.problems.mbpp`; its contents are described in
``data/basics/README.md``.
"""

from __future__ import annotations

from pathlib import Path

from generators.errors import SourceUnavailableError
from generators.records import Split

__all__ = ["basics_path", "split_of"]

_FILE = Path("data", "basics", "basics.jsonl")


def split_of(task_id: int) -> Split:
    """Return the split of a task of ``basics`` by its number.

    Source: ``data/basics/README.md`` (prompt 1-8, test 9-70, validation 71-85, train from 86).
    """
    if task_id <= 8:
        return Split.PROMPT
    if task_id <= 70:
        return Split.TEST
    return Split.VALIDATION if task_id <= 85 else Split.TRAIN


def basics_path() -> Path:
    """Return the corpus' file: inside the installed package, or beside it in a checkout.

    Raises:
        SourceUnavailableError: The installation lacks the file.
    """
    package = Path(__file__).resolve().parents[1]
    for base in (package, package.parent):
        path = base / _FILE
        if path.is_file():
            return path
    raise SourceUnavailableError(
        f"the embedded corpus basics is missing from {package}: reinstall execution-probe"
    )
