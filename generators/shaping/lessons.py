"""Preconditions learned from calls that failed: bounds on simple features of the arguments.

Called by :mod:`generators.inputs`. A feature is a number read off the arguments: a value, a size,
the least number inside, the difference of two arguments, whether one holds the other. Where
failed calls lie beyond all the calls that went well, calls beyond them are not made any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeAlias

from generators.literals import to_literal
from generators.shaping.relations import members

__all__ = ["Lessons"]

LEAST = 3  # failed calls that a bound has to explain
MAX_BOUNDS = 3
_SIZED = (str, bytes, list, tuple, set, frozenset, dict)

Features: TypeAlias = dict[tuple[object, ...], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bound:
    feature: tuple[object, ...]
    low: float
    high: float

    def refuses(self, features: Features) -> bool:
        value = features.get(self.feature)
        return value is not None and not self.low < value < self.high


class Lessons:
    """What is known about which arguments a program takes."""

    def __init__(self) -> None:
        self._good: list[Features] = []
        self._bad: list[Features] = []
        self._bounds: list[_Bound] = []

    def add(self, row: tuple[Any, ...], *, sound: bool) -> None:
        """Learn from one call; a bound that it contradicts is given up."""
        (self._good if sound else self._bad).append(_features(row))
        if self._bad and self._good:
            self._bounds = self._find()

    def refuse(self, row: tuple[Any, ...]) -> bool:
        """Tell whether arguments lie where only failures were seen."""
        if not self._bounds:
            return False
        features = _features(row)
        return any(bound.refuses(features) for bound in self._bounds)

    def _find(self) -> list[_Bound]:
        """Return the bounds that explain most failures, the next ones what is left."""
        left = list(self._bad)
        found: list[_Bound] = []
        while len(left) >= LEAST and len(found) < MAX_BOUNDS:
            bounds = [bound for name in left[0] for bound in _separating(name, self._good, left)]
            best = max(bounds, key=lambda b: sum(map(b.refuses, left)), default=None)
            if best is None or sum(map(best.refuses, left)) < LEAST:
                break
            found.append(best)
            left = [features for features in left if not best.refuses(features)]
        return found


def _separating(
    name: tuple[object, ...], good: Sequence[Features], bad: Sequence[Features]
) -> list[_Bound]:
    """Return bounds on a feature beyond which no call went well."""
    fine = [features[name] for features in good if name in features]
    failed = [features[name] for features in bad if name in features]
    if not fine:
        return []
    below = [value for value in failed if value < min(fine)]
    above = [value for value in failed if value > max(fine)]
    bounds = []
    if below:
        bounds.append(_Bound(feature=name, low=max(below), high=float("inf")))
    if above:
        bounds.append(_Bound(feature=name, low=float("-inf"), high=min(above)))
    return bounds


def _features(row: tuple[Any, ...]) -> Features:
    found: Features = {}
    amounts: list[tuple[tuple[object, ...], float]] = []
    for i, value in enumerate(row):
        if isinstance(value, int | float):
            amounts.append((("value", i), _number(value)))
        elif isinstance(value, _SIZED):
            amounts.append((("size", i), len(value)))
            inside = [_number(item) for item in members(value) if isinstance(item, int | float)]
            if inside:
                found["least", i], found["greatest", i] = min(inside), max(inside)
    found |= dict(amounts)
    for k, (name, amount) in enumerate(amounts):
        for other, size in amounts[:k]:
            found["difference", *name, *other] = amount - size
    for (i, value), (j, held) in permutations(enumerate(row), 2):
        if isinstance(value, int | float | str) and isinstance(held, _SIZED):
            found["inside", i, j] = float(_holds(held, value))
    found["total",] = sum(abs(amount) for _, amount in amounts)
    return found


def _number(value: float) -> float:
    return float(max(-1e300, min(1e300, value)))


def _holds(held: Any, value: Any) -> bool:
    if isinstance(held, str):
        return isinstance(value, str) and value in held
    return to_literal(value) in {to_literal(item) for item in members(held)}
