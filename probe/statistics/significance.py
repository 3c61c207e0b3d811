"""Tests of paired right/wrong answers, and their correction when there are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["McNemar", "holm", "mcnemar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """An exact McNemar test on paired right/wrong answers.

    Attributes:
        only_a: Items that only the first is right on.
        only_b: Items that only the second is right on.
        p: Two-sided exact p value.
    """

    only_a: int
    only_b: int
    p: float

    def to_json(self) -> dict[str, Any]:
        """Return the test as a JSON object."""
        return asdict(self)


def mcnemar(a: ArrayLike, b: ArrayLike) -> McNemar:
    """Test whether two systems are right equally often on the same items.

    Exact and two-sided: a binomial test on the items that exactly one is right on. It treats
    items as independent; with several items a program read it beside the paired bootstrap.

    Args:
        a: Right or wrong of the first system, shape ``(n,)``.
        b: Right or wrong of the second system on the same items, shape ``(n,)``.

    Raises:
        ValueError: The lengths differ.

    Source: McNemar, Note on the sampling error of the difference (Psychometrika 12, 1947).
    """
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.shape != second.shape:
        raise ValueError("a and b must be answers to the same items")
    only_a, only_b = int((first & ~second).sum()), int((second & ~first).sum())
    if only_a + only_b == 0:
        return McNemar(only_a=0, only_b=0, p=1.0)
    from scipy.stats import binomtest  # slow to import

    return McNemar(only_a=only_a, only_b=only_b, p=float(binomtest(only_a, only_a + only_b).pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values, in the order given.

    Source: Holm, A simple sequentially rejective multiple test procedure (1979).
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted
