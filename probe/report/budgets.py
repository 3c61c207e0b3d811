"""The section about how many samples it takes, by temperature.

Called by :mod:`probe.report.ablations`.

Source: paper, section 4.4.
"""

from __future__ import annotations

from collections.abc import Sequence

from probe.analysis.ablations import solved_by_budget
from probe.report.curves import CurvePoint, curve_picture
from probe.report.inputs import ReportRun
from probe.report.numbers import percent
from probe.report.sampled import sample_counts
from probe.report.sections import Section
from probe.report.tables import NOTHING, Cell, Table, score_cell
from probe.statistics import Estimate

__all__ = ["DRAWN", "drawn", "temperature_section"]

DRAWN = ("items", "decoding", "decoding_seed", "samples", "temperature", "top_p")
"""Fields that say how tokens are chosen, and how often."""

_BUDGETS = (1, 2, 3, 5, 10, 20, 30, 50, 80)


def drawn(run: ReportRun) -> tuple[float, float]:
    """Return temperature and top-p; zero is greedy."""
    return run.config.get("temperature", 0.0), run.config.get("top_p", 1.0)


def _drawing(run: ReportRun) -> str:
    temperature, top_p = drawn(run)
    if not temperature:
        return "greedy"
    return f"temperature {temperature:g}" + (f", top-p {top_p:g}" if top_p < 1 else "")


def temperature_section(group: Sequence[ReportRun], key: str, of: str) -> Section | None:
    """Draw problems solved over the number of samples, if a run has several of each.

    Args:
        group: Runs that differ in how tokens are chosen, and nothing else.
        key: What identifiers begin with.
        of: What the title ends with.
    """
    if max(run.results["samples_per_problem"] for run in group) < 2:
        return None
    curves: dict[str, dict[int, Estimate]] = {}
    for run in group:
        budgets = [k for k in _BUDGETS if k <= run.results["samples_per_problem"]]
        scores = solved_by_budget(sample_counts(run), budgets)
        curves[_drawing(run)] = dict(zip(budgets, scores, strict=True))
    rows = sorted({k for curve in curves.values() for k in curve})

    def best(k: int) -> str:
        scores = {name: curve[k].estimate for name, curve in curves.items() if k in curve}
        top = max(scores, key=lambda name: scores[name])
        return f"{percent(scores[top])}" + (f" ({top})" if len(curves) > 1 else "")

    return Section(
        key=key,
        title=f"Temperature and number of samples{of}",
        text=f"With 1 sample at most {best(1)} of the problems are solved, with {rows[-1]} "
        f"{best(rows[-1])}.",
        tables=(
            Table(
                key=f"{key}-table",
                caption="Problems solved by any of k samples, estimated without bias.",
                columns=("k", *curves),
                rows=tuple(
                    (
                        Cell(text=str(k)),
                        *(
                            score_cell(curve[k]) if k in curve else Cell(text=NOTHING)
                            for curve in curves.values()
                        ),
                    )
                    for k in rows
                ),
            ),
        ),
        picture=curve_picture(
            {
                name: [CurvePoint(x=k, score=score) for k, score in curve.items()]
                for name, curve in curves.items()
            },
            f"{key}-figure",
            title="Problems solved by number of samples",
            x_label="Samples",
            y_label="Problems solved, %",
        ),
    )
