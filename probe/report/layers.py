"""The figure of probes by layer: one panel for each property, all runs in it.

Called by :mod:`probe.report.represent`. See :mod:`probe.report.figures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probe.report.figures import FONT, WIDTH, Picture, own_settings, style_of
from probe.report.numbers import percent, percent_interval
from probe.report.svg import INK, MUTED, RULE, inline_svg
from probe.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import LineStyleType

__all__ = ["LayerCurve", "LayerPanel", "layers_picture"]

_PANEL = 1.75  # inches
_CONTROL: LineStyleType = "--"
_BAG: LineStyleType = "-."
_MAJORITY: LineStyleType = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCurve:
    """What a run's probes for one property score.

    Attributes:
        accuracy: By layer.
        control: The control task, by layer.
    """

    accuracy: Mapping[int, Estimate]
    control: Mapping[int, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPanel:
    """One property.

    Attributes:
        title: Its name.
        curves: One for each run.
        bag: What the bag of tokens scores.
        majority: What the most frequent label scores.
    """

    title: str
    curves: tuple[LayerCurve, ...]
    bag: Estimate
    majority: Estimate


@own_settings()
def layers_picture(
    panels: Sequence[LayerPanel], labels: Sequence[str], key: str, *, title: str
) -> Picture:
    """Draw accuracy by layer with its interval, beside the control task and the baselines.

    Args:
        panels: The properties, top to bottom.
        labels: Names of the runs, in the order of each panel's curves.
        key: Identifier, unique in a report.
        title: What is shown.
    """
    from matplotlib.figure import Figure

    legend = 0.2 * (len(labels) + 3) + 0.2
    height = _PANEL * len(panels) + legend + 0.55
    figure = Figure(figsize=(WIDTH, height))
    figure.patch.set_visible(False)
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        _draw(axes, panel)
    grid[-1, 0].set_xlabel("Layer (0: embeddings)", color=INK, fontsize=FONT)
    _legend(figure, labels)
    figure.subplots_adjust(
        left=0.15,
        right=0.97,
        top=1 - (legend + 0.25) / height,
        bottom=0.55 / height,
        hspace=0.34,
    )
    return Picture(
        key=key,
        title=title,
        caption="Line with points: share of items right, probes trained on other programs; band: "
        "95% interval. Dashed: the control task of the same run.",
        svg=inline_svg(figure, key, title, "; ".join(_told(panel, labels) for panel in panels)),
    )


def _draw(axes: Axes, panel: LayerPanel) -> None:
    axes.patch.set_visible(False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
    axes.tick_params(colors=INK, labelsize=FONT, length=3, color=MUTED)
    axes.yaxis.grid(visible=True, color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    for score, dash in ((panel.bag, _BAG), (panel.majority, _MAJORITY)):
        axes.axhline(100 * score.estimate, color=MUTED, linestyle=dash, linewidth=1.4)
    for series, curve in enumerate(panel.curves):
        colour, marker = style_of(series)
        layers = list(curve.accuracy)
        scores = list(curve.accuracy.values())
        axes.fill_between(
            layers,
            [100 * score.low for score in scores],
            [100 * score.high for score in scores],
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
        points: dict[str, Any] = {"marker": marker, "markersize": 5, "linewidth": 1.6}
        axes.plot(layers, [100 * s.estimate for s in scores], color=colour, **points)
        control = [100 * score.estimate for score in curve.control.values()]
        axes.plot(list(curve.control), control, color=colour, linestyle=_CONTROL, linewidth=1.2)
    axes.set_ylim(0, 102)
    axes.set_title(panel.title, loc="left", fontsize=FONT, color=INK, pad=3)
    axes.set_ylabel("Right, %", color=INK, fontsize=FONT)


def _legend(figure: Figure, labels: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for series, label in enumerate(labels):
        colour, marker = style_of(series)
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=6, label=label))
    muted: dict[str, Any] = {"color": MUTED, "linewidth": 1.4}
    handles += [
        Line2D([], [], linestyle=_CONTROL, label="Control task", **muted),
        Line2D([], [], linestyle=_BAG, label="Bag of tokens", **muted),
        Line2D([], [], linestyle=_MAJORITY, label="Most frequent label", **muted),
    ]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.02, 1.0),
        frameon=False,
        fontsize=FONT,
        labelcolor=INK,
        labelspacing=0.25,
    )


def _told(panel: LayerPanel, labels: Sequence[str]) -> str:
    runs = "; ".join(
        f"{label}: "
        + ", ".join(
            f"layer {layer} {percent_interval(score)}, "
            f"control {percent(curve.control[layer].estimate)}"
            for layer, score in curve.accuracy.items()
        )
        for label, curve in zip(labels, panel.curves, strict=True)
    )
    return (
        f"{panel.title}: {runs}; bag of tokens {percent(panel.bag.estimate)}; "
        f"most frequent label {percent(panel.majority.estimate)}"
    )
