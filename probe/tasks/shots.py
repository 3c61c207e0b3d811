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

__all__ = ["few_shot_examples", "refuse_shots_among_items"]


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
    if count == 0:
        return [], None
    if not 0 < count <= len(DEFAULT_SHOT_IDS):
        raise UsageError(f"--shots is {count}; it goes from 0 to {len(DEFAULT_SHOT_IDS)}")
    source = load_source(name, data_dir=data.data_dir, accept_unknown=data.accept_unknown)
    by_id = {problem.task_id: problem for problem in source.split(Split.PROMPT)}
    chosen = [by_id[i] for i in DEFAULT_SHOT_IDS[:count] if i in by_id]
    found = [shot for problem in chosen if (shot := _shot(problem))]
    if len(found) < count:
        raise UsageError(
            f"source {name} has {len(found)} of the {count} few-shot tasks "
            f"{list(DEFAULT_SHOT_IDS)}; pass --shots 0 or --shot-source"
        )
    return found, source.identity()


def _shot(problem: Problem) -> Trace | None:
    for test in problem.test_list:
        call = parse_assert(test)
        if call is not None and call.expected is not None:
            return Trace(
                trace_id=f"{problem.task_id}/0",
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
    return None


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
