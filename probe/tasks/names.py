"""The kinds of runs, as ``task`` of a results document names them. Imports nothing."""

from __future__ import annotations

__all__ = [
    "ANALYSIS",
    "COUNTERFACTUAL",
    "DIALOG",
    "EXECUTION",
    "FINETUNE",
    "GRADING",
    "GRID",
    "MATHQA",
    "REPRESENTATION",
    "STEPS",
    "SYNTHESIS",
]

ANALYSIS = "analysis"
COUNTERFACTUAL = "counterfactual"
DIALOG = "dialog"
EXECUTION = "execution"
FINETUNE = "finetune"
GRADING = "grading"
GRID = "execution_grid"
MATHQA = "mathqa"
REPRESENTATION = "representation"
STEPS = "steps"
SYNTHESIS = "synthesis"
