"""Choices out of one source of whole numbers.

Called by :mod:`generators.shaping.drawing` and :mod:`generators.shaping.texts`; the numbers come
from :mod:`generators.inputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Chooser"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chooser:
    """Makes choices out of one source of whole numbers.

    Attributes:
        between: Returns a number from an inclusive range.
    """

    between: Callable[[int, int], int]

    def below(self, bound: int) -> int:
        """Return a number from 0 up to, not including, ``bound``."""
        return self.between(0, bound - 1) if bound > 1 else 0

    def pick(self, items: Sequence[T]) -> T:
        """Return one of ``items``."""
        return items[self.below(len(items))]

    def chance(self, one_in: int) -> bool:
        """Return true once in ``one_in`` times."""
        return self.below(one_in) == one_in - 1

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in another order."""
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in range(len(rest))]
