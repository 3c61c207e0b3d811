"""Do programs that pass their tests also agree with the reference elsewhere?

Programs that passed run on inputs that no test shows (those of a trace file, generated and run
for the reference already) and on MBPP's challenge tests, in the sandbox. Called by
:mod:`probe.tasks.analyse.task`.

Source: paper, section 4.5 (4.7 in the specification): generalising to held-out tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from generators.records import Origin, OutcomeStatus, Problem, Trace
from generators.sandbox.policy import Limits
from generators.sandbox.pool import Job, JobResult, SandboxPool
from probe.config import DataOptions
from probe.tasks.grading import Submission, grade, is_right

__all__ = ["FreshInputs", "fresh_inputs", "on_challenges", "on_fresh_inputs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshInputs:
    """Calls of one problem that its tests do not make.

    Attributes:
        calls: The calls, as Python text.
        outputs: What the reference returns, as literal text.
    """

    calls: tuple[str, ...]
    outputs: tuple[str, ...]


def fresh_inputs(traces: Iterable[Trace]) -> dict[int, FreshInputs]:
    """Return the generated calls of each task; calls that raise are left out."""
    found: dict[int, list[Trace]] = {}
    for trace in traces:
        if trace.origin is Origin.GENERATED and trace.output:
            found.setdefault(trace.task_id, []).append(trace)
    return {
        task: FreshInputs(
            calls=tuple(trace.call for trace in group),
            outputs=tuple(trace.output for trace in group),
        )
        for task, group in found.items()
    }


def on_fresh_inputs(
    programs: Sequence[Submission],
    inputs: Mapping[int, FreshInputs],
    data: DataOptions,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run programs on fresh inputs and yield, by key, how often they agree with the reference.

    Args:
        programs: Programs that passed their tests.
        inputs: Fresh inputs by task; programs of other tasks are passed over.
        data: Workers and trust of the sandbox.
    """
    asked = {one.key: one for one in programs if one.problem.task_id in inputs}

    def jobs() -> Iterator[Job]:
        for one in asked.values():
            yield Job(
                key=one.key,
                code=one.code,
                setup=one.problem.test_setup_code,
                steps=inputs[one.problem.task_id].calls,
                limits=Limits(),
            )

    with SandboxPool(workers=data.workers, trust_programs=data.trust_programs) as pool:
        for result in pool.run(jobs()):
            yield result.key, _agreement(result, inputs[asked[result.key].problem.task_id])


def _agreement(result: JobResult, fresh: FreshInputs) -> dict[str, Any]:
    outcomes = result.steps or (result.load,) * len(fresh.calls)
    agree = [
        outcome.status is OutcomeStatus.OK and is_right(outcome.value, output)
        for outcome, output in zip(outcomes, fresh.outputs, strict=True)
    ]
    first = ""
    if not all(agree):
        place = agree.index(False)
        outcome = outcomes[place]
        got = (
            outcome.value if outcome.status is OutcomeStatus.OK else outcome.error or outcome.status
        )
        first = _shortened(f"{fresh.calls[place]} gave {got}, the reference {fresh.outputs[place]}")
    return {"inputs": len(agree), "agree": sum(agree), "first_difference": first}


def _shortened(text: str) -> str:
    return text if len(text) <= 300 else text[:297] + "..."


def on_challenges(
    programs: Sequence[Submission], data: DataOptions
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Grade programs by their problem's challenge tests and yield, by key, what came of it."""
    asked = [
        replace(one, problem=_challenge(one.problem))
        for one in programs
        if one.problem.challenge_test_list
    ]
    for graded in grade(asked, workers=data.workers, trust_programs=data.trust_programs):
        yield graded.key, {"verdict": str(graded.verdict), "message": graded.message}


def _challenge(problem: Problem) -> Problem:
    return replace(problem, test_list=problem.challenge_test_list)
