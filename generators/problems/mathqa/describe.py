"""What ``probe data list|show`` say about MathQA-Python, as plain JSON objects."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from generators.problems.lookup import Supply
from generators.problems.mathqa.convert import CONVERSION
from generators.problems.mathqa.records import MathProblem, MathSplit
from generators.problems.mathqa.source import (
    HOMEPAGE,
    LICENCE,
    RAW_FILES,
    load_mathqa,
    locate_split,
)
from generators.problems.mathqa.twins import twin_report
from generators.problems.registry import MATHQA

__all__ = ["describe_mathqa", "mathqa_row"]


def mathqa_row(data_dir: Path | None = None) -> dict[str, Any]:
    """Say where MathQA-Python would come from, without reading or fetching it.

    Returns:
        The fields of :func:`generators.problems.lookup.list_sources`, and ``splits``, those whose
        files are on this machine. ``supply`` and ``path`` are those of the first of them; ``path``
        is a folder.

    Raises:
        DataError: No such data folder.
    """
    here = {split: at for split in MathSplit if (at := locate_split(split, data_dir))}
    first = next(iter(here.values()), None)
    return {
        "name": MATHQA,
        "description": "MathQA's word problems as Python programs; an answer, no tests",
        "licence": LICENCE,
        "homepage": HOMEPAGE,
        "supply": (first.supply if first else Supply.HOME).value,
        "path": str(first.path.parent) if first else None,
        "splits": [split.value for split in here],
    }


def describe_mathqa(
    split: MathSplit | None = None,
    *,
    data_dir: Path | None = None,
    accept_unknown: bool = False,
    first: int = 2,
) -> dict[str, Any]:
    """Load splits and say what is in them.

    Args:
        split: The only one; ``None`` for all that are on this machine, or, if none is, for all.
        data_dir: The data folder; ``None`` for that of ``PROBE_DATA_DIR``, if any.
        accept_unknown: Take files that are not the published ones.
        first: How many problems to show.

    Returns:
        ``name, licence, homepage, conversion``; over the splits ``rows, problems, dropped`` (by
        reason); ``splits``: by split its manifest, ``path`` and ``expected`` (how many problems
        there should be); ``twins``; and ``first``, the first problems.

    Raises:
        DataError: As :func:`load_mathqa`.
    """
    here = [one for one in MathSplit if locate_split(one, data_dir)] or list(MathSplit)
    wanted = [split] if split else here
    sources = [load_mathqa(o, data_dir=data_dir, accept_unknown=accept_unknown) for o in wanted]
    problems: list[MathProblem] = [one for source in sources for one in source.problems]
    dropped: Counter[str] = Counter()
    for source in sources:
        dropped.update(source.dropped)
    return {
        "name": MATHQA,
        "licence": LICENCE,
        "homepage": HOMEPAGE,
        "conversion": CONVERSION,
        "rows": sum(source.rows for source in sources),
        "problems": len(problems),
        "dropped": dict(dropped),
        "splits": {
            source.split.value: {
                **source.manifest(),
                "path": source.path,
                "expected": RAW_FILES[source.split].problems,
            }
            for source in sources
        },
        "twins": twin_report(problems),
        "first": [problem.to_json() for problem in problems[:first]],
    }
