"""Files of JSON lines: round trips, torn lines, atomic writes, refusals."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators import jsonl
from generators.errors import DataError, FormatError

SCHEMA = "probe.test"
ROWS = st.lists(
    st.dictionaries(
        st.text(alphabet=st.characters(codec="utf-8")),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(alphabet=st.characters(codec="utf-8")),
        max_size=4,
    ),
    max_size=5,
)


@given(ROWS)
def test_rows_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict]) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    assert jsonl.write(path, jsonl.header(SCHEMA), rows) == len(rows)
    assert [row for _, row in jsonl.read(path, SCHEMA)] == rows


@given(rows=ROWS, cut=st.integers(1, 200))
def test_mending_leaves_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict], cut: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    jsonl.write(path, jsonl.header(SCHEMA), rows)
    whole = path.read_bytes()
    torn = whole[: max(0, len(whole) - cut)]
    path.write_bytes(torn)
    jsonl.mend(path)
    kept = path.read_bytes()
    assert whole.startswith(kept)
    assert kept == b"" or kept.endswith(b"\n")
    assert torn.count(b"\n") == kept.count(b"\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "empty file"),
        ("{", "broken JSON"),
        ("[1]", "not a JSON object"),
        ('{"schema": "other", "version": 1}', "expected a file of probe.test, found other"),
        ('{"schema": "probe.test", "version": 9}', "version 9 of probe.test is not known"),
        ('{"a": 1}', "no header line"),
    ],
)
def test_headers_are_checked(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(line + "\n" if line else "")
    with pytest.raises(FormatError, match=said):
        jsonl.read_header(path, SCHEMA)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(jsonl.dump_line(jsonl.header(SCHEMA)) + '{"a": 1}\n{"a": \n')
    with pytest.raises(FormatError, match=r"x\.jsonl:3: broken JSON"):
        list(jsonl.read(path, SCHEMA))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jsonl: No such file"):
        jsonl.sha256_file(tmp_path / "gone.jsonl")


def test_a_failed_write_leaves_the_old_file_and_no_scrap(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")

    def rows():
        yield {"a": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jsonl.write(path, jsonl.header(SCHEMA), rows())
    assert path.read_text() == "old"
    assert [child.name for child in tmp_path.iterdir()] == ["x.json"]


def test_a_full_disk_is_one_line_and_leaves_nothing() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    stream = jsonl.open_to_append(full)
    with pytest.raises(DataError, match="No space left on device"):
        jsonl.append_lines(stream, [{"a": 1}])
    with suppress(OSError):  # closing flushes, and fails, once more
        stream.close()


def test_appending_is_all_or_none(file_limit: Any, tmp_path: Path) -> None:
    """A disk that is full, then is not: no half line, and no line twice."""
    path = tmp_path / "rows.jsonl"
    rows = [{"key": number, "text": "x" * 100} for number in range(80)]
    with jsonl.open_to_append(path) as stream:
        jsonl.append_lines(stream, rows[:2])
        kept = path.read_bytes()
        told = r"cannot write .*rows\.jsonl: File too large"
        with file_limit(4096), pytest.raises(DataError, match=told):
            jsonl.append_lines(stream, rows[2:])
        assert path.read_bytes() == kept
        jsonl.append_lines(stream, rows[2:])
    assert [row for _, row in jsonl.read_rows(path)] == rows
    with jsonl.open_to_append(path, anew=True) as stream:
        assert path.read_bytes() == b""
        with file_limit(4096), pytest.raises(DataError, match=told):
            jsonl.append_lines(stream, rows)
        jsonl.append_lines(stream, rows[:1])
    assert [row for _, row in jsonl.read_rows(path)] == rows[:1]


def test_keys_are_sorted_and_nan_is_refused(tmp_path: Path) -> None:
    assert jsonl.dump_line({"b": 1, "a": "é"}) == '{"a": "é", "b": 1}\n'
    with pytest.raises(ValueError, match="JSON"):
        jsonl.dump_line({"a": float("nan")})
    jsonl.write_json(tmp_path / "x.json", {"b": 1, "a": 2})
    assert list(json.loads((tmp_path / "x.json").read_text())) == ["a", "b"]
