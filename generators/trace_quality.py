"""How good a file of traces is: numbers per program, coverage, variety, twins across splits.

Called by :mod:`generators.trace_files` when a file is finished. Everything follows from the
traces and the problems; nothing is run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import mean, median
from typing import Any

from generators.branches import branch_count
from generators.records import Origin, Problem, Trace
from generators.twins import find_twins

__all__ = ["coverage", "entropy_bits", "quality"]

LEAST = (1, 5, 10, 15, 20)  # traces a program, for the shares


def quality(
    traces: Sequence[Trace], traced: Sequence[Problem], source: Sequence[Problem]
) -> dict[str, Any]:
    """Return the quality report as a JSON object.

    Args:
        traces: All traces of the file.
        traced: The programs that were traced.
        source: All problems of the source, for twins across splits.
    """
    of_program: dict[int, list[Trace]] = {problem.task_id: [] for problem in traced}
    for trace in traces:
        of_program[trace.task_id].append(trace)
    values = [[t for t in found if not t.raises] for found in of_program.values()]
    generated = [sum(t.origin is Origin.GENERATED for t in found) for found in values]
    twins = [twins for twins in find_twins(source) if twins.across_splits]
    return {
        "generated_per_program": {
            "mean": round(mean(generated), 3),
            "median": median(generated),
            "share_of_programs_with_at_least": {
                str(least): round(mean(n >= least for n in generated), 4) for least in LEAST
            },
        },
        "branch_coverage": _coverage(traced, of_program),
        "output_entropy_bits": round(mean(entropy_bits(t.output for t in v) for v in values), 3),
        "steps": {"median": median(_steps(traces)), "largest": max(_steps(traces))},
        "incomplete_recordings": sum(
            t.recording is not None and not t.recording.complete for t in traces
        ),
        "exceptions": dict(sorted(Counter(t.raises for t in traces if t.raises).items())),
        "twins_across_splits": [
            {"kind": each.kind.value, "tasks": {str(i): split for i, split in each.tasks.items()}}
            for each in twins
        ],
    }


def _steps(traces: Iterable[Trace]) -> list[int]:
    return [t.recording.steps for t in traces if t.recording] or [0]


def _coverage(traced: Sequence[Problem], of_program: dict[int, list[Trace]]) -> dict[str, Any]:
    """Return the mean share of branch outcomes reached, over the programs that have any."""
    counts = {problem.task_id: branch_count(problem.code) for problem in traced}
    branching = [task_id for task_id, count in counts.items() if count]
    kinds = {
        "asserts": (Origin.ASSERT,),
        "generated": (Origin.GENERATED,),
        "all": tuple(Origin),
    }
    found: dict[str, Any] = {"programs_with_branches": len(branching)}
    for name, origins in kinds.items():
        shares = [
            coverage((t for t in of_program[i] if t.origin in origins), counts[i])
            for i in branching
        ]
        found[name] = round(mean(shares), 4) if shares else None
    return found


def coverage(traces: Iterable[Trace], branches: int) -> float:
    """Return the share of a program's branch outcomes that its traces reach together.

    Args:
        traces: Traces of one program, with recordings.
        branches: Branch outcomes of the program (:func:`generators.branches.branch_count`), > 0.
    """
    reached = {branch for t in traces if t.recording for branch in t.recording.branches}
    return len(reached.intersection(range(branches))) / branches


def entropy_bits(outputs: Iterable[str]) -> float:
    """Return the entropy of the outputs' distribution, in bits; 0 for none.

    Source: Shannon, A Mathematical Theory of Communication, 1948.
    """
    counts = Counter(outputs)
    total = counts.total()
    return -sum(n / total * math.log2(n / total) for n in counts.values()) + 0.0
