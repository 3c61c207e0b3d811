"""The programs of the few-shot examples, run in the sandbox and recorded line by line.

Called by the tasks whose solved examples show what happens while a program runs; the examples
themselves are chosen there. What is run, and so what is recorded, depends on the source alone.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from generators.errors import UsageError
from generators.problems.sources import load_source
from generators.records import Split, Trace
from generators.tracing import TracePlan, trace_programs
from probe.config import DEFAULT_SHOT_IDS, DataOptions

__all__ = ["recorded_shots"]


def recorded_shots(
    name: str, data: DataOptions, *, inputs: int = 0, pool: bool = False
) -> tuple[list[Trace], dict[str, Any]]:
    """Return recorded calls of the few-shot tasks, and the manifest of their source.

    Tasks come in the order of ``DEFAULT_SHOT_IDS``, a task's asserts before its generated calls.

    Args:
        name: Problem source, or a path to one.
        data: Where problems come from, and how programs are run.
        inputs: Generated calls of each program beside its asserts, and up to half as many again
            that raise.
        pool: Also the other tasks of the prompt split, after those.

    Raises:
        UsageError: The source has none of the tasks.
        SandboxUnavailableError: No isolation here and the programs are not trusted.
    """
    source = load_source(name, data_dir=data.data_dir, accept_unknown=data.accept_unknown)
    by_id = {problem.task_id: problem for problem in source.split(Split.PROMPT)}
    problems = [by_id[task] for task in DEFAULT_SHOT_IDS if task in by_id]
    if pool:
        problems += [p for task, p in by_id.items() if task not in DEFAULT_SHOT_IDS]
    if not problems:
        raise UsageError(
            f"source {name} has none of the few-shot tasks {list(DEFAULT_SHOT_IDS)}; "
            "pass --shots 0 or --shot-source"
        )
    plan = TracePlan(inputs=inputs, keep_exceptions=inputs > 0, trace_lines=True)
    programs = trace_programs(
        problems, plan, workers=data.workers, trust_programs=data.trust_programs
    )
    with closing(programs):
        return [trace for found in programs for trace in found.traces], source.identity()
