"""Habits: patterns that some example sequences have and that chance would hardly repeat.

A test of palindromes gets palindromes among its examples; made-up inputs should hold some as
well, or all outputs would be alike. Called by :mod:`generators.shaping.inference`, which finds
habits, and :mod:`generators.shaping.drawing`, which forms sequences after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from generators.literals import to_literal
from generators.shaping.shapes import Habit

__all__ = ["formed", "habits_of"]

LEAST = 3


def habits_of(values: Iterable[Sequence[Any]]) -> tuple[Habit, ...]:
    """Return the habits seen in any of the sequences.

    To be distinct counts as a habit only where another sequence repeats itself.
    """
    texts = [[to_literal(item) for item in value] for value in values]
    long = [text for text in texts if len(text) >= LEAST]
    found = set()
    for text in long:
        if len(set(text)) == 1:
            found.add(Habit.UNIFORM)
        elif text == text[::-1]:
            found.add(Habit.MIRRORED)
        elif any(_periodic(text, size) for size in range(2, len(text) // 2 + 1)):
            found.add(Habit.PERIODIC)
    if any(len(set(text)) < len(text) for text in texts):
        found |= {Habit.DISTINCT for text in long if len(set(text)) == len(text)}
    for value in values:
        if len(value) >= LEAST:
            found |= _direction(value)
    return tuple(habit for habit in Habit if habit in found)


def _periodic(items: Sequence[Any], size: int) -> bool:
    return all(item == items[i % size] for i, item in enumerate(items))


def _direction(value: Sequence[Any]) -> set[Habit]:
    try:
        ordered = sorted(value)
    except TypeError:
        return set()
    if ordered == ordered[::-1]:
        return set()
    found = {Habit.RISING} if list(value) == ordered else set()
    return found | ({Habit.FALLING} if list(value) == ordered[::-1] else set())


def formed(habit: Habit, items: Sequence[Any]) -> list[Any]:
    """Return the items arranged after a habit; of the same number but for distinct ones."""
    size = len(items)
    match habit:
        case Habit.UNIFORM:
            return [items[0]] * size if items else []
        case Habit.MIRRORED:
            half = list(items[: (size + 1) // 2])
            return half + half[: size // 2][::-1]
        case Habit.PERIODIC:
            unit = list(items[: max(1, min(LEAST, size // 2))])
            return [unit[i % len(unit)] for i in range(size)]
        case Habit.DISTINCT:
            return list({to_literal(item): item for item in items}.values())
    try:
        return sorted(items, reverse=habit is Habit.FALLING)
    except TypeError:
        return list(items)
