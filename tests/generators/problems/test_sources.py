"""Looking sources up: order of the places, content checks, the cache, and every refusal."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators.errors import (
    ChecksumError,
    DataError,
    FormatError,
    SourceUnavailableError,
)
from generators.problems import registry, sources
from generators.problems.registry import known_sources, source_info
from generators.problems.sources import (
    Supply,
    describe,
    list_sources,
    load_source,
    locate,
)
from generators.records import Split

# --- the public names --------------------------------------------------------------------


def test_the_named_sources() -> None:
    assert [info.name for info in known_sources()] == ["basics", "mbpp", "mbpp-sanitized"]
    for info in known_sources():
        assert all(len(content) == 64 for content in info.contents)
    assert [info.name for info in known_sources() if info.embedded] == ["basics"]


def test_all_public_names_exist() -> None:
    assert all(hasattr(sources, name) for name in sources.__all__)
    assert all(hasattr(registry, name) for name in registry.__all__)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("mbp", "did you mean 'mbpp'"), ("basic", "did you mean 'basics'"), ("q", "")],
)
def test_an_unknown_name_gets_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(DataError, match=f"unknown problem source '{name}': {hint}") as caught:
        load_source(name)
    assert "basics, mbpp, mbpp-sanitized" in str(caught.value)


# --- the real data -----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count"), [("mbpp", 974), ("mbpp-sanitized", 427)])
def test_the_data_folder_supplies_known_content(data_dir: Path, name: str, count: int) -> None:
    source = load_source(name, data_dir=data_dir)
    assert len(source.problems) == count
    assert source.known
    assert source.supply is Supply.FOLDER
    assert {problem.source for problem in source.problems} == {name}
    assert source.manifest() == {
        "name": name,
        "supply": "folder",
        "file": source_info(name).file,
        "sha256": source.sha256,
        "content_sha256": next(iter(source_info(name).contents)),
        "known": True,
        "licence": "CC-BY-4.0",
    }


def test_the_environment_names_the_data_folder(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBE_DATA_DIR", str(data_dir))
    assert load_source("mbpp").supply is Supply.FOLDER


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_copy_that_differs_in_form_only_is_known(
    data_dir: Path, make_file: Callable[..., Path], tmp_path: Path, ends: str
) -> None:
    lines = (data_dir / "mbpp" / "mbpp.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in reversed(lines)]
    for row in rows:
        row["code"] = row["code"].replace("\r\n", ends)
    make_file(json.dumps(rows, indent=1, sort_keys=True, ensure_ascii=False), "copy/mbpp.jsonl")
    source = load_source("mbpp", data_dir=tmp_path / "copy")
    assert source.known
    assert source.identity() == load_source("mbpp", data_dir=data_dir).identity()


def test_one_changed_character_is_refused(data_dir: Path, tmp_path: Path) -> None:
    text = (data_dir / "mbpp" / "mbpp.jsonl").read_text(encoding="utf-8")
    (tmp_path / "mbpp.jsonl").write_text(text.replace("heap queue", "heap Queue", 1))
    with pytest.raises(ChecksumError, match="--accept-unknown-data"):
        load_source("mbpp", data_dir=tmp_path)


# --- unknown content ---------------------------------------------------------------------


def test_unknown_content_is_refused_with_its_hash(made_folder: Path) -> None:
    accepted = load_source("mbpp", data_dir=made_folder, accept_unknown=True)
    with pytest.raises(ChecksumError) as caught:
        load_source("mbpp", data_dir=made_folder)
    message = str(caught.value)
    assert accepted.content_sha256 in message
    assert str(made_folder / "mbpp" / "mbpp.jsonl") in message
    assert "--accept-unknown-data" in message
    assert "\n" not in message


def test_accepted_unknown_content_stays_unknown(made_folder: Path) -> None:
    source = load_source("mbpp", data_dir=made_folder, accept_unknown=True)
    assert not source.known
    assert source.manifest()["known"] is False
    assert [problem.split for problem in source.problems] == [Split.PROMPT, Split.TEST]
    assert source.split(Split.TEST) == source.problems[1:]
    assert source.split(Split.TRAIN) == ()


# --- the order of the places -------------------------------------------------------------


def test_the_folder_is_looked_through_before_the_cache(data_dir: Path, real_cache: Path) -> None:
    found = locate("mbpp", data_dir)
    assert found is not None
    assert found.supply is Supply.FOLDER


def test_a_file_directly_in_the_folder_is_found(make_file: Callable[..., Path]) -> None:
    path = make_file("", "flat/sanitized-mbpp.json")
    found = locate("mbpp-sanitized", path.parent)
    assert found is not None
    assert found.path == path


def test_a_folder_without_the_file_is_passed_over_with_a_warning(
    real_cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with caplog.at_level(logging.WARNING):
        source = load_source("mbpp", data_dir=empty)
    assert source.supply is Supply.CACHE
    assert source.known
    assert caplog.messages == [f"{empty} has no mbpp.jsonl: using the cache"]


def test_a_wrong_file_in_the_folder_is_not_replaced_by_the_cache(
    real_cache: Path, made_folder: Path
) -> None:
    with pytest.raises(ChecksumError):
        load_source("mbpp", data_dir=made_folder)


def test_a_missing_data_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="correct --data-dir or PROBE_DATA_DIR"):
        load_source("mbpp", data_dir=tmp_path / "none")
    monkeypatch.setenv("PROBE_DATA_DIR", str(tmp_path / "none"))
    with pytest.raises(DataError, match="correct --data-dir or PROBE_DATA_DIR"):
        load_source("mbpp")


def test_a_source_that_cannot_be_had_names_the_three_ways(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError) as caught:
        load_source("mbpp")
    message = str(caught.value)
    for part in (
        "--data-dir",
        "PROBE_DATA_DIR",
        "mbpp/mbpp.jsonl",
        "`probe data fetch mbpp`",
        str(tmp_path / "cache" / "data"),
        "google-research-datasets/mbpp",
        "http://127.0.0.1:9",
    ):
        assert part in message
    assert "\n" not in message


# --- a user's own file -------------------------------------------------------------------


def test_a_file_is_read_and_never_called_known(make_row: Any, make_file: Any) -> None:
    path = make_file([make_row(1), make_row(975)])
    source = load_source(str(path))
    assert source.supply is Supply.FILE
    assert not source.known
    assert [problem.split for problem in source.problems] == [Split.PROMPT, Split.TRAIN]
    manifest = source.manifest()
    assert manifest["name"] == manifest["file"] == "mine.jsonl"
    assert len(manifest["sha256"]) == len(manifest["content_sha256"]) == 64
    assert str(path.parent) not in json.dumps(manifest)


@pytest.mark.parametrize("name", ["gone.jsonl", "gone.json", "some/where", "/some/where.txt"])
def test_a_missing_file_is_named(name: str) -> None:
    with pytest.raises(DataError, match=f"cannot read {name}: no such file"):
        load_source(name)


def test_a_broken_line_of_a_file_is_named(make_row: Any, make_file: Callable[..., Path]) -> None:
    path = make_file(json.dumps(make_row()) + '\n{"task_id": 12,')
    with pytest.raises(FormatError) as caught:
        load_source(str(path))
    assert str(caught.value).startswith(f"{path}:2: broken JSON")


def test_a_broken_file_in_the_data_folder_is_a_format_error(make_file: Any) -> None:
    path = make_file("{", "folder/mbpp.jsonl")
    with pytest.raises(FormatError, match=r"mbpp\.jsonl:1: broken JSON"):
        load_source("mbpp", data_dir=path.parent)


# --- what the commands show --------------------------------------------------------------


def test_describe_is_plain_json() -> None:
    shown = describe("basics", first=2)
    assert json.loads(json.dumps(shown)) == shown
    assert shown["problems"] == sum(shown["splits"].values())
    assert list(shown["splits"]) == ["prompt", "test", "validation", "train"]
    assert [row["task_id"] for row in shown["first"]] == [1, 2]
    assert shown["first"][0]["entry_point"]
    assert shown["known"]
    assert shown["version"] == next(iter(source_info("basics").contents.values()))


def test_describe_shows_problems_of_one_split() -> None:
    shown = describe("basics", first=2, split=Split.TEST)
    assert [(row["task_id"], row["split"]) for row in shown["first"]] == [(9, "test"), (10, "test")]
    assert shown["splits"] == describe("basics")["splits"]


def test_describe_a_file(make_row: Any, make_file: Callable[..., Path]) -> None:
    shown = describe(str(make_file([make_row(600)])))
    assert shown["version"] is None
    assert shown["licence"] == "not stated"
    assert shown["splits"] == {"prompt": 0, "test": 0, "validation": 1, "train": 0}


def test_list_sources_reads_nothing(made_folder: Path) -> None:
    rows = {row["name"]: row for row in list_sources(made_folder)}
    assert [row["supply"] for row in rows.values()] == ["embedded", "folder", "hub"]
    assert rows["mbpp"]["path"] == str(made_folder / "mbpp" / "mbpp.jsonl")
    assert rows["mbpp-sanitized"]["path"] is None
    json.dumps(rows)
