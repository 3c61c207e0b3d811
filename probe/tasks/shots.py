"""The solved examples before a query: which tasks they come from, and that none is an item.

Called by the tasks that prompt with few-shot examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from generators.calls import parse_assert
from generators.errors import UsageError
from generators.literals import from_literal, type_name
from generators.problems.sources import load_source
from generators.records import Origin, Problem, Split, Trace
from probe.config import DEFAULT_SHOT_IDS, DataOptions

__all__ = ["few_shot_examples", "few_shot_programs", "refuse_shots_among_items"]


def few_shot_examples(
    name: str, count: int, data: DataOptions
) -> tuple[list[Trace], dict[str, Any] | None]:
    """Return the solved examples of a run and the manifest of the source they come from.

    The first assert of each of the tasks in ``DEFAULT_SHOT_IDS``, in that order.

    Args:
        name: Problem source, or a path to one.
        count: How many examples.
        data: Where problems come from.

    Raises:
        UsageError: There are fewer such tasks than ``count``.
    """
    programs, identity = few_shot_programs(name, count, data)
    return [solved[0] for solved in programs], identity


def few_shot_programs(
    name: str, count: int, data: DataOptions
) -> tuple[list[list[Trace]], dict[str, Any] | None]:
    """Return all solved asserts of each few-shot task, and the manifest of their source.

    Raises:
        UsageError: There are fewer such tasks than ``count``.
    """
    if count == 0:
        return [], None
    if not 0 < count <= len(DEFAULT_SHOT_IDS):
        raise UsageError(f"--shots is {count}; it goes from 0 to {len(DEFAULT_SHOT_IDS)}")
    source = load_source(name, data_dir=data.data_dir, accept_unknown=data.accept_unknown)
    by_id = {problem.task_id: problem for problem in source.split(Split.PROMPT)}
    chosen = [by_id[i] for i in DEFAULT_SHOT_IDS[:count] if i in by_id]
    found = [solved for problem in chosen if (solved := _solved(problem))]
    if len(found) < count:
        raise UsageError(
            f"source {name} has {len(found)} of the {count} few-shot tasks "
            f"{list(DEFAULT_SHOT_IDS)}; pass --shots 0 or --shot-source"
        )
    return found, source.identity()


def _solved(problem: Problem) -> list[Trace]:
    """Return the asserts of a problem as traces, without running anything."""
    calls = [call for test in problem.test_list if (call := parse_assert(test))]
    return [
        Trace(
            trace_id=f"{problem.task_id}/{index}",
            source=problem.source,
            task_id=problem.task_id,
            split=problem.split,
            entry_point=call.entry_point,
            text=problem.text,
            code=problem.code,
            setup=problem.test_setup_code,
            call=call.text,
            output=call.expected,
            output_type=type_name(from_literal(call.expected)),
            origin=Origin.ASSERT,
        )
        for index, call in enumerate(calls)
        if call.expected is not None
    ]


def refuse_shots_among_items(shown: Sequence[Trace], items: Sequence[Trace]) -> None:
    """Refuse a run that shows the model a task it is then asked about.

    Raises:
        UsageError: A task is on both sides.
    """
    both = {(t.source, t.task_id) for t in shown} & {(t.source, t.task_id) for t in items}
    if both:
        raise UsageError(
            f"task {min(both)[1]} is both a few-shot example and an item; "
            "evaluate another split or pass --shots 0"
        )
