"""Which traces a verb works on: seeded choice by program, the same for every model.

Called by the tasks and by fine-tuning. The choice depends on the seed and on the
traces' own names alone, never on order, workers or the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from generators.jsonl import sha256_text
from generators.records import Origin, Problem, Trace

__all__ = ["choose", "choose_problems", "rank", "split_programs"]


def rank(seed: int, *parts: object) -> str:
    """Return what a thing is sorted by in a seeded choice: a hash of the seed and its name."""
    return sha256_text("\0".join([str(seed), *map(str, parts)]))


def _by_program(traces: Iterable[Trace]) -> dict[tuple[str, int], list[Trace]]:
    groups: dict[tuple[str, int], list[Trace]] = {}
    for trace in traces:
        groups.setdefault((trace.source, trace.task_id), []).append(trace)
    return groups


def choose(
    traces: Sequence[Trace],
    *,
    seed: int,
    origin: Origin | None = None,
    per_program: int | None = None,
    limit: int | None = None,
) -> list[Trace]:
    """Choose traces for a run, in file order.

    Args:
        traces: All traces of a file.
        seed: Seed of the choice.
        origin: Keep only traces of this origin.
        per_program: At most so many of each program.
        limit: At most so many in all, spread over as many programs as there are.
    """
    groups = _by_program(t for t in traces if origin is None or t.origin is origin)
    for name, group in groups.items():
        group.sort(key=lambda trace: rank(seed, trace.source, trace.trace_id))
        groups[name] = group[:per_program]
    chosen = {id(trace) for group in groups.values() for trace in group}
    if limit is not None and limit < len(chosen):
        programs = sorted(groups, key=lambda name: rank(seed, *name))
        rounds = (
            groups[name][turn]
            for turn in range(max(map(len, groups.values())))
            for name in programs
            if turn < len(groups[name])
        )
        chosen = {id(trace) for trace, _ in zip(rounds, range(limit), strict=False)}
    return [trace for trace in traces if id(trace) in chosen]


def choose_problems(
    problems: Sequence[Problem], *, seed: int, limit: int | None = None
) -> list[Problem]:
    """Choose problems for a run, in their order; the same programs as :func:`choose` does."""
    ranked = sorted(problems, key=lambda problem: rank(seed, problem.source, problem.task_id))
    chosen = {problem.task_id for problem in ranked[:limit]}
    return [problem for problem in problems if problem.task_id in chosen]


def split_programs(
    traces: Sequence[Trace], *, fraction: float, seed: int
) -> tuple[list[Trace], list[Trace]]:
    """Split traces into training and validation by program, never by trace.

    Args:
        traces: All traces.
        fraction: Share of programs that goes to validation, at least one program if positive.
        seed: Seed of the choice.

    Source: this project's own rule; programs are ranked by the hash of seed and name.
    """
    programs = sorted(_by_program(traces), key=lambda name: rank(seed, "validation", *name))
    count = max(1, round(len(programs) * fraction)) if fraction > 0 else 0
    held_out = set(programs[:count])
    train = [t for t in traces if (t.source, t.task_id) not in held_out]
    return train, [t for t in traces if (t.source, t.task_id) in held_out]
