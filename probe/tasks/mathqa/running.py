"""From what a model wrote to a value: programs run in the sandbox, formulas are worked out here.

Called by the task (programs) and by the scoring (formulas, which need no sandbox). The sandbox
never sees the number that is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from generators.errors import FormatError
from generators.problems.mathqa.formula import parse_formula
from generators.records import Outcome
from generators.sandbox.policy import Limits, choose_backend
from generators.sandbox.pool import Job, JobResult, SandboxPool
from probe.config import DataOptions
from probe.extract import Extraction, Reason, extract_code, without_thoughts
from probe.tasks.mathqa.prompts import Target
from probe.tasks.questions import REPLY, Grade
from probe.tasks.sampled import run_while_asking

__all__ = ["LIMITS", "Worth", "answer_of", "formula_worth", "runner"]

LIMITS = Limits()
"""Bounds of one program."""

_STEPS = ("answer",)

# The sandbox has the standard library alone. Reference programs call one function of SciPy, and a
# model that has learned them does so too; it gets this one, which also takes parts of numbers.
_SCIPY = """
def _stand_in():
    import math, sys, types

    def comb(n, k):
        if k < 0 or n < k:
            return 0.0
        if n == int(n) and k == int(k):
            return float(math.comb(int(n), int(k)))
        return math.gamma(n + 1) / (math.gamma(k + 1) * math.gamma(n - k + 1))

    scipy, special = types.ModuleType("scipy"), types.ModuleType("scipy.special")
    scipy.special, special.comb = special, comb
    sys.modules.update({"scipy": scipy, "scipy.special": special})

_stand_in()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a formula is worth.

    Attributes:
        value: Its value, ``None`` if it has none.
        problem: Why it is no formula, or has no value.
    """

    value: int | float | None
    problem: str = ""


def answer_of(row: dict[str, Any]) -> Extraction:
    """Read the program or the formula from a sample's completion."""
    if row["finish"] == "overflow":
        return Extraction(text="", reason=Reason.OVERFLOW)
    reply = row.get("read_as") == REPLY
    if row["target"] == Target.PYTHON:
        return extract_code(row["completion"], reply=reply)
    text = without_thoughts(row["completion"]) if reply else row["completion"]
    lines = [line for each in text.splitlines() if (line := each.strip(" `"))]
    if not lines:
        return Extraction(text="", reason=Reason.NO_CODE)
    if reply:  # words may stand before it
        lines = [line for line in lines if _is_formula(line)] or lines
    return Extraction(text=lines[0], reason=Reason.NONE)


def _is_formula(text: str) -> bool:
    try:
        parse_formula(text)
    except FormatError:
        return False
    return True


def formula_worth(text: str, numbers: list[float]) -> Worth:
    """Work out a formula with the numbers of its question."""
    try:
        formula = parse_formula(text)
    except FormatError as error:
        return Worth(value=None, problem=str(error))
    value = formula.value(numbers)
    return Worth(value=value, problem="" if value is not None else "the formula has no value")


def runner(data: DataOptions) -> Grade:
    """Return what runs programs while the model goes on; samples gain what became of them."""
    trusts = data.trust_programs

    def submit(row: dict[str, Any]) -> Job | None:
        found = answer_of(row)
        if found.reason is not Reason.NONE:
            return None
        code = _SCIPY + found.text if "scipy" in found.text else found.text
        return Job(key=row["key"], code=code, steps=_STEPS, limits=LIMITS)

    def run(jobs: Iterator[Job]) -> Iterator[JobResult]:
        with SandboxPool(workers=data.workers, trust_programs=trusts) as pool:
            yield from pool.run(jobs)

    def finish(_row: dict[str, Any], result: JobResult | None) -> dict[str, Any]:
        if result is None:
            return _fields(None, "")
        return _fields(
            next(iter(result.steps), result.load), str(choose_backend(trust_programs=trusts))
        )

    return run_while_asking(submit, run, finish)


def _fields(outcome: Outcome | None, backend: str) -> dict[str, Any]:
    if outcome is None:
        return {"ran": "", "value": "", "error": "", "message": "", "backend": ""}
    return {
        "ran": str(outcome.status),
        "value": outcome.value or "",
        "error": outcome.error,
        "message": outcome.message,
        "backend": backend,
    }
