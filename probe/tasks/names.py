"""The kinds of runs, as ``task`` of a results document names them. Imports nothing."""

from __future__ import annotations

__all__ = [
    "COUNTERFACTUAL",
    "EXECUTION",
    "FINETUNE",
    "GRADING",
    "GRID",
    "REPRESENTATION",
    "STEPS",
    "SYNTHESIS",
]

COUNTERFACTUAL = "counterfactual"
EXECUTION = "execution"
FINETUNE = "finetune"
GRADING = "grading"
GRID = "execution_grid"
REPRESENTATION = "representation"
STEPS = "steps"
SYNTHESIS = "synthesis"
