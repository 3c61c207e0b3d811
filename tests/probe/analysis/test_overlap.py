"""Line overlap: what counts as a line, and the counts against brute force."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.errors import DataError, UsageError
from generators.problems.sources import load_source
from probe.analysis.overlap import LEAST, file_lines, overlaps, telling_lines
from probe.overlap import overlap_lines, overlap_report, write_histogram

PROBLEM = load_source("basics").problems[0]
LINE = st.sampled_from(
    ["total = total + value", "    total  =  total+value", "return x", "# a long comment here", ""]
    + [f"name{i} = other{i} * {i}" for i in range(6)]
)


def test_lines_that_tell() -> None:
    code = "def f(n):\n  # count all\n  n = 0\n  total  =  total+value\n\ntotal = total + value"
    assert telling_lines(code) == ["total=total+value"]
    assert telling_lines("x" * LEAST) == ["x" * LEAST]
    assert telling_lines("x" * (LEAST - 1)) == []


@given(st.lists(LINE, max_size=8), st.lists(LINE, max_size=8))
def test_overlaps_are_those_of_brute_force(ours: list[str], theirs: list[str]) -> None:
    problem = replace(PROBLEM, code="\n".join(ours))
    (found,) = overlaps([problem], theirs)
    wanted = {"".join(line.split()) for line in theirs}
    lines = telling_lines(problem.code)
    assert found.lines == len(lines)
    assert list(found.matched) == [line for line in lines if line in wanted]
    assert found.share == (len(found.matched) / len(lines) if lines else 0)


def test_files_and_folders_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.py").write_text("first line\n")
    (tmp_path / "two.txt").write_bytes(b"\xff second line\n")
    assert [line.strip() for line in file_lines(tmp_path)] == ["first line", "\ufffd second line"]
    assert list(file_lines(tmp_path / "a" / "one.py")) == ["first line\n"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no files"):
        list(file_lines(tmp_path / "empty"))


def test_a_corpus_that_holds_the_references_holds_all_of_them(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    problems = load_source("basics").problems
    corpus.write_text("\n".join(problem.code for problem in problems))
    found = overlap_report("basics", against=corpus)
    assert found["n_matched"] == found["n_lines"] > 0
    assert found["histogram"][-1] == found["n_problems"] - found["without_telling_lines"]
    assert sum(found["histogram"]) == found["n_problems"] == len(problems)
    (tmp_path / "nothing.txt").write_text("\n")
    none = overlap_report("basics", against=tmp_path / "nothing.txt")
    assert none["over_half"]["estimate"] == 0
    assert none["none"]["estimate"] == 1


def test_the_report_is_readable_and_drawn(tmp_path: Path) -> None:
    found = overlap_report("basics")
    json.dumps(found)
    assert "against other splits" in overlap_lines(found)[0]
    write_histogram(found, tmp_path / "overlap.svg")
    assert (tmp_path / "overlap.svg").read_text().count("<svg") == 1


def test_no_such_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file or folder"):
        overlap_report("basics", against=tmp_path / "none")


def test_splits_of_mbpp_share_lines(data_dir: Path) -> None:
    """Computed from the public file: its references are much alike, across splits too."""
    found = overlap_report("mbpp", data_dir=data_dir)
    assert (found["n_lines"], found["n_matched"]) == (4849, 1240)
    assert round(found["over_half"]["estimate"] * 974) == 114
