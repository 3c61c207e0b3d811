"""The figures of scores, of scores by group, and of training.

Called by the sections of the report; what figures have in common is in
:mod:`probe.report.figures`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING, Any

from probe.report.figures import (
    FONT,
    Picture,
    add_legend,
    new_figure,
    own_settings,
    style_of,
)
from probe.report.numbers import percent_interval
from probe.report.svg import CARD, INK, MUTED, RULE, inline_svg
from probe.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Mark", "TypeRow", "scores_picture", "training_picture", "types_picture"]

_LABEL = 36  # characters
_PLATE = {"facecolor": CARD, "edgecolor": "none", "pad": 0.8}  # keeps grid lines off the text


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One estimate to draw.

    Attributes:
        label: Its name.
        score: The estimate.
        series: Which run it belongs to, from 0; ``None`` for a trivial baseline.
    """

    label: str
    score: Estimate
    series: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRow:
    """The estimates of one group of items.

    Attributes:
        label: The group, with its n.
        scores: One estimate for each series, in their order; the last ones may be lacking.
    """

    label: str
    scores: tuple[Estimate, ...]


def _draw(axes: Axes, score: Estimate, y: float, series: int | None) -> None:
    colour, marker = style_of(series)
    axes.plot([100 * score.low, 100 * score.high], [y, y], color=colour, linewidth=1.8, zorder=3)
    axes.plot(
        [100 * score.estimate],
        [y],
        marker=marker,
        color=colour,
        markersize=8,
        markeredgewidth=2,
        clip_on=False,
        zorder=4,
    )


def _short(label: str) -> str:
    """Cut a label that would run into the value beside it; the whole stands in the table."""
    return label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}\N{HORIZONTAL ELLIPSIS}"


def _percent_axis(
    axes: Axes, scores: Sequence[Estimate], label: str = "Right by exact text, %"
) -> None:
    top = max([100 * score.high for score in scores] + [10.0])
    axes.set_xlim(0, min(100.0, top * 1.04))
    axes.set_xlabel(label, color=INK, fontsize=FONT)
    axes.xaxis.grid(visible=True, color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_yticks([])


@own_settings()
def scores_picture(marks: Sequence[Mark], key: str) -> Picture:
    """Draw one row for each run and baseline: name, value, point and interval."""
    step = 0.5
    height = step * len(marks) + 0.65
    figure, axes = new_figure(height)
    for place, mark in enumerate(marks):
        y = -float(place)
        _draw(axes, mark.score, y, mark.series)
        text: dict[str, Any] = {
            "transform": axes.get_yaxis_transform(),
            "va": "bottom",
            "fontsize": FONT,
            "color": INK,
            "bbox": _PLATE,
        }
        axes.text(0.0, y + 0.2, _short(mark.label), ha="left", **text)
        axes.text(1.0, y + 0.2, percent_interval(mark.score), ha="right", **text)
    axes.set_ylim(-len(marks) + 0.6, 0.75)
    _percent_axis(axes, [mark.score for mark in marks])
    figure.subplots_adjust(left=0.03, right=0.965, top=1 - 0.03 / height, bottom=0.55 / height)
    told = "; ".join(f"{mark.label}: {percent_interval(mark.score)}" for mark in marks)
    title = "Outputs predicted right"
    return Picture(
        key=key,
        title=title,
        caption="Point: share of items right by exact text. Line: 95% interval.",
        svg=inline_svg(figure, key, title, told),
    )


@own_settings()
def types_picture(
    rows: Sequence[TypeRow],
    labels: Sequence[str],
    key: str,
    *,
    title: str = "Outputs predicted right, by output type",
    caption: str = "Largest group first. The numbers are in the table.",
    axis: str = "Right by exact text, %",
    baseline: bool = False,
) -> Picture:
    """Draw one block for each group of items, one line in it for each series.

    With ``baseline`` the last label and the last score of each row are a trivial baseline's.
    """
    series = [*range(len(labels) - baseline), *([None] if baseline else [])]
    blocks = [0.34 + 0.2 * len(row.scores) for row in rows]
    tops = [fsum(blocks[:place]) for place in range(len(rows) + 1)]
    legend = 0.2 * len(labels) + 0.18
    height = tops[-1] + 0.55 + legend
    figure, axes = new_figure(height)
    for row, depth in zip(rows, tops, strict=False):
        top = -depth
        axes.text(
            0.0,
            top - 0.16,
            row.label,
            transform=axes.get_yaxis_transform(),
            fontsize=FONT,
            color=INK,
            va="center",
            bbox=_PLATE,
        )
        for place, (score, own) in enumerate(zip(row.scores, series, strict=False)):
            _draw(axes, score, top - 0.38 - 0.2 * place, own)
    axes.set_ylim(-tops[-1], 0.02)
    _percent_axis(axes, [score for row in rows for score in row.scores], axis)
    add_legend(axes, labels, series)
    figure.subplots_adjust(left=0.03, right=0.965, top=1 - legend / height, bottom=0.55 / height)
    told = "; ".join(
        f"{row.label}: "
        + ", ".join(
            f"{label} {percent_interval(score)}"
            for label, score in zip(labels, row.scores, strict=False)
        )
        for row in rows
    )
    return Picture(
        key=key,
        title=title,
        caption=caption,
        svg=inline_svg(figure, key, title, told),
    )


@own_settings()
def training_picture(
    train: Sequence[tuple[int, float]], validation: Sequence[tuple[int, float]], key: str
) -> Picture:
    """Draw training and validation loss by optimiser step."""
    height = 2.9
    figure, axes = new_figure(height)
    axes.spines["left"].set_visible(True)
    axes.spines["left"].set_color(MUTED)
    lines = (("Training", train, 0, "-"), ("Validation, held-out programs", validation, 1, "--"))
    names = []
    for name, points, series, dash in lines:
        if not points:
            continue
        names.append(name)
        colour, marker = style_of(series)
        axes.plot(
            [step for step, _ in points],
            [loss for _, loss in points],
            color=colour,
            linestyle=dash,
            linewidth=1.6,
            label=name,
            marker=marker if len(points) <= 30 else None,
            markersize=5,
        )
    axes.set_xlabel("Optimiser step", color=INK, fontsize=FONT)
    axes.set_ylabel("Loss per answer token, nats", color=INK, fontsize=FONT)
    axes.yaxis.grid(visible=True, color=RULE, linewidth=0.8)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=FONT, labelcolor=INK, loc="upper right")
    figure.subplots_adjust(left=0.13, right=0.98, top=0.97, bottom=0.55 / height)
    told = "; ".join(
        f"{name}: from {points[0][1]:.3f} at step {points[0][0]} to {points[-1][1]:.3f} "
        f"at step {points[-1][0]}"
        for name, points, _, _ in lines
        if points
    )
    title = "Loss during fine-tuning"
    return Picture(
        key=key, title=title, caption=f"{told}.", svg=inline_svg(figure, key, title, told)
    )
