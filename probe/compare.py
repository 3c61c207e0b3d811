"""``probe compare``: two runs on the same items, paired.

Runs that are not matched (:mod:`probe.report.matching`) are refused, and the field in which they
differ is named. Called by the command line; the report compares in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators.errors import RunError
from probe.report.inputs import ReportRun
from probe.report.load import load_inputs
from probe.report.matching import FieldDifference, declared, field_differences
from probe.report.numbers import count, p_value, points_interval
from probe.runs import read_run
from probe.statistics import DEFAULT_LEVEL, DEFAULT_POWER, Paired, corrected, pair
from probe.tasks.measures import MEASURES

__all__ = ["ComparedRuns", "Comparison", "compare_lines", "compare_runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs by one measure.

    Attributes:
        name: The measure, see :mod:`probe.tasks.measures`.
        n: Number of units that both were measured on.
        first: Share of them that the first run is right on.
        second: The same of the second run.
        paired: Second minus first; corrected over all measures of the two runs.
    """

    name: str
    n: int
    first: float
    second: float
    paired: Paired

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as a JSON object."""
        return {
            "name": self.name,
            "n": self.n,
            "first": self.first,
            "second": self.second,
            **self.paired.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRuns:
    """What two matched runs say of each other.

    Attributes:
        names: The runs.
        models: What answered in each, as short text.
        declared: Ways of asking in which they differ, all of them allowed.
        comparisons: One for each measure.
    """

    names: tuple[str, str]
    models: tuple[str, str]
    declared: tuple[FieldDifference, ...]
    comparisons: tuple[Comparison, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as a JSON object."""
        return {
            "runs": list(self.names),
            "models": list(self.models),
            "declared": [
                {"field": one.field, "first": one.first, "second": one.second}
                for one in self.declared
            ],
            "comparisons": [one.to_json() for one in self.comparisons],
        }


def compare_runs(first: Path, second: Path) -> ComparedRuns:
    """Compare two runs of the same kind, item by item.

    Args:
        first: The run that is compared with.
        second: The run whose change is asked for.

    Raises:
        RunError: A folder is no finished run, the kinds cannot be compared, or the runs are not
            matched.
        FormatError: A file is broken.
    """
    a, b = _load(first), _load(second)
    if a.task == b.task:
        differences = field_differences(a, b)
    else:
        differences = (FieldDifference(field="kind", first=a.task, second=b.task),)
    if differences:
        raise RunError(f"{first} and {second} are not matched: {_told(differences)}")
    names, pairs = [], []
    measured = [MEASURES[a.task](read_run(path, check=False).samples) for path in (first, second)]
    for ours, theirs in zip(*measured, strict=True):
        before = list(ours.right.values())
        after = [theirs.right[unit] for unit in ours.right]
        names.append((ours.name, sum(before) / len(before), sum(after) / len(after), len(before)))
        pairs.append(pair(before, after, [task for task, _ in ours.right]))
    return ComparedRuns(
        names=(a.name, b.name),
        models=(_model(a), _model(b)),
        declared=declared(a, b),
        comparisons=tuple(
            Comparison(name=name, first=x, second=y, n=n, paired=paired)
            for (name, x, y, n), paired in zip(names, corrected(pairs), strict=True)
        ),
    )


def _load(path: Path) -> ReportRun:
    (run,) = load_inputs([path]).runs
    if run.task not in MEASURES:
        raise RunError(f"{path} is a run of {run.task!r}, which has no answers to compare")
    return run


def _told(differences: Sequence[FieldDifference]) -> str:
    return "; ".join(f"{one.field}: {one.first} -> {one.second}" for one in differences)


def _model(run: ReportRun) -> str:
    if run.tuned:
        return f"{run.model_name} with an adapter"
    return run.model_name


def compare_lines(found: ComparedRuns) -> list[str]:
    """Return what the command prints: what was asked, and a row for each measure."""
    lines = [f"{name}: {model}" for name, model in zip(found.names, found.models, strict=True)]
    if found.declared:
        lines.append(f"asked in different ways: {_told(found.declared)}")
    head = ("measure", "n", "first", "second", "second minus first", "could have found")
    rows = [(*head, "only 1st", "only 2nd", "p", "p (Holm)"), *map(_row, found.comparisons)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells))
    lines.append(
        "differences in percentage points, 95% intervals, programs resampled; exact McNemar test, "
        f"corrected over {count(len(found.comparisons), 'measure')}"
    )
    lines.append(
        f"could have found: a difference of so many points or more, with {DEFAULT_POWER:.0%} power "
        f"(level {1 - DEFAULT_LEVEL:.2f}, one test), if the answers to as many items differ as here"
    )
    return lines


def _row(one: Comparison) -> tuple[str, ...]:
    return (
        one.name,
        str(one.n),
        f"{one.first:.1%}",
        f"{one.second:.1%}",
        points_interval(one.paired.difference),
        "none" if one.paired.detectable is None else f"{100 * one.paired.detectable:.1f}",
        str(one.paired.only_first),
        str(one.paired.only_second),
        p_value(one.paired.p).removeprefix("= "),
        p_value(one.paired.p_holm).removeprefix("= "),
    )
