"""From graded programs to numbers; called by the synthesis task and by ``probe verify``.

Source: paper, sections 3 (metrics) and 4.2 (classes of errors).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from generators.records import Verdict
from probe.extract import Extraction, Reason, extract_code
from probe.metrics import pass_at_k
from probe.statistics import cluster_bootstrap
from probe.tasks.invariance import texts_changed
from probe.tasks.names import SYNTHESIS
from probe.tasks.questions import REPLY

__all__ = ["code_of", "outcome_class", "score_program", "synthesis_results"]


CLASSES = (
    "passed",
    "failed_assert",
    "syntax_error",
    "type_error",
    "other_error",
    "timeout",
    "no_code",
)
"""What becomes of a sample. Source: paper, section 4.2; timeouts and empty answers apart."""

_BY_VERDICT = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed_assert",
    Verdict.SYNTAX_ERROR: "syntax_error",
    Verdict.TIMEOUT: "timeout",
    Verdict.NO_CODE: "no_code",
}
_KS = (1, 2, 5, 10, 20, 50, 80, 100)

_Row = dict[str, Any]


def code_of(row: _Row) -> Extraction:
    """Read the program from a sample's completion."""
    if row["finish"] == "overflow":
        return Extraction(text="", reason=Reason.OVERFLOW)
    return extract_code(row["completion"], reply=row.get("read_as") == REPLY)


def outcome_class(row: _Row) -> str:
    """Return which of the classes a graded sample falls into."""
    found = _BY_VERDICT.get(Verdict(row["verdict"]))
    return found or ("type_error" if row["error"] == "TypeError" else "other_error")


def score_program(row: _Row) -> _Row:
    """Return the fields of a sample that derive from its completion and from its verdict."""
    found = code_of(row)
    none = found.reason is not Reason.NONE
    row = {**row, "verdict": str(Verdict.NO_CODE)} if none else row
    return {
        "code": "" if none else found.text,
        "reason": str(found.reason),
        "verdict": row["verdict"],
        "outcome": outcome_class(row),
    }


def synthesis_results(samples: Sequence[_Row]) -> _Row:
    """Derive all numbers of a synthesis run from its samples.

    Args:
        samples: Rows of ``samples.jsonl``, header left out, in file order.

    Returns:
        The results document without its header and hash. ``solved``: share of problems that any
        sample solves. ``samples_right``: share of samples that are right. ``pass_at_k``: unbiased
        estimates, problems resampled.
    """
    problems: dict[int, list[bool]] = {}
    for row in samples:
        problems.setdefault(row["task_id"], []).append(row["verdict"] == Verdict.PASS)
    ids = list(problems)
    fewest = min(map(len, problems.values()))
    classes = Counter(row["outcome"] for row in samples)
    return {
        "task": SYNTHESIS,
        "n_items": len(samples),
        "n_programs": len(problems),
        "samples_per_problem": fewest,
        "scores": {
            "solved": _mean([any(right) for right in problems.values()], ids),
            "samples_right": _mean(
                [row["verdict"] == Verdict.PASS for row in samples],
                [row["task_id"] for row in samples],
            ),
        },
        "pass_at_k": {
            str(k): _mean([pass_at_k(len(r), sum(r), k) for r in problems.values()], ids)
            for k in _KS
            if k <= fewest
        },
        "outcomes": {
            name: _mean(
                [row["outcome"] == name for row in samples], [r["task_id"] for r in samples]
            )
            for name in CLASSES
            if classes[name]
        },
        "verdicts": dict(sorted(Counter(row["verdict"] for row in samples).items())),
        "errors": dict(sorted(Counter(row["error"] for row in samples if row["error"]).items())),
        "tests_inside": sum(row["tests_inside"] for row in samples),
        "backends": sorted({row["backend"] for row in samples if row["backend"]}),
        "counts": {
            "finish": dict(sorted(Counter(row["finish"] for row in samples).items())),
            "no_answer": dict(
                sorted(Counter(row["reason"] for row in samples if row["reason"]).items())
            ),
        },
        "tokens": {
            "prompt": sum(row["prompt_tokens"] for row in samples),
            "completion": sum(row["completion_tokens"] for row in samples),
        },
        **texts_changed(samples),
    }


def _mean(values: Sequence[float], clusters: Sequence[int]) -> _Row:
    return cluster_bootstrap(values, clusters, rng=np.random.default_rng(0)).to_json()
