"""Numbers as they are written, and untrusted text made harmless."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.report.numbers import (
    could_find,
    count,
    duration,
    interval,
    p_value,
    percent,
    points,
    points_interval,
    scrub,
    scrub_tree,
    visible,
)
from probe.statistics import Estimate, pair


def make_estimate(estimate: float, low: float, high: float, clusters: int = 10) -> Estimate:
    return Estimate(
        estimate=estimate, low=low, high=high, n=10, clusters=clusters, level=0.95, method="x"
    )


def test_percentages_have_one_decimal() -> None:
    assert percent(0.12345) == "12.3%"
    assert percent(0) == "0.0%"
    assert interval(make_estimate(0.1, 0.0512, 0.2)) == "[5.1, 20.0]"


def test_what_could_have_been_found_is_told_of_all_rows() -> None:
    few, many, one = (pair([True, False] * n, [False, True] * n, range(2 * n)) for n in (9, 50, 1))
    assert many.detectable is not None
    least = f"{100 * many.detectable:.1f}"
    assert f"A difference of {least} points or more" in could_find([many])
    assert "with 80% power (level 0.05, one test)" in could_find([many])
    assert f"of {least} to {100 * (few.detectable or 0):.1f} (by row) points" in could_find(
        [few, many]
    )
    assert could_find([many, one]).startswith(could_find([many]))
    assert could_find([many, one]).endswith("Some rows are too few to find any.")
    assert could_find([one]) == "Too few to find any difference."


def test_points_have_a_sign() -> None:
    assert points(0.04) == "+4.0"
    assert points(-0.04) == "\N{MINUS SIGN}4.0"
    assert points(-0.0004) == "0.0"
    told = points_interval(make_estimate(0.04, -0.012, 0.093))
    assert told == "+4.0 [\N{MINUS SIGN}1.2, +9.3]"


def test_one_program_has_no_interval() -> None:
    assert interval(make_estimate(0.5, 0.5, 0.5, clusters=1)) == "[no interval]"
    assert interval(make_estimate(0.0, 0.0, 0.79, clusters=1)) == "[0.0, 79.0]"


@pytest.mark.parametrize(("p", "text"), [(0.0001, "< 0.001"), (0.0123, "= 0.012"), (1, "= 1.000")])
def test_p_values(p: float, text: str) -> None:
    assert p_value(p) == text


def test_counts_and_times() -> None:
    assert count(1, "item") == "1 item"
    assert count(1234, "item") == "1,234 items"
    assert [duration(s) for s in (4.4, 200, 7400)] == ["4 s", "3 min 20 s", "2 h 3 min"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/home/someone/runs/base", "base"),
        ("--out=/home/someone/run s/base", "--out=base"),
        ("~/runs/base/", "base"),
        ("C:\\Users\\someone\\base", "base"),
        ("../../someone/base", "base"),
        ("file:///home/someone/base", "base"),
        ("runs/base", "runs/base"),
        ("google/gemma-3-270m", "google/gemma-3-270m"),
        ("--shots=3", "--shots=3"),
        ("\n", "\n"),
    ],
)
def test_machine_paths_are_cut(text: str, kept: str) -> None:
    assert scrub(text) == kept


def test_paths_are_cut_inside_documents() -> None:
    found = scrub_tree({"a": ["/home/someone/x", 1, None], "/home/someone/k": True})
    assert found == {"a": ["x", 1, None], "k": True}


@given(st.text(alphabet=st.characters()))
def test_visible_text_can_be_written_and_hides_nothing(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not [c for c in shown if c not in "\n\t" and unicodedata.category(c) in hidden]


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
