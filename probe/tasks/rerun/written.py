"""Programs that models wrote, run again: verdicts of their tests, values of their answers.

Of an analysis, the agreement on fresh inputs is not tried: they stand in the trace file that it
was given, not in the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from probe.config import DataOptions
from probe.tasks.analyse.fresh import on_challenges
from probe.tasks.grading import Graded, Submission, grade
from probe.tasks.mathqa.prompts import Target
from probe.tasks.mathqa.running import runner
from probe.tasks.rerun.findings import Findings, Rerun, problems_of

__all__ = ["analysed", "values", "verdicts"]

_TRIES = 20  # more runs of a program that did something else than what is stored

_Row = dict[str, Any]


def verdicts(inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
    """Run the tests of written programs again."""
    return _verdicts(_submissions(inputs, samples, data), samples, data)


def analysed(inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
    """Run the tests of analysed programs again, and the challenge tests of those that pass."""
    submissions = _submissions(inputs, samples, data)
    rerun = _verdicts(submissions, samples, data)
    stored = {row["key"]: row["challenge"] for row in samples if row["challenge"]}
    found = Findings("outcomes of challenge tests")
    challenged = [one for one in submissions if one.key in stored]
    for key, again in on_challenges(challenged, data):
        was, now = stored[key]["verdict"], again["verdict"]
        found.hold(key, (was,), (now,), ended={was, now})
    rerun += found.rerun()
    if inputs["traces"]:
        rerun += Rerun(unchecked=("agreement on fresh inputs, which stand in a trace file",))
    return rerun


def _submissions(
    inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions
) -> list[Submission]:
    """Return the programs of samples, with the problems that they are for."""
    wanted = [row for row in samples if row.get("code")]
    problems = problems_of(inputs["source"], {row["task_id"] for row in wanted}, data)
    return [
        Submission(key=row["key"], problem=problems[row["task_id"]], code=row["code"])
        for row in wanted
    ]


def _verdicts(
    submissions: Sequence[Submission], samples: Sequence[_Row], data: DataOptions
) -> Rerun:
    stored = {row["key"]: row for row in samples}
    found = Findings("verdicts")
    for again in grade(submissions, workers=data.workers, trust_programs=data.trust_programs):
        row = stored[again.key]
        ended = {row["verdict"], str(again.verdict)}
        found.hold(again.key, *_facts(row, again), ended=ended)
    found.forgive(_unsteady([one for one in submissions if one.key in found.odd], stored, data))
    return found.rerun()


def _facts(row: _Row, again: Graded) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the stored fact about a program, and the same now."""
    error = row.get("error", again.error)  # an analysis keeps the verdict alone
    return (row["verdict"], error), (str(again.verdict), again.error)


def _unsteady(
    odd: Sequence[Submission], stored: dict[str, _Row], data: DataOptions
) -> frozenset[str]:
    """Run programs many times more; return those that sometimes do what is stored."""
    if not odd:
        return frozenset()  # no sandbox for nothing
    tries = [replace(one, key=f"{one.key} {number}") for one in odd for number in range(_TRIES)]
    found = set()
    for again in grade(tries, workers=data.workers, trust_programs=data.trust_programs):
        key = again.key.rpartition(" ")[0]
        was, now = _facts(stored[key], again)
        if was == now:
            found.add(key)
    return frozenset(found)


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
