"""From a matplotlib figure to an SVG element that lives in the page.

Called by the modules that draw. Drawings are made in stand-in colours, each of which becomes a
CSS variable of the page; text stays text in the page's font; names inside the element carry a
prefix, so that several drawings can stand in one page.
"""

from __future__ import annotations

import html
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CARD", "INK", "MUTED", "RULE", "SERIES", "inline_svg"]

INK, MUTED, RULE, CARD = "#010101", "#020202", "#030303", "#050505"
SERIES = ("#040401", "#040402", "#040403", "#040404", "#040405", "#040406")
_COLOURS = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    CARD: "var(--card)",
    **{colour: f"var(--series-{place})" for place, colour in enumerate(SERIES, 1)},
}


def inline_svg(figure: Figure, key: str, title: str, told: str) -> str:
    """Return the figure as an inline SVG element with a name and a description."""
    stream = io.StringIO()
    figure.savefig(
        stream, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text)
    text = re.sub(r'\bid="([^"]*)"', rf'id="{key}-\1"', text)
    text = re.sub(r"url\(#([^)]*)\)", rf"url(#{key}-\1)", text)
    text = re.sub(r'xlink:href="#([^"]*)"', rf'href="#{key}-\1"', text)
    for colour, variable in _COLOURS.items():
        text = text.replace(colour, variable)
    view = re.search(r'viewBox="([^"]*)"', text)
    body = text[text.index(">", text.index("<svg")) + 1 :]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view.group(1) if view else ""}" '
        f'role="img" aria-labelledby="{key}-title {key}-desc">\n'
        f'<title id="{key}-title">{html.escape(title)}</title>\n'
        f'<desc id="{key}-desc">{html.escape(told)}</desc>\n{body.strip()}'
    )
