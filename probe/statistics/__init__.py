"""Intervals and tests for scores that come in clusters: pure functions, explicit randomness.

Called by the tasks (an interval beside every estimate) and by the report. Nothing here knows
about runs, files or models.
"""

from probe.statistics.association import Association, associate, associations_corrected
from probe.statistics.intervals import (
    DEFAULT_LEVEL,
    DEFAULT_RESAMPLES,
    Estimate,
    balanced_bootstrap,
    cluster_bootstrap,
    paired_difference,
    wilson,
)
from probe.statistics.paired import Paired, corrected, pair
from probe.statistics.power import DEFAULT_POWER, detectable_difference
from probe.statistics.resampling import auc, resampled, spearman
from probe.statistics.significance import McNemar, holm, mcnemar

__all__ = [
    "DEFAULT_LEVEL",
    "DEFAULT_POWER",
    "DEFAULT_RESAMPLES",
    "Association",
    "Estimate",
    "McNemar",
    "Paired",
    "associate",
    "associations_corrected",
    "auc",
    "balanced_bootstrap",
    "cluster_bootstrap",
    "corrected",
    "detectable_difference",
    "holm",
    "mcnemar",
    "pair",
    "paired_difference",
    "resampled",
    "spearman",
    "wilson",
]
