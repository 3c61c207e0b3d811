"""The kinds of runs that have samples: how they are scored, summed up, and run again.

Called by ``probe verify``, which repeats all of it without a model. A new task adds its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probe.config import DataOptions
from probe.tasks.analyse.results import analysis_results, score_analysed
from probe.tasks.counterfactual_scoring import counterfactual_results, score_counterfactual
from probe.tasks.dialog.recording import recording_difference
from probe.tasks.dialog.results import dialog_results, score_dialog
from probe.tasks.grade_file import grading_results, rescore_graded
from probe.tasks.grid_results import grid_results
from probe.tasks.mathqa.results import mathqa_results, score_math
from probe.tasks.names import (
    ANALYSIS,
    COUNTERFACTUAL,
    DIALOG,
    EXECUTION,
    GRADING,
    GRID,
    MATHQA,
    REPRESENTATION,
    STEPS,
    SYNTHESIS,
)
from probe.tasks.represent_results import represent_results, score_represented
from probe.tasks.rerun.calls import outputs, outputs_of_probed, outputs_of_shown, steps
from probe.tasks.rerun.findings import Rerun
from probe.tasks.rerun.written import analysed, values, verdicts
from probe.tasks.scoring import execution_results, score_sample
from probe.tasks.steps.scoring import score_step, steps_results
from probe.tasks.synthesis_results import score_program, synthesis_results

__all__ = ["TASK_KINDS", "TaskKind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskKind:
    """What has to be repeated to verify a run.

    Attributes:
        score: From a sample to those of its fields that derive from the others.
        results: From all samples, in file order, to the results document.
        rerun: From the identity's inputs, the samples and where problems are to what comes of
            running the programs again.
        beside: From the run folder and its samples to what is wrong with files that derive from
            them, ``""`` for nothing.
    """

    score: Callable[[dict[str, Any]], dict[str, Any]]
    results: Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
    rerun: Callable[[dict[str, Any], Sequence[dict[str, Any]], DataOptions], Rerun]
    beside: Callable[[Path, Sequence[dict[str, Any]]], str] | None = None


TASK_KINDS = {
    EXECUTION: TaskKind(score=score_sample, results=execution_results, rerun=outputs),
    GRID: TaskKind(score=score_sample, results=grid_results, rerun=outputs),
    SYNTHESIS: TaskKind(score=score_program, results=synthesis_results, rerun=verdicts),
    DIALOG: TaskKind(
        score=score_dialog, results=dialog_results, beside=recording_difference, rerun=verdicts
    ),
    ANALYSIS: TaskKind(score=score_analysed, results=analysis_results, rerun=analysed),
    MATHQA: TaskKind(score=score_math, results=mathqa_results, rerun=values),
    COUNTERFACTUAL: TaskKind(
        score=score_counterfactual, results=counterfactual_results, rerun=outputs_of_shown
    ),
    GRADING: TaskKind(score=rescore_graded, results=grading_results, rerun=verdicts),
    STEPS: TaskKind(score=score_step, results=steps_results, rerun=steps),
    REPRESENTATION: TaskKind(
        score=score_represented, results=represent_results, rerun=outputs_of_probed
    ),
}
"""By the ``task`` of a results document."""
