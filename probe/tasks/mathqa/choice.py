"""Which word problems are asked, which are shown solved, and what training may give away of them.

Called by the task and by the training examples. Near-copies are those of
:mod:`generators.problems.mathqa.twins`: the same question but for its numbers, or the same
operations on other numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generators.errors import UsageError
from generators.problems.mathqa.records import MathProblem, MathSplit
from generators.problems.mathqa.source import MathSource, load_mathqa, locate_split
from generators.problems.mathqa.twins import Relation, key, template_groups
from generators.problems.registry import MATHQA
from probe.config import DataOptions
from probe.tasks.items import rank

__all__ = [
    "Asked",
    "choose_math",
    "choose_shots",
    "describe",
    "divide",
    "learning_splits",
    "load_split",
    "without_copies",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A problem as a run asks it.

    Attributes:
        problem: The problem.
        group: Number of its group of near-copies among the problems asked.
        seen: What training data may give away: the relations in which it stands to a problem of
            the splits that are learned from.
    """

    problem: MathProblem
    group: int
    seen: tuple[str, ...]


def load_split(split: MathSplit, data: DataOptions) -> MathSource:
    """Load the problems of a split.

    Raises:
        ProbeError: They cannot be had.
    """
    return load_mathqa(split, data_dir=data.data_dir, accept_unknown=data.accept_unknown)


def learning_splits(asked: MathSplit | None, data: DataOptions) -> list[MathSource]:
    """Return what models are trained on here: ``train`` where its file is at hand, and ``dev``.

    Args:
        asked: A split that is asked about and so is not learned from.
        data: Where the files are.
    """
    found = []
    for split in (MathSplit.TRAIN, MathSplit.DEV):
        at_hand = split is not MathSplit.TRAIN or locate_split(split, data.data_dir) is not None
        if split is not asked and at_hand:
            found.append(load_split(split, data))
    return found


def choose_math(
    problems: Sequence[MathProblem], *, seed: int, limit: int | None = None
) -> list[MathProblem]:
    """Choose problems for a run, in their order; by seed and names alone."""
    ranked = sorted(problems, key=lambda problem: rank(seed, MATHQA, problem.id))
    chosen = {problem.id for problem in ranked[:limit]}
    return [problem for problem in problems if problem.id in chosen]


def choose_shots(
    pool: Sequence[MathProblem],
    asked: Sequence[MathProblem],
    count: int,
    ids: Sequence[str] | None = None,
) -> list[MathProblem]:
    """Choose solved examples: the first that are no near-copies of a question or of each other.

    Args:
        pool: Problems of another split than the one that is asked about.
        asked: The problems that are asked.
        count: So many.
        ids: Take these instead, such as ``dev/0``.

    Raises:
        UsageError: An example is not in the pool, or there are not enough.
    """
    if ids is not None:
        by_id = {problem.id: problem for problem in pool}
        missing = [name for name in ids if name not in by_id]
        if missing:
            splits = ", ".join(sorted({problem.split for problem in pool})) or "nothing"
            raise UsageError(f"example {missing[0]!r} is not among the problems of {splits}")
        return [by_id[name] for name in ids]
    known = {(relation, key(one, relation)) for one in asked for relation in Relation}
    found: list[MathProblem] = []
    for problem in pool:
        if len(found) == count:
            break
        keys = {(relation, key(problem, relation)) for relation in Relation}
        if not keys & known:
            known |= keys
            found.append(problem)
    if len(found) < count:
        raise UsageError(
            f"{count} solved examples are wanted, and {len(found)} problems are no near-copies "
            "of a question; name some with --shot-ids"
        )
    return found


def describe(asked: Sequence[MathProblem], learned: Sequence[MathProblem]) -> list[Asked]:
    """Tell of each problem asked its group of near-copies and what learning may give away."""
    groups = {
        index: number for number, group in enumerate(template_groups(asked)) for index in group
    }
    keys = {relation: {key(one, relation) for one in learned} for relation in Relation}
    return [
        Asked(
            problem=problem,
            group=groups[index],
            seen=tuple(
                str(relation) for relation in Relation if key(problem, relation) in keys[relation]
            ),
        )
        for index, problem in enumerate(asked)
    ]


def divide(
    problems: Sequence[MathProblem], *, fraction: float, seed: int
) -> tuple[list[MathProblem], list[MathProblem]]:
    """Divide problems into training and validation so that no near-copies are on both sides.

    Groups go to validation in a seeded order for as long as it stays within its share.

    Args:
        problems: All problems.
        fraction: Largest share of the problems that validates.
        seed: Seed of the order.
    """
    groups = sorted(
        template_groups(problems), key=lambda group: rank(seed, "validation", problems[group[0]].id)
    )
    held: set[int] = set()
    for group in groups:
        if len(held) + len(group) <= fraction * len(problems):
            held.update(group)
    train = [one for index, one in enumerate(problems) if index not in held]
    return train, [one for index, one in enumerate(problems) if index in held]


def without_copies(
    problems: Sequence[MathProblem], others: Sequence[MathProblem]
) -> list[MathProblem]:
    """Return the problems that are near-copies of none of the others."""
    known = {(relation, key(one, relation)) for one in others for relation in Relation}
    return [
        problem
        for problem in problems
        if not any((relation, key(problem, relation)) in known for relation in Relation)
    ]
