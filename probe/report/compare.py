"""What the difference between two matched runs is, and between a run and a trivial baseline.

Called by :mod:`probe.report.build`. Differences are taken item by item; programs are resampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probe.metrics import score_prediction
from probe.report.inputs import POLICIES, ReportRun
from probe.report.matching import Cohort, FieldDifference, declared, same_weights
from probe.report.numbers import no_width
from probe.statistics import Estimate, Paired, corrected, pair, paired_difference

__all__ = [
    "Comparison",
    "Margin",
    "best_baseline",
    "compare",
    "margin",
    "verdict",
]

_SEED = 0  # of every resampling, as in a run's own results


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A matched comparison of two runs.

    Attributes:
        first: The run that is compared with.
        second: The run whose change is asked for.
        scores: The paired result under each policy.
        declared: Prompt fields in which the two differ.
    """

    first: ReportRun
    second: ReportRun
    scores: dict[str, Paired]
    declared: tuple[FieldDifference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """A run against a trivial baseline on the same items, by ``exact_text``.

    Attributes:
        run: The run.
        baseline: Name of the baseline.
        difference: Mean of run minus baseline, programs resampled.
    """

    run: ReportRun
    baseline: str
    difference: Estimate

    @property
    def verdict(self) -> str:
        """``above``, ``below`` or ``not told apart``, by the interval."""
        return verdict(self.difference)


def verdict(difference: Estimate) -> str:
    """Return what an interval says of a difference: ``above``, ``below``, ``not told apart``."""
    if no_width(difference):
        return "not told apart"
    if difference.low > 0:
        return "above"
    return "below" if difference.high < 0 else "not told apart"


def compare(
    group: Sequence[Cohort],
) -> tuple[tuple[Comparison, ...], tuple[tuple[ReportRun, ReportRun], ...]]:
    """Compare what may be compared, inside each cohort.

    Every tuned run is compared with every run of its own base model; in a cohort without both,
    every run with the first. The strongest base run's comparison comes first.

    Returns:
        The comparisons, and the (base, tuned) pairs that were refused because the adapter was
        not loaded onto the same weights.
    """
    pairs: list[tuple[ReportRun, ReportRun]] = []
    refused: list[tuple[ReportRun, ReportRun]] = []
    for cohort in group:
        tuned = [run for run in cohort.runs if run.tuned]
        base = [run for run in cohort.runs if not run.tuned]
        if not tuned or not base:
            pairs += [(cohort.runs[0], run) for run in cohort.runs[1:]]
            continue
        base.sort(key=lambda run: -run.score("exact_text").estimate)
        for second in tuned:
            for first in base:
                (pairs if same_weights(first, second) else refused).append((first, second))
    scores = {policy: corrected([_pair(a, b, policy) for a, b in pairs]) for policy in POLICIES}
    comparisons = tuple(
        Comparison(
            first=first,
            second=second,
            scores={policy: scores[policy][place] for policy in POLICIES},
            declared=declared(first, second),
        )
        for place, (first, second) in enumerate(pairs)
    )
    return comparisons, tuple(refused)


def _pair(first: ReportRun, second: ReportRun, policy: str) -> Paired:
    answers = {sample.key: sample for sample in second.samples}
    return pair(
        [sample.right(policy) for sample in first.samples],
        [answers[sample.key].right(policy) for sample in first.samples],
        [sample.task_id for sample in first.samples],
    )


def best_baseline(run: ReportRun, policy: str = "exact_text") -> str | None:
    """Return the trivial baseline with the highest score on the run's items.

    The best is picked on the items themselves, which favours the baselines.
    """
    scores = {name: found[policy]["estimate"] for name, found in run.results["baselines"].items()}
    return min(scores, key=lambda name: (-scores[name], name)) if scores else None


def margin(run: ReportRun, baseline: str) -> Margin:
    """Compare a run with a trivial baseline, item by item."""
    ours = [sample.exact_text for sample in run.samples]
    theirs = [
        score_prediction(sample.expected, sample.baselines.get(baseline, "")).exact_text
        for sample in run.samples
    ]
    return Margin(
        run=run,
        baseline=baseline,
        difference=paired_difference(
            theirs,
            ours,
            [sample.task_id for sample in run.samples],
            rng=np.random.default_rng(_SEED),
        ),
    )
