"""Curves of scores over a number: lines with intervals, in the page's colours.

Called by the sections that show how a score depends on an amount. See :mod:`probe.report.figures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from probe.report.figures import FONT, Picture, add_legend, new_figure, own_settings, style_of
from probe.report.numbers import percent_interval
from probe.report.svg import INK, MUTED, RULE, inline_svg
from probe.statistics import Estimate

__all__ = ["CurvePoint", "curve_picture"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One score.

    Attributes:
        x: Where it stands, positive.
        score: The estimate.
    """

    x: float
    score: Estimate


@own_settings()
def curve_picture(
    curves: Mapping[str, Sequence[CurvePoint]],
    key: str,
    *,
    title: str,
    x_label: str,
    y_label: str = "Right by exact text, %",
) -> Picture:
    """Draw each curve over a logarithmic axis, with the interval at each point."""
    legend = 0.2 * len(curves) + 0.18
    height = 2.9 + legend
    figure, axes = new_figure(height)
    axes.spines["left"].set_visible(True)
    axes.spines["left"].set_color(MUTED)
    for series, points in enumerate(curves.values()):
        colour, marker = style_of(series)
        xs, scores = [point.x for point in points], [point.score for point in points]
        middle = [100 * score.estimate for score in scores]
        axes.vlines(
            xs,
            [100 * score.low for score in scores],
            [100 * score.high for score in scores],
            color=colour,
            linewidth=1.4,
        )
        axes.plot(xs, middle, color=colour, marker=marker, linewidth=1.6, markersize=7)
    ticks = sorted({point.x for points in curves.values() for point in points})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(x_label, color=INK, fontsize=FONT)
    axes.set_ylabel(y_label, color=INK, fontsize=FONT)
    axes.set_ylim(bottom=0)
    axes.yaxis.grid(visible=True, color=RULE, linewidth=0.8)
    add_legend(axes, list(curves))
    figure.subplots_adjust(left=0.13, right=0.97, top=1 - legend / height, bottom=0.55 / height)
    told = "; ".join(
        f"{name}: "
        + ", ".join(f"{percent_interval(point.score)} at {point.x:,.0f}" for point in points)
        for name, points in curves.items()
    )
    return Picture(
        key=key,
        title=title,
        caption="Point: the share. Vertical line: 95% interval.",
        svg=inline_svg(figure, key, title, told),
    )
