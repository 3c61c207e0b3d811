"""Calls that models were asked about, run again: outputs, also of changed programs, and steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from generators.calls import entry_point
from generators.records import Origin, Outcome, OutcomeStatus, Problem, Trace
from generators.sandbox.policy import Limits, Record
from generators.sandbox.pool import Job, SandboxPool
from probe.analysis.properties import PROPERTIES
from probe.config import DataOptions
from probe.tasks.grading import is_right
from probe.tasks.rerun.findings import Findings, Rerun, problems_of
from probe.tasks.steps.derive import answers_of

__all__ = ["outputs", "outputs_of_probed", "outputs_of_shown", "steps"]

_Row = dict[str, Any]

_LIMITS = Limits(cpu_seconds=40.0, wall_seconds=120.0)


def outputs(inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
    """Run the calls whose outputs a model was to predict again."""
    source = inputs["traces"]["header"]["source"]
    problems = problems_of(source, {row["task_id"] for row in samples}, data)
    return _held_against_calls(
        samples,
        lambda row: (problems[row["task_id"]].code, problems[row["task_id"]].test_setup_code),
        data,
    )


def outputs_of_probed(inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
    """Run the calls that a model read while its states were probed again.

    Labels that follow from a result are scored anew from it elsewhere. The others follow from all
    calls of the trace file, of which a run holds some.
    """
    rerun = outputs(inputs, samples, data)
    by_way = [name for name in samples[0]["labels"] if PROPERTIES[name].from_result is None]
    told = f"labels that follow from the way of a run: {', '.join(by_way)}"
    return rerun + Rerun(unchecked=(told,) if by_way else ())


def steps(inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
    """Run calls again, line by line, and answer the questions about them anew."""
    source = inputs["traces"]["header"]["source"]
    problems = problems_of(source, {row["task_id"] for row in samples}, data)
    of_task: dict[int, dict[str, list[_Row]]] = {}
    for row in samples:
        of_task.setdefault(row["task_id"], {}).setdefault(row["trace_id"], []).append(row)
    jobs = (
        Job(
            key=str(task),
            code=problems[task].code,
            setup=problems[task].test_setup_code,
            steps=tuple(rows[0]["call"] for rows in calls.values()),
            limits=_LIMITS,
            record=Record.EVENTS,
        )
        for task, calls in of_task.items()
    )
    found = Findings("answers about steps")
    with SandboxPool(workers=data.workers, trust_programs=data.trust_programs) as pool:
        for result, (task, calls) in zip(pool.run(jobs), of_task.items(), strict=True):
            outcomes = result.steps or [result.load] * len(calls)
            traces = [
                _recorded(problems[task], trace_id, rows[0]["call"], outcome)
                for (trace_id, rows), outcome in zip(calls.items(), outcomes, strict=True)
            ]
            answers = answers_of(traces)
            for rows, outcome in zip(calls.values(), outcomes, strict=True):
                for row in rows:
                    found.hold(
                        row["key"],
                        (row["expected"],),
                        (answers.get(row["key"], str(outcome.status)),),
                        ended={str(outcome.status)},
                    )
    return found.rerun()


def _recorded(problem: Problem, trace_id: str, call: str, outcome: Outcome) -> Trace:
    """Return what a call did as a trace."""
    return Trace(
        trace_id=trace_id,
        source=problem.source,
        task_id=problem.task_id,
        split=problem.split,
        entry_point=entry_point(problem.test_list) or "",
        text=problem.text,
        code=problem.code,
        setup=problem.test_setup_code,
        call=call,
        output=outcome.value or "",
        output_type=outcome.value_type,
        origin=Origin.GENERATED,
        raises=outcome.error,
        recording=outcome.recording,
    )


def outputs_of_shown(_inputs: dict[str, Any], samples: Sequence[_Row], data: DataOptions) -> Rerun:
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
    found = Findings("true outputs")
    with SandboxPool(workers=data.workers, trust_programs=data.trust_programs) as pool:
        for result, calls in zip(pool.run(jobs), programs.values(), strict=True):
            for place, rows in enumerate(calls.values()):
                loaded = result.load.status is OutcomeStatus.OK
                outcome = result.steps[place] if loaded else result.load
                for row in rows:
                    raised = row.get("raises")
                    expected = raised or row["expected"]
                    if raised or outcome.value is None:
                        got = outcome.error or str(outcome.status)
                    else:
                        same = is_right(outcome.value, expected)
                        got = expected if same else outcome.value
                    found.hold(row["key"], (expected,), (got,), ended={str(outcome.status)})
    return found.rerun()
