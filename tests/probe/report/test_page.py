"""The page as a document: structure, names, hostile text, policy, contrast."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from probe.report.build import build_report

MakeRun = Callable[..., Path]
VOID = {"meta", "input", "br", "hr", "link", "img"}
HOSTILE = (
    "<script>alert(1)</script>",
    "</code></pre><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "{{ 7*7 }} {% raw %}",
    "\u202etxt\u2066 \x00\x1b[31m \ud800",
    "`|*_<b>&amp;",
)


class Page(HTMLParser):
    """Collects elements and refuses tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.stack: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(usual_runs: list[Path], grading_run: Path, trace_file: Path, tmp_path: Path) -> str:
    out = build_report([*usual_runs, grading_run, trace_file], tmp_path / "out")
    return out.index.read_text(encoding="utf-8")


def test_tags_nest_and_names_are_unique(page: str) -> None:
    parsed = Page(page)
    assert parsed.stack == []
    ids = Counter(a["id"] for _, a in parsed.elements if "id" in a)
    assert [name for name, n in ids.items() if n > 1] == []
    for _, attributes in parsed.elements:
        named = attributes.get("aria-labelledby", "").split()
        assert all(name in ids for name in named)
        href = attributes.get("href", "#")
        assert href.startswith("#")
        assert href == "#" or href[1:] in ids


def test_nothing_comes_from_elsewhere(page: str) -> None:
    parsed = Page(page)
    assert {tag for tag, _ in parsed.elements} & {
        "link",
        "img",
        "iframe",
        "object",
        "base",
    } == set()
    assert not [a for _, a in parsed.elements if "src" in a or "srcset" in a]
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_policy_allows_only_the_script_that_is_there(page: str) -> None:
    (policy,) = [a["content"] for a in Page(page).all("meta") if "http-equiv" in a]
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy


def test_landmarks_headings_and_tables(page: str) -> None:
    parsed = Page(page)
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert len(parsed.all(landmark)) == 1, landmark
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(a.get("scope") in {"row", "col"} for a in parsed.all("th"))
    assert len(parsed.all("caption")) == len(parsed.all("table"))
    assert [a.get("role") for a in parsed.all("svg")] == ["img"] * 3
    assert parsed.all("html")[0]["lang"] == "en"


def test_every_item_can_be_pointed_at(page: str) -> None:
    items = [a for a in Page(page).all("details") if a.get("class") == "item"]
    assert len(items) == 186
    assert items[0]["id"] == "item-9-0"
    assert all(re.fullmatch("[01]{3}", a["data-pattern"]) for a in items)


def test_hostile_completions_are_shown_as_text(make_execution_run: MakeRun, tmp_path: Path) -> None:
    keys = [f"9/{n}" for n in range(3)] + [f"10/{n}" for n in range(3)]
    told = dict(zip(keys, (t.replace("\ud800", "") for t in HOSTILE), strict=True))
    run = make_execution_run("base", items=9, completions=told)
    summary = build_report([run], tmp_path / "out")
    text = summary.index.read_text(encoding="utf-8")
    parsed = Page(text)
    assert len(parsed.all("script")) == 1
    assert parsed.all("img") == []
    assert not [n for _, a in parsed.elements for n in a if n.startswith("on")]
    shown = "".join(parsed.texts)
    assert HOSTILE[0] in shown
    assert HOSTILE[1] in shown
    assert "{{ 7*7 }}" in shown
    assert "\u202e" not in text
    assert "\\u202e" in shown
    assert "\\x1b[31m" in shown


def test_hostile_names_are_shown_as_text(make_execution_run: MakeRun, tmp_path: Path) -> None:
    run = make_execution_run("<b>&", model={"spec": "<script>alert(2)</script>"})
    summary = build_report([run], tmp_path / "out")
    parsed = Page(summary.index.read_text(encoding="utf-8"))
    letters = [a for a in parsed.all("b") if "aria-hidden" not in a]
    assert letters == [{}]  # the run's letter in the explanation of the marks
    assert len(parsed.all("script")) == 1


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_marks_can_be_told_from_their_ground(theme: int) -> None:
    """Text needs 4.5:1 (WCAG AA); the series stand for text too, so they need it as well."""
    import probe.report

    style = Path(probe.report.__file__).parent / "templates" / "style.css"
    blocks = re.findall(r":root \{(.*?)\}", style.read_text(encoding="utf-8"), re.DOTALL)
    names = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", blocks[theme]))
    texts = ["ink", "muted", "accent", "good", "bad", *(f"series-{n}" for n in range(1, 7))]
    for ground in ("paper", "card", "tint"):
        for name in texts:
            assert contrast(names[name], names[ground]) >= 4.5, (name, ground)
