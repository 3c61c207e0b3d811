"""``probe overlap``: the paper's overlap statistics of a source, against any text.

Called by the command line; lines are compared in :mod:`probe.analysis.overlap`.

Source: paper, section 4.5 (4.7 in the paper's text): 32 of 974 references had more than half of
their lines in the training data, 91.5% at most one or two (recalled, high confidence).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from generators.errors import UsageError
from generators.jsonl import atomic_writer
from generators.problems.sources import load_source
from generators.records import Problem, Split
from probe.analysis.overlap import LEAST, Overlap, file_lines, overlaps
from probe.statistics import Estimate, wilson

__all__ = ["overlap_lines", "overlap_report", "write_histogram"]

_BINS = 10
_MOST_NAMED = 20


def overlap_report(
    name: str,
    *,
    split: Split | None = None,
    against: Path | None = None,
    data_dir: Path | None = None,
    accept_unknown: bool = False,
) -> dict[str, Any]:
    """Tell how much of the references of a source stands elsewhere.

    Args:
        name: The source.
        split: Only its problems of this split.
        against: File or folder; without it each split is held against the others.
        data_dir: The data folder.
        accept_unknown: Take content of no known version.

    Raises:
        ProbeError: The source or the text cannot be had, or there is no problem.
    """
    source = load_source(name, data_dir=data_dir, accept_unknown=accept_unknown)
    asked = [one for one in source.problems if split is None or one.split is split]
    if not asked:
        raise UsageError(f"source {source.name} has no problem in the split {split}")
    if against is not None and not against.exists():
        raise UsageError(f"--against: there is no file or folder {against}")
    found = list(_found(asked, source.problems, against))
    return {
        "source": source.manifest(),
        "split": str(split) if split else "all",
        "against": against.name if against is not None else "other splits",
        "least_letters_and_digits": LEAST,
        **_statistics(found),
    }


def _found(
    asked: Sequence[Problem], everything: Sequence[Problem], against: Path | None
) -> Iterator[Overlap]:
    if against is not None:
        yield from overlaps(asked, file_lines(against))
        return
    for split in Split:
        ours = [problem for problem in asked if problem.split is split]
        theirs = (problem.code for problem in everything if problem.split is not split)
        yield from overlaps(ours, _lines(theirs))


def _lines(codes: Iterable[str]) -> Iterator[str]:
    for code in codes:
        yield from code.splitlines()


def _statistics(found: Sequence[Overlap]) -> dict[str, Any]:
    n = len(found)
    over_half = [one for one in found if one.share > 0.5]
    few = sum(len(one.matched) <= 2 for one in found)
    bins = [0] * _BINS
    for one in found:
        bins[min(_BINS - 1, int(one.share * _BINS))] += 1
    named = sorted(over_half, key=lambda one: (-one.share, -one.lines, one.task_id))
    return {
        "n_problems": n,
        "n_lines": sum(one.lines for one in found),
        "n_matched": sum(len(one.matched) for one in found),
        "over_half": wilson(len(over_half), n).to_json(),
        "at_most_two": wilson(few, n).to_json(),
        "none": wilson(sum(not one.matched for one in found), n).to_json(),
        "without_telling_lines": sum(one.lines == 0 for one in found),
        "histogram": bins,
        "most": [
            {"task_id": one.task_id, "lines": one.lines, "matched": list(one.matched)}
            for one in named[:_MOST_NAMED]
        ],
    }


def overlap_lines(found: dict[str, Any]) -> list[str]:
    """Return what the command prints."""

    def share(name: str) -> str:
        one = Estimate(**found[name])
        return f"{one.estimate:.1%} [{one.low:.1%}, {one.high:.1%}]"

    return [
        f"{found['n_problems']} references of {found['source']['name']} against {found['against']}:"
        f" {found['n_matched']} of {found['n_lines']} lines that tell stand there",
        f"more than half of the lines: {share('over_half')} of the references",
        f"at most two lines: {share('at_most_two')}; none: {share('none')}",
        "the paper, for its training data (recalled): 3.3% and 91.5%",
        *(f"  task {x['task_id']}: {len(x['matched'])} of {x['lines']}" for x in found["most"]),
    ]


def write_histogram(found: dict[str, Any], path: Path) -> None:
    """Draw how many references have which share of their lines elsewhere, as SVG.

    Raises:
        DataError: The file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    middles = [100 * (place + 0.5) / _BINS for place in range(_BINS)]
    bars = axes.bar(middles, found["histogram"], width=90 / _BINS, color="#0072b2")
    axes.bar_label(bars)
    axes.set_xlabel(f"Lines of a reference that stand in {found['against']}, %")
    axes.set_ylabel("References")
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_writer(path) as stream:
        figure.savefig(stream, format="svg", metadata={"Date": None})
