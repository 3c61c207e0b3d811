"""Drawings: well-formed, described, in the colours of the page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib as mpl

from probe.report.plots import Mark, TypeRow, scores_picture, training_picture, types_picture
from probe.statistics import Estimate

SCORE = Estimate(
    estimate=0.2, low=0.1, high=0.35, n=150, clusters=50, level=0.95, method="bootstrap"
)
HOSTILE = "<script>$x$ & co</script>"


def pictures() -> list[str]:
    marks = [Mark(label=HOSTILE, score=SCORE, series=0), Mark(label="b", score=SCORE, series=None)]
    rows = [TypeRow(label=HOSTILE, scores=(SCORE, SCORE))]
    return [
        scores_picture(marks, "one").svg,
        types_picture(rows, ["a", HOSTILE], "two").svg,
        training_picture([(1, 2.5), (2, 2.0)], [(0, 2.6), (2, 2.1)], "three").svg,
    ]


def test_drawings_are_well_formed_and_described() -> None:
    for svg in pictures():
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        named = [root.find(f".//*[@id='{key}']") for key in root.get("aria-labelledby", "").split()]
        assert all(element is not None and element.text for element in named)
        assert {element.tag.split("}")[1] for element in root.iter()} <= {
            "svg", "title", "desc", "defs", "g", "path", "use", "text", "clipPath", "rect"
        }  # fmt: skip


def test_colours_are_those_of_the_page() -> None:
    for svg in pictures():
        assert not re.findall(r"#[0-9a-fA-F]{6}\b", svg)
        assert "var(--" in svg
        assert "font-family" not in svg


def test_identifiers_do_not_collide() -> None:
    ids = [found for svg in pictures() for found in re.findall(r'\bid="([^"]*)"', svg)]
    assert len(ids) == len(set(ids))
    for svg in pictures():
        own = set(re.findall(r'\bid="([^"]*)"', svg))
        assert set(re.findall(r'href="#([^"]*)"', svg)) <= own
        assert set(re.findall(r"url\(#([^)]*)\)", svg)) <= own


def test_names_are_text_never_maths_or_markup() -> None:
    svg = pictures()[0]
    words = [element.text for element in ET.fromstring(svg).iter() if element.text]
    assert HOSTILE in words


def test_same_numbers_same_bytes_whatever_the_user_set() -> None:
    first = pictures()
    with mpl.rc_context({"font.size": 33, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert pictures() == first


def test_a_long_name_is_cut_in_the_drawing_only() -> None:
    name = "a-model-with-a-very-long-name-indeed, tuned, zero-shot"
    svg = scores_picture([Mark(label=name, score=SCORE, series=0)], "x").svg
    root = ET.fromstring(svg)
    description = root.find(".//*[@id='x-desc']")
    assert description is not None
    assert name in (description.text or "")
    drawn = [e.text for e in root.iter() if e.tag.endswith("}text")]
    assert name not in drawn
    assert any(text and text.endswith("\N{HORIZONTAL ELLIPSIS}") for text in drawn)


def test_training_without_validation() -> None:
    picture = training_picture([(1, 2.5), (2, 2.0)], [], "t")
    assert "Validation" not in picture.svg
    assert "from 2.500 at step 1 to 2.000 at step 2" in picture.caption
