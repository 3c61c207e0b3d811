"""Programs that models wrote, run again: verdicts of their tests, values of their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from probe.config import DataOptions
from probe.tasks.grading import Submission, grade
from probe.tasks.mathqa.prompts import Target
from probe.tasks.mathqa.running import runner
from probe.tasks.rerun.findings import Findings, Rerun, problems_of

__all__ = ["values", "verdicts"]

_Row = dict[str, Any]


def verdicts(inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
    """Run the tests of written programs again."""
    wanted = {row["key"]: row for row in samples if row.get("code")}
    problems = problems_of(inputs["source"], {row["task_id"] for row in wanted.values()}, data)
    submissions = [
        Submission(key=key, problem=problems[row["task_id"]], code=row["code"])
        for key, row in wanted.items()
    ]
    graded = grade(submissions, workers=data.workers, trust_programs=data.trust_programs)
    found = Findings("verdicts")
    for again in graded:
        row = wanted[again.key]
        found.hold(
            again.key,
            (row["verdict"], row["error"]),
            (str(again.verdict), again.error),
            ended={row["verdict"], str(again.verdict)},
        )
    return found.rerun()


def values(_inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
    """Run the programs that answer word problems again."""
    wanted = {row["key"]: row for row in samples if row["target"] == Target.PYTHON and row["ran"]}
    found = Findings("values of programs")
    for again in runner(data)(iter(wanted.values())):
        row = wanted[again["key"]]
        found.hold(
            again["key"],
            (row["ran"], row["error"], row["value"]),
            (again["ran"], again["error"], again["value"]),
            ended={row["ran"], again["ran"]},
        )
    return found.rerun()
