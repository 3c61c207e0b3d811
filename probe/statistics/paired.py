"""Two systems on the same items: the difference, its interval, its test, and who is right where.

Called by the report and by ``probe compare``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from probe.statistics.intervals import Estimate, paired_difference
from probe.statistics.power import detectable_difference
from probe.statistics.significance import holm, mcnemar

__all__ = ["Paired", "corrected", "pair"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Two systems on the same items.

    Attributes:
        difference: Mean of second minus first, clusters resampled.
        both: Items that both are right on.
        only_first: Items that only the first is right on.
        only_second: Items that only the second is right on.
        neither: Items that both are wrong on.
        p: Exact two-sided McNemar p value; treats items as independent.
        p_holm: ``p`` after Holm's correction, see :func:`corrected`.
        detectable: The smallest difference that would be found with 80% power, in the unit of
            :attr:`difference` and of either sign, see :func:`detectable_difference`; ``None`` if
            none would be.
    """

    difference: Estimate
    both: int
    only_first: int
    only_second: int
    neither: int
    p: float
    p_holm: float
    detectable: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as a JSON object."""
        return asdict(self)


def pair(
    first: ArrayLike, second: ArrayLike, clusters: Sequence[object], *, seed: int = 0
) -> Paired:
    """Compare right and wrong answers of two systems to the same items.

    Args:
        first: Right or wrong of the first system, shape ``(n,)``.
        second: The same of the second system.
        clusters: The cluster of each item, such as its program.
        seed: Of the resampling; 0 in every report, as in a run's own results.

    Raises:
        ValueError: There is no item, or the lengths differ.

    Source: :func:`probe.statistics.paired_difference` and :func:`probe.statistics.mcnemar`.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    test = mcnemar(a, b)
    both = int((a & b).sum())
    return Paired(
        difference=paired_difference(a, b, clusters, rng=np.random.default_rng(seed)),
        both=both,
        only_first=test.only_a,
        only_second=test.only_b,
        neither=len(a) - both - test.only_a - test.only_b,
        p=test.p,
        p_holm=test.p,
        detectable=detectable_difference(a, b, clusters),
    )


def corrected(family: Sequence[Paired]) -> list[Paired]:
    """Return comparisons with ``p_holm`` corrected over all of them, in the order given.

    Source: :func:`probe.statistics.holm`.
    """
    adjusted = holm([one.p for one in family])
    return [replace(one, p_holm=p) for one, p in zip(family, adjusted, strict=True)]
