"""Kinds of runs that get sections of their own, beside output prediction and fine-tuning.

Called by :mod:`probe.report.load` (what such a run must hold) and by
:mod:`probe.report.document` (its sections). A new kind of run adds its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from probe.report.grid import grid_sections
from probe.report.inputs import ReportRun
from probe.report.represent import represent_sections
from probe.report.sections import Section
from probe.tasks.grid_results import GRID
from probe.tasks.represent_results import REPRESENTATION

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
    REPRESENTATION: ProbeKind(
        fields=("n_items", "n_programs", "properties", "skipped"),
        sections=represent_sections,
    ),
}
"""By the ``task`` of a results document, in the order of the report."""
