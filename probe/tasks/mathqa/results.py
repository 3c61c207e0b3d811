"""From what samples gave to numbers; called by the MathQA task and by ``probe verify``.

An answer is right if it is the value of the reference program, under the tolerance that the run
names. The paper's tolerance is not known, so scores under the others stand beside it; so do
scores against the option that MathQA calls correct, which is rounded in one of eight problems.

Source: paper, sections 2 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

from generators.errors import LiteralError
from generators.literals import from_literal, to_literal
from generators.problems.mathqa.twins import Relation
from generators.records import OutcomeStatus, Verdict
from generators.tolerance import Tolerance, is_number, numbers_match
from probe.extract import Reason
from probe.statistics import pair
from probe.tasks.mathqa.guesses import GUESSES
from probe.tasks.mathqa.prompts import Target
from probe.tasks.mathqa.running import answer_of, formula_worth
from probe.tasks.names import MATHQA
from probe.tasks.sampled import mean, passed, sampled_results

__all__ = ["CLASSES", "mathqa_results", "score_math"]

CLASSES = (
    "right",
    "wrong_number",
    "no_number",
    "no_answer",
    "syntax_error",
    "type_error",
    "other_error",
    "timeout",
    "no_code",
)
"""What becomes of a sample. ``no_answer``: the program assigns nothing to ``answer``, or the
formula has no value; ``no_number``: something that is no finite number."""

_Row: TypeAlias = dict[str, Any]
_SYNTAX = ("SyntaxError", "IndentationError", "TabError")


def score_math(row: _Row) -> _Row:
    """Return the fields of a sample that derive from its completion and from what it gave."""
    found = answer_of(row)
    if found.reason is not Reason.NONE:
        return _scored(row, "", str(found.reason), None, "no_code")
    if row["target"] == Target.DSL:
        worth = formula_worth(found.text, row["numbers"])
        said = "wrong_number" if worth.value is not None else "no_answer"
        said = "syntax_error" if worth.problem.startswith("step ") else said
        return _scored(row, found.text, "", worth.value, said)
    number = _number(row["value"])
    return _scored(row, found.text, "", number, _outcome(row, number))


def _scored(row: _Row, text: str, reason: str, number: float | None, outcome: str) -> _Row:
    right = numbers_match(number, row["expected"], Tolerance(row["tolerance"]))
    verdict = Verdict.PASS if right else Verdict.NO_CODE if outcome == "no_code" else Verdict.FAIL
    return {
        "code": text,
        "reason": reason,
        "number": None if number is None else to_literal(number),
        "outcome": "right" if right else outcome,
        "verdict": str(verdict),
    }


def _number(text: str) -> int | float | None:
    try:
        value = from_literal(text) if text else None
        value = float(value) if isinstance(value, Fraction | Decimal) else value
    except (LiteralError, OverflowError):
        return None
    return value if is_number(value) else None


def _outcome(row: _Row, number: float | None) -> str:
    if number is not None:
        return "wrong_number"
    if row["ran"] == OutcomeStatus.OK or row["ran"] == OutcomeStatus.UNSERIALISABLE:
        return "no_number"
    if row["ran"] == OutcomeStatus.TIMEOUT:
        return "timeout"
    if row["error"] in _SYNTAX:
        return "syntax_error"
    if row["error"] == "NameError" and "'answer'" in row["message"]:
        return "no_answer"
    return "type_error" if row["error"] == "TypeError" else "other_error"


def mathqa_results(samples: Sequence[_Row]) -> _Row:
    """Derive all numbers of a MathQA run from its samples.

    Args:
        samples: Rows of ``samples.jsonl``, header left out, in file order.

    Returns:
        The results document without its header and hash. Near-copies among the problems asked
        are resampled together.
    """
    first = {row["task_id"]: row for row in reversed(samples)}
    problems = [first[task] for task in dict.fromkeys(row["task_id"] for row in samples)]
    solved = _solved(samples, passed)
    tolerance = Tolerance(samples[0]["tolerance"])
    return {
        "task": MATHQA,
        **sampled_results(samples, CLASSES, cluster="group"),
        "n_groups": len({row["group"] for row in samples}),
        "tolerance": str(tolerance),
        "by_tolerance": {
            str(other): _share(problems, _solved(samples, _right_by("expected", other)))
            for other in Tolerance
        },
        "by_option": _share(problems, _solved(samples, _right_by("option", tolerance))),
        "guesses": {
            name: _guess(problems, solved, name, tolerance)
            for name in GUESSES
            if any(row["guesses"][name] is not None for row in problems)
        },
        "near_copies": {
            str(relation): {
                "seen": _part(problems, solved, relation, seen=True),
                "unseen": _part(problems, solved, relation, seen=False),
            }
            for relation in Relation
        },
        "backends": sorted({row["backend"] for row in samples if row.get("backend")}),
    }


def _solved(samples: Sequence[_Row], right: Callable[[_Row], bool]) -> dict[int, bool]:
    found: dict[int, bool] = {}
    for row in samples:
        found[row["task_id"]] = found.get(row["task_id"], False) or right(row)
    return found


def _right_by(field: str, tolerance: Tolerance) -> Callable[[_Row], bool]:
    def right(row: _Row) -> bool:
        number = None if row["number"] is None else from_literal(row["number"])
        return numbers_match(number, row[field], tolerance)

    return right


def _share(problems: Sequence[_Row], right: dict[int, bool]) -> _Row:
    return mean([right[row["task_id"]] for row in problems], [row["group"] for row in problems])


def _part(
    problems: Sequence[_Row], solved: dict[int, bool], relation: Relation, *, seen: bool
) -> _Row | None:
    """Return the share solved of the problems that learning gives away, or does not."""
    part = [row for row in problems if (relation in row["seen"]) is seen]
    return _share(part, solved) if part else None


def _guess(
    problems: Sequence[_Row], solved: dict[int, bool], name: str, tolerance: Tolerance
) -> _Row:
    """Score a trivial answer, and the model against it."""
    right = {
        row["task_id"]: numbers_match(row["guesses"][name], row["expected"], tolerance)
        for row in problems
    }
    tasks = [row["task_id"] for row in problems]
    against = pair(
        [right[task] for task in tasks],
        [solved[task] for task in tasks],
        [row["group"] for row in problems],
    )
    return {
        "score": _share(problems, right),
        "difference": against.difference.to_json(),
        "p": against.p,
    }
