"""Kinds of runs that get sections of their own, beside output prediction and fine-tuning.

Called by :mod:`probe.report.load` (what such a run must hold) and by
:mod:`probe.report.document` (its sections). A new kind of run adds its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from probe.report.analysis import analysis_sections
from probe.report.changes import changes_sections
from probe.report.dialog import dialog_sections
from probe.report.grid import grid_sections
from probe.report.inputs import ReportRun
from probe.report.mathqa import mathqa_sections
from probe.report.represent import represent_sections
from probe.report.sections import Section
from probe.report.steps import steps_sections
from probe.report.synthesis import synthesis_sections
from probe.tasks.names import (
    ANALYSIS,
    COUNTERFACTUAL,
    DIALOG,
    GRID,
    MATHQA,
    REPRESENTATION,
    STEPS,
    SYNTHESIS,
)

__all__ = ["PROBES", "ProbeKind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeKind:
    """A kind of run and what the report says of its runs.

    Attributes:
        fields: What its results hold.
        sections: From all its runs to sections.
    """

    fields: tuple[str, ...]
    sections: Callable[[Sequence[ReportRun]], Sequence[Section]]


PROBES = {
    GRID: ProbeKind(
        fields=("n_items", "n_programs", "cells", "fresh_minus_public", "leaks"),
        sections=grid_sections,
    ),
    COUNTERFACTUAL: ProbeKind(
        fields=("n_items", "n_programs", "original", "families", "kinds"),
        sections=changes_sections,
    ),
    SYNTHESIS: ProbeKind(
        fields=("n_items", "n_programs", "samples_per_problem", "scores", "pass_at_k", "outcomes"),
        sections=synthesis_sections,
    ),
    ANALYSIS: ProbeKind(
        fields=("n_items", "n_programs", "examples", "difficulty", "bleu", "generalises"),
        sections=analysis_sections,
    ),
    DIALOG: ProbeKind(
        fields=("n_items", "n_programs", "turns", "solved", "resampled", "mended", "replies"),
        sections=dialog_sections,
    ),
    MATHQA: ProbeKind(
        fields=(
            "n_items",
            "n_programs",
            "samples_per_problem",
            "scores",
            "by_tolerance",
            "guesses",
            "near_copies",
            "outcomes",
        ),
        sections=mathqa_sections,
    ),
    STEPS: ProbeKind(
        fields=("n_items", "n_programs", "kinds", "counts", "tokens"),
        sections=steps_sections,
    ),
    REPRESENTATION: ProbeKind(
        fields=("n_items", "n_programs", "properties", "skipped"),
        sections=represent_sections,
    ),
}
"""By the ``task`` of a results document, in the order of the report."""
