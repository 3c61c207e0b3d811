"""The hub: its file routes spoken by a local server, from the request to the checked cache."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from generators.errors import ChecksumError, FormatError, SourceUnavailableError
from generators.problems.lookup import cached_path
from generators.problems.registry import HUB_REVISION, source_info
from generators.problems.sources import Supply, fetch_source, load_source

PUBLISHED = {  # sha256 of the files that MBPP's authors published
    "mbpp": "ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f",
    "mbpp-sanitized": "ca95deaa9a01ef0a6f439f88bcf0dd3db3563d22f22aad6cae04ebb9a8d8c8e9",
}
SPLIT_STARTS = (1, 11, 511, 601)


@pytest.fixture
def cached() -> Path:
    return cached_path(source_info("mbpp"))


def real_rows(data_dir: Path, name: str) -> list[dict[str, Any]]:
    text = (data_dir / "mbpp" / source_info(name).file).read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = (
        json.loads(text) if text.startswith("[") else [json.loads(x) for x in text.splitlines()]
    )
    return rows


@pytest.mark.parametrize("name", ["mbpp", "mbpp-sanitized"])
def test_the_hub_supplies_the_published_bytes(data_dir: Path, hub: Any, name: str) -> None:
    hub.publish(source_info(name).hub_folder, real_rows(data_dir, name))
    source = load_source(name)
    assert source.supply is Supply.HUB
    assert source.known
    assert source.sha256 == PUBLISHED[name]
    assert source.identity() == load_source(name, data_dir=data_dir).identity()


def test_the_second_load_asks_the_cache_only(data_dir: Path, hub: Any, cached: Path) -> None:
    hub.publish("full", real_rows(data_dir, "mbpp"))
    first = load_source("mbpp")
    asked = len(hub.requests)
    second = load_source("mbpp")
    assert second.supply is Supply.CACHE
    assert second.path == first.path == str(cached)
    assert second.identity() == first.identity()
    assert fetch_source("mbpp") == cached
    assert len(hub.requests) == asked
    assert list(cached.parent.iterdir()) == [cached]


def test_the_pinned_revision_is_asked_for(data_dir: Path, hub: Any) -> None:
    hub.publish("full", real_rows(data_dir, "mbpp"))
    fetch_source("mbpp")
    resolved = [request for request in hub.requests if "/resolve/" in request]
    assert all(f"/mbpp/resolve/{HUB_REVISION}/full/" in request for request in resolved)
    stored = {request for request in hub.requests if request.startswith("GET /storage/")}
    assert len(stored) == 4


def test_a_broken_cache_is_fetched_again(
    data_dir: Path, hub: Any, cached: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hub.publish("full", real_rows(data_dir, "mbpp"))
    cached.parent.mkdir(parents=True)
    cached.write_text("{")
    with caplog.at_level(logging.WARNING, logger="generators"):
        fetch_source("mbpp")
    assert caplog.messages[0].startswith(f"replacing {cached}")
    assert hashlib.sha256(cached.read_bytes()).hexdigest() == PUBLISHED["mbpp"]


def test_unknown_content_is_not_put_into_the_cache(hub: Any, make_row: Any, cached: Path) -> None:
    hub.publish("full", [make_row(number) for number in SPLIT_STARTS])
    with pytest.raises(ChecksumError, match=r"on the hub: content sha256 [0-9a-f]{64} is not"):
        load_source("mbpp")
    assert not cached.exists()
    source = load_source("mbpp", accept_unknown=True)
    assert source.supply is Supply.HUB
    assert not source.known
    assert [problem.task_id for problem in source.problems] == list(SPLIT_STARTS)
    assert cached.exists()


def test_a_broken_row_is_named(hub: Any, make_row: Any, cached: Path) -> None:
    hub.publish("full", [*map(make_row, SPLIT_STARTS[:3]), make_row(601, text=None)])
    with pytest.raises(FormatError, match="on the hub, row 3: field 'text' is NoneType"):
        load_source("mbpp", accept_unknown=True)
    assert not cached.exists()


@pytest.mark.parametrize(
    ("folder", "reason"), [("sanitized", "test-00000-of-00001.parquet"), ("full", "is broken")]
)
def test_files_that_are_no_mbpp_are_refused(
    hub: Any, make_row: Any, cached: Path, folder: str, reason: str
) -> None:
    hub.publish("full", [make_row(number) for number in SPLIT_STARTS])
    broken = b"PAR1 no parquet at all PAR1"
    if folder == "sanitized":  # well-formed parquet files with the columns of another folder
        hub.publish("sanitized", [])
        broken = hub.files["sanitized/test-00000-of-00001.parquet"]
    hub.files["full/test-00000-of-00001.parquet"] = broken
    with pytest.raises(ChecksumError, match=reason) as caught:
        load_source("mbpp", accept_unknown=True)
    assert "\n" not in str(caught.value)
    assert not cached.exists()


def test_a_file_that_the_hub_lacks_is_named(hub: Any, make_row: Any) -> None:
    hub.publish("full", [make_row(number) for number in SPLIT_STARTS])
    del hub.files["full/train-00000-of-00001.parquet"]
    with pytest.raises(SourceUnavailableError, match=r"full/train-00000.*404") as caught:
        load_source("mbpp")
    assert "\n" not in str(caught.value)


def test_a_hub_without_the_repository_names_the_three_ways(hub: Any) -> None:
    with pytest.raises(SourceUnavailableError, match=r"--data-dir .*probe data fetch mbpp.*404"):
        load_source("mbpp")


@pytest.mark.parametrize("value", ["1", "true", "ON", "yes"])
def test_offline_is_respected(hub: Any, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    with pytest.raises(SourceUnavailableError, match="HF_HUB_OFFLINE is set"):
        load_source("mbpp")
    assert hub.requests == []
