"""The two prints of a report: one self-contained page, one Markdown file.

Called by :mod:`probe.report.build`. Model output is hostile: the page escapes everything and
forbids by its content security policy whatever it did not bring along; in Markdown every value
is escaped unless this module made it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from probe.report.document import Document
from probe.report.tables import Cell, Table

if TYPE_CHECKING:
    from probe.report.front import Front

__all__ = [
    "markdown_code",
    "markdown_fenced",
    "markdown_table",
    "markdown_text",
    "render_front",
    "render_html",
    "render_markdown",
]

_INTERVAL = r"\[[-+\u2212\d., ]+\]"
_SPECIAL = re.compile(
    rf"{_INTERVAL}|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])"  # harmless as they are
    r"|([\\`*_\[\]|~$]|<(?=[A-Za-z/!?])|&(?=[#A-Za-z])|^(?:[-+](?!\d)|[>#=]))"
)


def render_html(document: Document) -> str:
    """Return the page."""
    environment = _environment(autoescape=True)
    script = _source(environment, "browse.js")
    style = _source(environment, "style.css")
    return environment.get_template("report.html.j2").render(
        report=document,
        style=Markup(style),
        script=Markup(script),
        script_hash=_csp_hash(script),
        safe=Markup,  # for drawings only, whose texts are escaped when they are made
    )


def render_markdown(document: Document) -> str:
    """Return the Markdown file."""
    text = _environment(autoescape=False).get_template("report.md.j2").render(report=document)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def render_front(front: Front) -> tuple[str, str]:
    """Return the front page over several reports, as page and as Markdown."""
    environment = _environment(autoescape=True)
    page = environment.get_template("front.html.j2").render(
        front=front, style=Markup(_source(environment, "style.css"))
    )
    text = _environment(autoescape=False).get_template("front.md.j2").render(front=front)
    return page, re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("probe.report"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=None if autoescape else _finalize,
    )
    environment.filters |= {
        "code": markdown_code,
        "fenced": markdown_fenced,
        "table": markdown_table,
    }
    return environment


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _csp_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _finalize(value: Any) -> Any:
    return value if isinstance(value, Markup) else markdown_text(str(value))


def _escape(found: re.Match[str]) -> str:
    """Leave intervals and the underscores inside names as they are."""
    return f"\\{found[1]}" if found[1] else found[0]


def markdown_text(text: str) -> Markup:
    """Return text as Markdown that shows just that text, on one line."""
    line = _SPECIAL.sub(_escape, " ".join(text.split()))
    return Markup(re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line))  # no numbered list


def markdown_code(text: str) -> Markup:
    """Return text as a Markdown code span that fits into a table cell."""
    line = text.replace("\n", "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}").replace("|", "\\|")
    if not line.strip():
        return Markup("*(empty)*") if not line else Markup("*(blank)*")
    runs = [len(found) for found in re.findall(r"`+", line)]
    fence = "`" * (max(runs, default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return Markup(f"{fence}{pad}{line}{pad}{fence}")


def markdown_fenced(text: str) -> Markup:
    """Return text as a fenced block that nothing inside can end."""
    runs = [len(found) for found in re.findall(r"`+", text)]
    fence = "`" * max(3, max(runs, default=0) + 1)
    return Markup(f"{fence}text\n{text.rstrip()}\n{fence}")


def markdown_table(table: Table) -> Markup:
    """Return a table as Markdown, with its caption above and its remark below."""
    ends = ["---"] + ["---:" if table.numeric else "---"] * (len(table.columns) - 1)
    lines = [
        f"**{markdown_text(table.caption)}**",
        "",
        _row([markdown_text(name) for name in table.columns]),
        _row(ends),
        *(_row([_cell(cell) for cell in row]) for row in table.rows),
    ]
    if table.foot:
        lines += ["", f"_{markdown_text(table.foot)}_"]
    return Markup("\n".join(lines))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = markdown_code(cell.text) if cell.code else markdown_text(cell.text)
    return f"{text} {markdown_text(cell.note)}".rstrip() if cell.note else str(text)
