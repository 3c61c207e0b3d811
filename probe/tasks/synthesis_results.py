"""From graded programs to numbers; called by the synthesis task and by ``probe verify``.

Source: paper, section 4.2 (classes of errors).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from generators.records import Verdict
from probe.extract import Extraction, Reason, extract_code
from probe.tasks.names import SYNTHESIS
from probe.tasks.questions import REPLY
from probe.tasks.sampled import sampled_results

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
        The results document without its header and hash: see :func:`sampled_results`.
    """
    return {
        "task": SYNTHESIS,
        **sampled_results(samples, CLASSES),
        "verdicts": dict(sorted(Counter(row["verdict"] for row in samples).items())),
        "errors": dict(sorted(Counter(row["error"] for row in samples if row["error"]).items())),
        "tests_inside": sum(row["tests_inside"] for row in samples),
        "backends": sorted({row["backend"] for row in samples if row["backend"]}),
    }
