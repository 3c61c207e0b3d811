"""What all figures of the page have in common: size, settings, colours and markers, legend.

Called by the modules that draw. matplotlib draws with marker colours that are then replaced by
the page's CSS variables; text stays text, in the page's font. Meaning is carried by shape, place
and printed value, never by colour alone. The same numbers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probe.report.svg import INK, MUTED, SERIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FONT", "WIDTH", "Picture", "add_legend", "new_figure", "own_settings", "style_of"]

WIDTH = 4.4  # inches; at 72 units an inch the figure fills a phone at about its own size
FONT = 10.5
_MARKERS = "oDs^vP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure of the page.

    Attributes:
        key: Identifier, unique in a report.
        title: Short title.
        caption: What can be seen, in words.
        svg: The drawing, safe to stand in a page.
    """

    key: str
    title: str
    caption: str
    svg: str


@contextmanager
def own_settings() -> Iterator[None]:
    """Hold matplotlib's own defaults, whatever the user's are; names are never read as maths."""
    from matplotlib import rc_context, rcdefaults, rcParams

    with rc_context():
        rcdefaults()
        rcParams["text.parse_math"] = False
        rcParams["svg.hashsalt"] = "probe"
        rcParams["svg.fonttype"] = "none"
        yield


def style_of(series: int | None) -> tuple[str, str]:
    """Return the colour and the marker of a series, or of a trivial baseline."""
    if series is None:
        return MUTED, "|"
    return SERIES[series % len(SERIES)], _MARKERS[series % len(_MARKERS)]


def new_figure(height: float) -> tuple[Figure, Axes]:
    """Return a figure of the page's width with one bare pair of axes; ``height`` in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    figure.patch.set_visible(False)
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.tick_params(colors=INK, labelsize=FONT, length=3, color=MUTED)
    return figure, axes


def add_legend(
    axes: Axes, labels: Sequence[str], series: Sequence[int | None] | None = None
) -> None:
    """Name the series above the axes."""
    from matplotlib.lines import Line2D

    handles = []
    for label, place in zip(labels, series or range(len(labels)), strict=True):
        colour, marker = style_of(place)
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=7, label=label))
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.01),
        borderaxespad=0.0,
        frameon=False,
        fontsize=FONT,
        labelcolor=INK,
        handlelength=1.6,
        labelspacing=0.25,
        borderpad=0.1,
    )
