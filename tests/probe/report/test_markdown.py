"""Text of programs and models in Markdown: it stays text."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from probe.report.numbers import visible
from probe.report.render import (
    markdown_code,
    markdown_fenced,
    markdown_table,
    markdown_text,
)
from probe.report.tables import Cell, Table

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = st.text(alphabet=st.sampled_from("ab1 _*`~|<>[]()#-+=.!\\&;:/\n\"'$"), max_size=24)


def texts(markdown: str) -> tuple[set[str], str]:
    """Return the kinds of inline elements and all text that a reader of Markdown sees."""
    kinds: set[str] = set()
    found = []
    for block in READER.parse(markdown):
        for inline in block.children or []:
            kinds.add(inline.type)
            found.append(inline.content if inline.type != "softbreak" else "\n")
    return kinds, "".join(found)


@given(HOSTILE)
def test_escaped_text_is_read_as_text(text: str) -> None:
    line = " ".join(visible(text).split())
    kinds, read = texts(markdown_text(text))
    assert read == line
    assert kinds <= {"text", "text_special"}


@given(HOSTILE)
def test_escaped_text_stays_in_its_cell(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {markdown_text(text)} | end |"
    kinds, read = texts(table)
    assert read == "ab" + " ".join(text.split()) + "end"
    assert kinds <= {"text", "text_special"}


@given(HOSTILE.filter(str.strip))
def test_code_stays_in_its_cell(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {markdown_code(text)} | end |"
    tokens = [t for block in READER.parse(table) for t in block.children or []]
    assert [t.type for t in tokens] == ["text", "text", "code_inline", "text"]
    shown = text.replace("\n", "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}")
    assert tokens[2].content.strip() == shown.strip()


@given(HOSTILE)
def test_a_fence_holds_what_is_inside(text: str) -> None:
    blocks = READER.parse(markdown_fenced(text))
    assert [block.type for block in blocks] == ["fence"]
    assert blocks[0].content.strip("\n") == text.rstrip().strip("\n")


def test_numbers_stay_readable() -> None:
    assert markdown_text("14.0% [8.6, 20.4] of exact_text") == "14.0% [8.6, 20.4] of exact_text"
    assert markdown_text("+4.0 [−1.2, +9.3], p < 0.001") == "+4.0 [−1.2, +9.3], p < 0.001"  # noqa: RUF001


def test_table_has_caption_heads_and_rows() -> None:
    table = Table(
        key="t",
        caption="A caption",
        columns=("x", "y"),
        rows=((Cell(text="r"), Cell(text="1", note="[0, 2]")),),
        foot="A remark.",
    )
    lines = str(markdown_table(table)).splitlines()
    assert lines == [
        "**A caption**",
        "",
        "| x | y |",
        "| --- | ---: |",
        "| r | 1 [0, 2] |",
        "",
        "_A remark._",
    ]
    assert re.match(r"<p><strong>A caption</strong></p>", READER.render("\n".join(lines)))
