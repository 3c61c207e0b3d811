"""Problems of MathQA that come twice, but for their numbers: what training may give away.

Called by ``probe data show`` and by whatever divides problems into parts: a model that has seen a
near-copy of a test problem needs only to fill in other numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from generators.problems.mathqa.convert import NUMBER
from generators.problems.mathqa.formula import Kind, Operand, parse_formula
from generators.problems.mathqa.records import MathProblem
from generators.twins import normalised_text

__all__ = ["NEAR_COPIES", "Relation", "key", "shared", "template_groups", "twin_report"]


class Relation(StrEnum):
    """What two problems have in common.

    ``question``: the same words, whatever the numbers, punctuation and case.
    ``formula``: the same formula, letter by letter.
    ``template``: the same operations on the same results, whichever numbers and constants they
    take: both are named anew in the order in which they come.
    """

    QUESTION = "question"
    FORMULA = "formula"
    TEMPLATE = "template"


NEAR_COPIES = (Relation.QUESTION, Relation.TEMPLATE)
"""What makes two problems near-copies. The same formula implies the same template."""

_MASK = " number "


def key(problem: MathProblem, relation: Relation) -> str:
    """Return the text that is the same for all problems that stand in a relation."""
    match relation:
        case Relation.QUESTION:
            return normalised_text(NUMBER.sub(_MASK, problem.question))
        case Relation.FORMULA:
            return problem.dsl
        case Relation.TEMPLATE:
            return _template(problem.dsl)


def _template(dsl: str) -> str:
    names: dict[Kind, dict[str, str]] = {Kind.NUMBER: {}, Kind.CONSTANT: {}}

    def renamed(operand: Operand) -> str:
        if operand.kind is Kind.RESULT:
            return operand.text
        known = names[operand.kind]
        return known.setdefault(operand.text, f"{operand.kind}{len(known)}")

    return "|".join(
        f"{step.operation.name}({','.join(map(renamed, step.operands))})"
        for step in parse_formula(dsl).steps
    )


def shared(
    problems: Iterable[MathProblem], others: Iterable[MathProblem], relation: Relation
) -> list[MathProblem]:
    """Return those problems to which one of the others stands in a relation."""
    keys = {key(other, relation) for other in others}
    return [problem for problem in problems if key(problem, relation) in keys]


def template_groups(
    problems: Sequence[MathProblem], relations: Sequence[Relation] = NEAR_COPIES
) -> list[list[int]]:
    """Divide problems into groups without near-copies across groups.

    Two problems are in one group if they stand in one of the relations, or are linked by others
    that do.

    Args:
        problems: Of any splits.
        relations: What links problems.

    Returns:
        Groups of indices into ``problems``, ascending, ordered by their first index; a problem
        without a near-copy is a group of its own.
    """
    parents = list(range(len(problems)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    first: dict[tuple[Relation, str], int] = {}
    for index, problem in enumerate(problems):
        for relation in relations:
            ours, theirs = (
                root(index),
                root(first.setdefault((relation, key(problem, relation)), index)),
            )
            parents[max(ours, theirs)] = min(ours, theirs)
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(problems)):
        groups[root(index)].append(index)
    return list(groups.values())


def twin_report(problems: Sequence[MathProblem]) -> dict[str, Any]:
    """Count the problems that have a twin, by relation and split.

    Returns:
        Per relation ``within``: for each split, how many of its problems have a twin in it; and
        ``across``: for each split, how many of its problems have one in each other split. Besides,
        ``groups``: how many groups of near-copies there are, and the size of the largest.
    """
    splits = sorted({problem.split for problem in problems})
    by_split = {split: [one for one in problems if one.split is split] for split in splits}
    report: dict[str, Any] = {}
    for relation in Relation:
        counts = {split: _counts(ones, relation) for split, ones in by_split.items()}
        report[relation.value] = {
            "within": {
                split.value: sum(n for n in counts[split].values() if n > 1) for split in splits
            },
            "across": {
                split.value: {
                    other.value: sum(n for k, n in counts[split].items() if k in counts[other])
                    for other in splits
                    if other is not split
                }
                for split in splits
            },
        }
    sizes = [len(group) for group in template_groups(problems)]
    return {**report, "groups": {"count": len(sizes), "largest": max(sizes, default=0)}}


def _counts(problems: Iterable[MathProblem], relation: Relation) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for problem in problems:
        counts[key(problem, relation)] += 1
    return counts
