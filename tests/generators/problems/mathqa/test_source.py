"""Looking MathQA up: folder, cache, home page, checksums, and every refusal."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from generators.errors import (
    ChecksumError,
    DataError,
    UsageError,
)
from generators.problems.catalog import describe_any, fetch_any, list_all
from generators.problems.lookup import Supply, is_path
from generators.problems.mathqa import source
from generators.problems.mathqa.describe import describe_mathqa
from generators.problems.mathqa.records import MathSplit
from generators.problems.mathqa.source import (
    RAW_FILES,
    fetch_mathqa,
    load_mathqa,
    locate_split,
)
from generators.problems.sources import load_source

DEV, TEST, TRAIN = MathSplit.DEV, MathSplit.TEST, MathSplit.TRAIN


@pytest.fixture
def made_folder(make_raw: Any, tmp_path: Path) -> Path:
    """A data folder with a dev.json of unknown content."""
    folder = tmp_path / "made"
    (folder / "mathqa").mkdir(parents=True)
    rows = [make_raw(), make_raw(correct="e")]
    (folder / "mathqa" / "dev.json").write_text(json.dumps(rows))
    return folder


def test_the_data_folder_supplies_the_published_file(data_dir: Path) -> None:
    found = load_mathqa(TEST, data_dir=data_dir)
    assert found.supply is Supply.FOLDER
    assert found.manifest() == {
        "name": "mathqa-python",
        "split": "test",
        "conversion": "mathqa-python@1",
        "content_sha256": found.content_sha256,
        "known": True,
        "licence": "Apache-2.0",
        "supply": "folder",
        "file": "test.json",
        "sha256": RAW_FILES[TEST].sha256,
        "rows": 2_985,
        "problems": 1_883,
        "dropped": dict(found.dropped),
    }


def test_the_environment_names_the_data_folder(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBE_DATA_DIR", str(data_dir))
    found = locate_split(DEV)
    assert found is not None
    assert found.path == data_dir / "mathqa" / "dev.json"


def test_unknown_content_is_refused(made_folder: Path) -> None:
    with pytest.raises(ChecksumError) as caught:
        load_mathqa(DEV, data_dir=made_folder)
    message = str(caught.value)
    assert message.startswith(str(made_folder / "mathqa" / "dev.json"))
    assert "--accept-unknown-data" in message
    assert "\n" not in message


def test_accepted_unknown_content_stays_unknown(made_folder: Path) -> None:
    found = load_mathqa(DEV, data_dir=made_folder, accept_unknown=True)
    assert not found.known
    assert (found.rows, len(found.problems)) == (2, 1)
    assert found.dropped["no_numeric_answer"] == 1


def test_a_missing_data_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="correct --data-dir"):
        load_mathqa(DEV, data_dir=tmp_path / "none")


def test_a_folder_without_the_split_is_passed_over_with_a_warning(
    data_dir: Path, made_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fetch_mathqa(data_dir=data_dir)
    with caplog.at_level(logging.WARNING):
        found = load_mathqa(TEST, data_dir=made_folder)
    assert found.supply is Supply.CACHE
    assert caplog.messages == [f"{made_folder} has no mathqa/test.json: using the cache"]


def test_a_number_of_problems_that_is_not_the_published_one_is_said(
    made_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sha256 = load_mathqa(DEV, data_dir=made_folder, accept_unknown=True).sha256
    raw = source.RawFile(sha256=sha256, rows=2, problems=2)
    monkeypatch.setattr(source, "RAW_FILES", {**RAW_FILES, DEV: raw})
    with caplog.at_level(logging.WARNING):
        assert load_mathqa(DEV, data_dir=made_folder).known
    assert "1 problems, not the published 2" in caplog.messages[0]


def test_fetching_from_the_folder(data_dir: Path, cache: Path, home: Any) -> None:
    assert fetch_any("mathqa-python", data_dir=data_dir) == cache
    here = sorted(path.name for path in (data_dir / "mathqa").glob("*.json"))
    assert sorted(path.name for path in cache.iterdir()) == here
    assert (cache / "dev.json").read_bytes() == (data_dir / "mathqa" / "dev.json").read_bytes()
    assert load_mathqa(DEV).supply is Supply.CACHE
    assert home.requests == []


def test_a_broken_cache_is_refused_and_replaced(data_dir: Path, cache: Path) -> None:
    fetch_mathqa(data_dir=data_dir)
    (cache / "dev.json").write_text("[]")
    with pytest.raises(ChecksumError, match="run `probe data fetch mathqa-python`"):
        load_mathqa(DEV)
    fetch_mathqa(data_dir=data_dir)
    assert load_mathqa(DEV).known


def test_a_good_file_is_kept(data_dir: Path, cache: Path) -> None:
    fetch_mathqa(data_dir=data_dir)
    os.utime(cache / "dev.json", (1, 1))
    fetch_mathqa(data_dir=data_dir)
    assert (cache / "dev.json").stat().st_mtime == 1


def test_unknown_content_of_a_folder_is_not_fetched(made_folder: Path, cache: Path) -> None:
    with pytest.raises(ChecksumError, match="not that of MathQA's dev"):
        fetch_mathqa(data_dir=made_folder)
    assert not cache.exists()
    fetch_mathqa(data_dir=made_folder, accept_unknown=True)
    assert (cache / "dev.json").read_text() == (made_folder / "mathqa" / "dev.json").read_text()


def test_it_is_listed_with_the_others(made_folder: Path) -> None:
    rows = {row["name"]: row for row in list_all(made_folder)}
    assert list(rows) == ["basics", "mbpp", "mbpp-sanitized", "mathqa-python"]
    ours = rows["mathqa-python"]
    assert ours["supply"] == "folder"
    assert ours["path"] == str(made_folder / "mathqa")
    assert ours["splits"] == ["dev"]
    nowhere = list_all()[-1]
    assert (nowhere["supply"], nowhere["path"], nowhere["splits"]) == ("home page", None, [])
    json.dumps(rows)


def test_it_is_no_source_of_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mathqa-python").touch()
    assert not is_path("mathqa-python")
    with pytest.raises(DataError, match="has no programs with tests"):
        load_source("mathqa-python")


def test_a_close_name_is_suggested() -> None:
    with pytest.raises(DataError, match="did you mean 'mathqa-python'"):
        load_source("mathqa-pyton")


def test_what_is_in_it(data_dir: Path) -> None:
    found = describe_any("mathqa-python", split="dev", data_dir=data_dir)
    assert json.loads(json.dumps(found)) == found
    assert (found["rows"], found["problems"]) == (4_475, 2_822)
    assert found["dropped"] == {
        "no_numeric_answer": 17,
        "zero_or_none": 39,
        "off_by_over_1_percent": 1_597,
        "program_differs": 0,
    }
    assert list(found["splits"]) == ["dev"]
    assert found["splits"]["dev"]["expected"] == 2_822
    assert len(found["first"]) == 2


def test_all_splits_that_are_here(made_folder: Path) -> None:
    found = describe_mathqa(data_dir=made_folder, accept_unknown=True, first=0)
    assert list(found["splits"]) == ["dev"]
    assert found["first"] == []


@pytest.mark.parametrize(
    ("name", "split", "splits"),
    [
        ("mathqa-python", "validation", "train, dev, test, challenge_test"),
        ("basics", "dev", "prompt, test, validation, train"),
    ],
)
def test_a_split_that_there_is_not(name: str, split: str, splits: str) -> None:
    with pytest.raises(UsageError, match=f"--split is '{split}'; of {name} it is one of {splits}"):
        describe_any(name, split=split)
