"""All named sources together: programs with tests, and word problems.

Called by ``probe data list|show|fetch`` and ``probe doctor``, where both kinds stand side by side.
What is asked of a model takes one kind, from :mod:`generators.problems.sources` or
:mod:`generators.problems.mathqa.source`.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from generators.errors import UsageError
from generators.problems.mathqa.describe import describe_mathqa, mathqa_row
from generators.problems.mathqa.records import MathSplit
from generators.problems.mathqa.source import fetch_mathqa
from generators.problems.registry import MATHQA
from generators.problems.sources import describe, fetch_source, list_sources
from generators.records import Split

__all__ = ["describe_any", "fetch_any", "list_all"]

_Member = TypeVar("_Member", bound=StrEnum)


def list_all(data_dir: Path | None = None) -> list[dict[str, Any]]:
    """Say for each named source where it would come from, without reading or fetching it.

    Raises:
        DataError: No such data folder.
    """
    return [*list_sources(data_dir), mathqa_row(data_dir)]


def describe_any(
    name: str,
    *,
    split: str | None = None,
    data_dir: Path | None = None,
    accept_unknown: bool = False,
    first: int | None = None,
) -> dict[str, Any]:
    """Load a source of either kind and say what is in it.

    Args:
        name: Name of a source, or the path of a file in MBPP's schema.
        split: Name of one of its splits.
        data_dir: The data folder; ``None`` for that of ``PROBE_DATA_DIR``, if any.
        accept_unknown: Take content that is not a listed version.
        first: How many problems to show; ``None`` for 3, or 2 of the longer word problems.

    Returns:
        As :func:`describe_mathqa` for MathQA-Python, else as :func:`sources.describe`.

    Raises:
        UsageError: The source has no such split.
        DataError: As the two functions.
    """
    if name == MATHQA:
        return describe_mathqa(
            _member(MathSplit, split, name),
            data_dir=data_dir,
            accept_unknown=accept_unknown,
            first=2 if first is None else first,
        )
    return describe(
        name,
        split=_member(Split, split, name),
        data_dir=data_dir,
        accept_unknown=accept_unknown,
        first=3 if first is None else first,
    )


def fetch_any(name: str, *, data_dir: Path | None = None, accept_unknown: bool = False) -> Path:
    """Put a named source of either kind into the cache and return its file or folder.

    Raises:
        DataError: As the two functions that fetch them.
    """
    if name == MATHQA:
        return fetch_mathqa(data_dir=data_dir, accept_unknown=accept_unknown)
    return fetch_source(name, data_dir=data_dir, accept_unknown=accept_unknown)


def _member(splits: type[_Member], text: str | None, name: str) -> _Member | None:
    if text is None:
        return None
    try:
        return splits(text)
    except ValueError:
        raise UsageError(
            f"--split is {text!r}; of {name} it is one of {', '.join(splits)}"
        ) from None
