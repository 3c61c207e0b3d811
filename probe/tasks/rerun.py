"""Running the programs of a finished run again: do verdicts, values and true outputs come again?

Called by ``probe verify``. Three kinds of stored facts come out of a sandbox and are tried here:
verdicts of programs that a model wrote, values of its answers to word problems, and the outputs
that a model was to predict. What a machine's speed decides (time and memory) is never called a
difference; it is counted as not checked, as is everything whose data are not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from generators.errors import ProbeError, SandboxUnavailableError
from generators.problems.lookup import locate
from generators.problems.sources import Source, load_source
from generators.records import OutcomeStatus, Problem, Verdict
from generators.sandbox.policy import Limits, choose_backend
from generators.sandbox.pool import Job, SandboxPool
from probe.config import DataOptions
from probe.tasks.grading import Submission, grade, is_right
from probe.tasks.mathqa.prompts import Target
from probe.tasks.mathqa.running import runner
from probe.tasks.names import (
    COUNTERFACTUAL,
    DIALOG,
    EXECUTION,
    GRADING,
    GRID,
    MATHQA,
    SYNTHESIS,
)

__all__ = ["Rerun", "rerun_programs"]

_Row = dict[str, Any]

_BY_SPEED = frozenset(
    {
        *map(str, (Verdict.TIMEOUT, Verdict.MEMORY)),
        *map(str, (OutcomeStatus.TIMEOUT, OutcomeStatus.MEMORY)),
    }
)
_LIMITS = Limits(cpu_seconds=40.0, wall_seconds=120.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What came of running a run's programs again.

    Attributes:
        checked: What came again, in words; empty if nothing was run.
        differences: One line for each stored fact that did not come again.
        unchecked: What could not be tried, and why.
    """

    checked: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


class _NotHereError(ProbeError):
    """What is needed to run the programs is not on this machine."""


def rerun_programs(
    task: str, identity: dict[str, Any], samples: Sequence[_Row], data: DataOptions
) -> Rerun:
    """Run the programs of a run's samples again and compare.

    Args:
        task: Kind of the run.
        identity: Identity of the run, from its manifest.
        samples: Its samples, whose derived fields were found to be right.
        data: Where problems are, and how programs are run.

    Raises:
        SandboxError: The sandbox itself failed.
    """
    kind = _KINDS.get(task)
    if kind is None:
        return Rerun(unchecked=("what programs did: not run again for this kind of run",))
    try:
        choose_backend(trust_programs=data.trust_programs)
        return kind(identity["inputs"], samples, data)
    except (_NotHereError, SandboxUnavailableError) as error:
        return Rerun(unchecked=(f"what programs did, as they were not run again: {error}",))


