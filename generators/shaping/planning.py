"""From example calls to plans for new ones: shapes of the arguments and what ties them together.

Called by :mod:`generators.inputs` and :mod:`generators.strategies`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from generators.literals import exact_equal
from generators.shaping.drawing import Plan
from generators.shaping.inference import infer, profiles
from generators.shaping.relations import Relation, find_relations
from generators.shaping.shapes import Either, Pool, Shape

__all__ = ["make_plans"]


def make_plans(rows: Sequence[tuple[Any, ...]]) -> tuple[Plan, ...]:
    """Return a plan per example call; calls of one make share theirs.

    Args:
        rows: The arguments of each example call.
    """
    plans: list[Plan] = []
    for arity in dict.fromkeys(len(row) for row in rows):
        same = [row for row in rows if len(row) == arity]
        relations = tuple(find_relations(same))
        fixed = _fixed_positions(same, relations)
        for group in profiles(same):
            shapes = tuple(
                _mostly(column[0], infer(column)) if i in fixed else infer(column, alone=arity == 1)
                for i, column in enumerate(zip(*group, strict=True))
            )
            plan = Plan(rows=tuple(group), shapes=shapes, relations=relations)
            plans += [plan] * len(group)
    return tuple(plans)


def _fixed_positions(rows: Sequence[tuple[Any, ...]], relations: Sequence[Relation]) -> set[int]:
    """Return the scalar arguments that no example varies, while it varies others."""
    columns = list(zip(*rows, strict=True))
    tied = {relation.position for relation in relations if not relation.tie.startswith("often")}
    same = {i for i, c in enumerate(columns) if all(exact_equal(c[0], value) for value in c)}
    if len(rows) < 2 or len(same) == len(columns):
        return set()
    return {i for i in same - tied if isinstance(columns[i][0], int | float | str)}


def _mostly(value: Any, shape: Shape) -> Shape:
    constant = Pool(values=(value,))
    return Either(options=(constant, constant, shape))
