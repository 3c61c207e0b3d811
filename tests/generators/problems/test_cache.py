"""The cache: filled atomically, checked at every load, mended by fetching."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators.errors import (
    ChecksumError,
    DataError,
    UsageError,
)
from generators.problems.lookup import cached_path
from generators.problems.registry import source_info
from generators.problems.sources import (
    Supply,
    fetch_source,
    load_source,
)


@pytest.mark.parametrize(
    ("content", "reason"), [('{"task_id"', "broken JSON"), ("unknown", "not a known version")]
)
def test_a_broken_cache_is_refused_with_advice(make_row: Any, content: str, reason: str) -> None:
    path = cached_path(source_info("mbpp"))
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(make_row()) if content == "unknown" else content)
    with pytest.raises(ChecksumError, match=reason) as caught:
        load_source("mbpp")
    assert "probe data fetch mbpp" in str(caught.value)
    assert str(path) in str(caught.value)


def test_fetching_from_a_folder_fills_the_cache(data_dir: Path) -> None:
    path = fetch_source("mbpp", data_dir=data_dir)
    assert path == cached_path(source_info("mbpp"))
    assert path.read_bytes() == (data_dir / "mbpp" / "mbpp.jsonl").read_bytes()
    assert load_source("mbpp").supply is Supply.CACHE
    assert list(path.parent.iterdir()) == [path]


def test_fetching_keeps_a_good_file_and_replaces_a_broken_one(
    data_dir: Path, real_cache: Path
) -> None:
    assert fetch_source("mbpp") == real_cache
    real_cache.write_text("broken")
    assert fetch_source("mbpp", data_dir=data_dir) == real_cache
    assert load_source("mbpp").known


def test_unknown_content_is_not_fetched(made_folder: Path) -> None:
    with pytest.raises(ChecksumError):
        fetch_source("mbpp", data_dir=made_folder)
    assert not cached_path(source_info("mbpp")).exists()
    fetch_source("mbpp", data_dir=made_folder, accept_unknown=True)
    with pytest.raises(ChecksumError, match="probe data fetch mbpp"):
        load_source("mbpp")
    assert load_source("mbpp", accept_unknown=True).supply is Supply.CACHE


def test_fetching_needs_a_name(make_file: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="only named sources"):
        fetch_source(str(make_file("")))
    assert fetch_source("basics").name == "basics.jsonl"


def test_a_cache_that_cannot_be_written_is_an_error(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PROBE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(DataError, match="cannot write"):
        fetch_source("mbpp", data_dir=data_dir)
