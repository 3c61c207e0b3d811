"""What follows from the right samples of several runs: curves over budgets, and ensembles.

Pure functions on counts; called by the report. A count is ``(n, c)``: ``c`` of ``n`` samples of a
problem are right.

Source: paper, sections 4.3 (prompts over seeds, and their ensemble) and 4.4 (temperature by
number of samples); the estimator is that of Chen et al., arXiv 2107.03374.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from typing import TypeAlias

import numpy as np

from probe.metrics import pass_at_k
from probe.statistics import Estimate, cluster_bootstrap

__all__ = ["Counts", "ensemble_solved", "solved_by_budget"]

Counts: TypeAlias = Mapping[int, tuple[int, int]]
"""By problem: samples, and right ones."""

_RESAMPLES = 1000


def solved_by_budget(counts: Counts, budgets: Sequence[int]) -> list[Estimate]:
    """Return the share of problems solved by any of ``k`` samples, estimated without bias.

    Args:
        counts: Samples and right ones, by problem.
        budgets: Numbers of samples ``k``, each at most the fewest samples of a problem.
    """
    tasks = list(counts)
    return [
        cluster_bootstrap(
            [pass_at_k(*counts[task], k) for task in tasks],
            tasks,
            rng=np.random.default_rng(0),
            resamples=_RESAMPLES,
        )
        for k in budgets
    ]


def ensemble_solved(members: Sequence[Counts], each: int) -> Estimate:
    """Return the share of problems solved by any of ``each`` samples from every member.

    Drawn without replacement and without bias: a problem stays unsolved if it does so with every
    member.

    Args:
        members: Counts of each prompt, on the same problems.
        each: Samples taken from each, at most as many as it has.

    Raises:
        ValueError: A member has fewer samples.
    """
    tasks = list(members[0])
    solved = []
    for task in tasks:
        unsolved = 1.0
        for counts in members:
            n, c = counts[task]
            if each > n:
                raise ValueError(f"{each} samples are wanted of {n}")
            unsolved *= comb(n - c, each) / comb(n, each)
        solved.append(1 - unsolved)
    return cluster_bootstrap(solved, tasks, rng=np.random.default_rng(0), resamples=_RESAMPLES)
