"""How two properties of the same problems go together: the odds ratio and its exact test.

Called by the report, for the three sides of a model. What a paired test (:mod:`paired`) asks is
which of two is more frequent; here the question is whether they come on the same problems.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from probe.statistics.intervals import DEFAULT_LEVEL
from probe.statistics.significance import holm

__all__ = ["Association", "associate", "associations_corrected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """The odds ratio of two properties.

    Attributes:
        odds_ratio: Conditional maximum likelihood estimate; ``None`` if it is without bound or,
            with :attr:`low` and :attr:`high`, not defined.
        low: Lower end of its exact interval.
        high: Upper end; ``None`` if without bound.
        p: Fisher's exact two-sided p value.
        p_holm: ``p`` after Holm's correction, see :func:`associations_corrected`.
    """

    odds_ratio: float | None
    low: float | None
    high: float | None
    p: float
    p_holm: float

    @property
    def defined(self) -> bool:
        """Whether both properties vary; of a constant one there is no odds ratio."""
        return self.low is not None

    def to_json(self) -> dict[str, Any]:
        """Return the association as a JSON object."""
        return asdict(self)


def associate(first: ArrayLike, second: ArrayLike) -> Association:
    """Return the odds ratio of two properties of the same problems.

    Args:
        first: Has it or not, shape ``(n,)``.
        second: The other property, of the same problems.

    Raises:
        ValueError: There is no problem, or the lengths differ.

    Source: scipy.stats.contingency.odds_ratio (conditional estimate, exact interval).
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape or a.ndim != 1 or not a.size:
        raise ValueError(f"properties of the same problems, not of shapes {a.shape} and {b.shape}")
    table = np.array([[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]])
    if a.all() or b.all() or not a.any() or not b.any():
        return Association(odds_ratio=None, low=None, high=None, p=1.0, p_holm=1.0)
    from scipy.stats import fisher_exact  # slow to import
    from scipy.stats.contingency import odds_ratio

    found = odds_ratio(table)
    ends = found.confidence_interval(confidence_level=DEFAULT_LEVEL)
    p = float(fisher_exact(table).pvalue)
    return Association(
        odds_ratio=_bounded(found.statistic),
        low=float(ends.low),
        high=_bounded(ends.high),
        p=p,
        p_holm=p,
    )


def _bounded(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def associations_corrected(family: Sequence[Association]) -> list[Association]:
    """Return associations with ``p_holm`` corrected over all of them, in the order given.

    Source: :func:`probe.statistics.holm`.
    """
    adjusted = holm([one.p for one in family])
    return [replace(one, p_holm=p) for one, p in zip(family, adjusted, strict=True)]