def _verdicts(inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
    """Run the tests of written programs again."""
    wanted = {row["key"]: row for row in samples if row.get("code")}
    problems = _problems(inputs["source"], {row["task_id"] for row in wanted.values()}, data)
    submissions = [
        Submission(key=key, problem=problems[row["task_id"]], code=row["code"])
        for key, row in wanted.items()
    ]
    graded = grade(submissions, workers=data.workers, trust_programs=data.trust_programs)
    found = _Findings("verdicts")
    for again in graded:
        row = wanted[again.key]
        found.hold(
            again.key,
            (row["verdict"], row["error"]),
            (str(again.verdict), again.error),
            by_speed={row["verdict"], str(again.verdict)} & _BY_SPEED,
        )
    return found.rerun()


def _values(_inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
    """Run the programs that answer word problems again."""
    wanted = {row["key"]: row for row in samples if row["target"] == Target.PYTHON and row["ran"]}
    found = _Findings("values of programs")
    for again in runner(data)(iter(wanted.values())):
        row = wanted[again["key"]]
        found.hold(
            again["key"],
            (row["ran"], row["error"], row["value"]),
            (again["ran"], again["error"], again["value"]),
            by_speed={row["ran"], again["ran"]} & _BY_SPEED,
        )
    return found.rerun()


def _outputs(inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
    """Run the calls whose outputs a model was to predict again."""
    source = inputs["traces"]["header"]["source"]
    problems = _problems(source, {row["task_id"] for row in samples}, data)
    return _held_against_calls(
        samples,
        lambda row: (problems[row["task_id"]].code, problems[row["task_id"]].test_setup_code),
        data,
    )


def _outputs_of_shown(_inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
    """Run calls of changed programs again, as they stand in the prompts."""
    return _held_against_calls(samples, lambda row: (_shown_program(row["prompt"]), ""), data)


def _shown_program(prompt: str) -> str:
    """Return the program of a prompt's last item, whose template shows the program alone."""
    query = prompt.rpartition("\n# Result\n")[0]
    return query.rpartition("# Program\n")[2]


def _held_against_calls(
    samples: Sequence[_Row], program_of: Callable[[_Row], tuple[str, str]], data: DataOptions
) -> Rerun:
    programs: dict[tuple[str, str], dict[str, list[_Row]]] = {}
    for row in samples:
        programs.setdefault(program_of(row), {}).setdefault(row["call"], []).append(row)
    jobs = (
        Job(key=str(place), code=code, setup=setup, steps=tuple(calls), limits=_LIMITS)
        for place, ((code, setup), calls) in enumerate(programs.items())
    )
    found = _Findings("true outputs")
    with SandboxPool(workers=data.workers, trust_programs=data.trust_programs) as pool:
        for result, calls in zip(pool.run(jobs), programs.values(), strict=True):
            for place, rows in enumerate(calls.values()):
                loaded = result.load.status is OutcomeStatus.OK
                outcome = result.steps[place] if loaded else result.load
                for row in rows:
                    right = is_right(outcome.value, row["expected"])
                    got = outcome.value if outcome.value is not None else outcome.status
                    found.hold(
                        row["key"],
                        (row["expected"],),
                        (row["expected"] if right else str(got),),
                        by_speed={str(outcome.status)} & _BY_SPEED,
                    )
    return found.rerun()


class _Findings:
    """Collects what came again and what did not."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._same = 0
        self._by_speed = 0
        self._differences: list[str] = []

    def hold(
        self, key: str, stored: tuple[str, ...], again: tuple[str, ...], *, by_speed: Iterable[str]
    ) -> None:
        if stored == again:
            self._same += 1
        elif any(by_speed):
            self._by_speed += 1
        else:
            was, now = (" ".join(filter(None, part)) for part in (stored, again))
            self._differences.append(
                f"sample {key}: stored is {was}, running the program again gives {now}"
            )

    def rerun(self) -> Rerun:
        unchecked = f"{self._by_speed} {self._what} that time or memory decided"
        return Rerun(
            checked=(f"{self._same} {self._what} by running again",) if self._same else (),
            differences=tuple(self._differences),
            unchecked=(unchecked,) if self._by_speed else (),
        )


def _problems(source: dict[str, Any], wanted: set[int], data: DataOptions) -> dict[int, Problem]:
    """Return the problems of a run by task.

    Raises:
        _NotHereError: Their source is not here, or in another version.
    """
    name = str(source["name"])
    try:
        here = locate(name, data.data_dir)
        if here is None:  # never from the network
            raise _NotHereError(f"{name} is not here; name its folder with --data-dir")
        found = _read_once(name, data.data_dir, here.path, here.path.stat().st_mtime_ns)
    except (ProbeError, OSError) as error:
        raise _NotHereError(str(error)) from None
    problems = {problem.task_id: problem for problem in found.problems}
    if found.content_sha256 != source["content_sha256"] or not wanted <= set(problems):
        raise _NotHereError(f"{name} is here in another version than the run's")
    return problems


@lru_cache(maxsize=4)
def _read_once(name: str, data_dir: Path | None, _path: Path, _changed: int) -> Source:
    """Read a source that many runs of a report share; again only if its file has changed."""
    return load_source(name, data_dir=data_dir, accept_unknown=True)


_KINDS: dict[str, Callable[[dict[str, Any], Sequence[_Row], DataOptions], Rerun]] = {
    SYNTHESIS: _verdicts,
    DIALOG: _verdicts,
    GRADING: _verdicts,
    MATHQA: _values,
    EXECUTION: _outputs,
    GRID: _outputs,
    COUNTERFACTUAL: _outputs_of_shown,
}
