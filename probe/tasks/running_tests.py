"""Running the tests of written programs while the model goes on: synthesis and dialog."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from generators.records import Problem, Verdict
from generators.sandbox.policy import choose_backend
from probe.config import DataOptions
from probe.extract import Reason
from probe.tasks.grading import Graded, Submission, grade
from probe.tasks.questions import Grade
from probe.tasks.sampled import run_while_asking
from probe.tasks.synthesis_results import code_of

__all__ = ["test_runner"]


def test_runner(data: DataOptions, problems: Sequence[Problem]) -> Grade:
    """Return what runs the tests of samples; they gain what became of them.

    Args:
        data: Workers and trust of the sandbox.
        problems: The problems that samples may be about.
    """
    by_id = {problem.task_id: problem for problem in problems}

    def submit(row: dict[str, Any]) -> Submission | None:
        found = code_of(row)
        if found.reason is not Reason.NONE:
            return None
        return Submission(key=row["key"], problem=by_id[row["task_id"]], code=found.text)

    def finish(row: dict[str, Any], verdict: Graded | None) -> dict[str, Any]:
        if verdict is None:
            return _fields(Graded(key=row["key"], verdict=Verdict.NO_CODE), "")
        return _fields(verdict, choose_backend(trust_programs=data.trust_programs))

    run = partial(grade, workers=data.workers, trust_programs=data.trust_programs)
    return run_while_asking(submit, run, finish)


def _fields(verdict: Graded, backend: str) -> dict[str, Any]:
    return {
        "tests_inside": verdict.inside,
        "tests_passed": verdict.passed,
        "backend": str(backend),
        "verdict": str(verdict.verdict),
        "error": verdict.error,
        "message": verdict.message,
    }
