"""MathQA's published archive: fetched, unpacked with care, refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generators.errors import (
    ChecksumError,
    SourceUnavailableError,
)
from generators.problems.lookup import Supply
from generators.problems.mathqa import download
from generators.problems.mathqa.records import MathSplit
from generators.problems.mathqa.source import (
    fetch_mathqa,
    load_mathqa,
)

DEV, TEST, TRAIN = MathSplit.DEV, MathSplit.TEST, MathSplit.TRAIN


def test_the_home_page_supplies_the_published_files(
    real_files: dict[str, bytes], home: Any, cache: Path
) -> None:
    files = {f"MathQA/{name}": content for name, content in real_files.items()}
    home.publish({**files, "__MACOSX/MathQA/._dev.json": b"\xff", "MathQA/README.txt": b"text"})
    found = load_mathqa(DEV)
    assert found.supply is Supply.HOME
    assert (found.known, len(found.problems)) == (True, 2_822)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == real_files
    assert load_mathqa(TEST).supply is Supply.CACHE
    assert home.requests == ["/MathQA.zip"]


def test_fetching_all_wants_all(real_files: dict[str, bytes], home: Any, cache: Path) -> None:
    home.publish(real_files)
    with pytest.raises(ChecksumError, match=r"MathQA\.zip has no train\.json"):
        fetch_mathqa()
    assert not cache.exists()


def test_unknown_content_of_the_home_page(
    real_files: dict[str, bytes], home: Any, cache: Path, make_raw: Any
) -> None:
    train = json.dumps([make_raw()]).encode()
    home.publish({**real_files, "train.json": train})
    for ask in (fetch_mathqa, lambda: load_mathqa(TRAIN)):
        with pytest.raises(ChecksumError, match=r"MathQA\.zip, train\.json: sha256 [0-9a-f]{64}"):
            ask()
        assert not cache.exists()
    load_mathqa(DEV)  # the other files are good
    assert not (cache / "train.json").exists()
    found = load_mathqa(TRAIN, accept_unknown=True)
    assert not found.known
    assert (cache / "train.json").read_bytes() == train


@pytest.mark.parametrize("body", [b"", b"<html>not an archive</html>", b"PK\x03\x04" + b"x" * 99])
def test_what_is_no_archive(home: Any, cache: Path, body: bytes) -> None:
    home.status, home.body = 200, body
    with pytest.raises(ChecksumError, match=r"MathQA\.zip is broken") as caught:
        load_mathqa(DEV)
    assert "\n" not in str(caught.value)
    assert not cache.exists()


def test_a_damaged_archive(real_files: dict[str, bytes], home: Any, cache: Path) -> None:
    home.publish(real_files)
    home.body = home.body[:5_000] + b"\0" * 5_000 + home.body[10_000:]
    with pytest.raises(ChecksumError, match=r"MathQA\.zip is broken"):
        load_mathqa(DEV)
    assert not cache.exists()


def test_text_that_is_no_utf_8(home: Any) -> None:
    home.publish({"dev.json": b"\xff"})
    with pytest.raises(ChecksumError, match=r"MathQA\.zip is broken"):
        load_mathqa(DEV)


def test_an_archive_that_would_fill_the_memory(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_MOST_BYTES", 1 << 20)
    home.publish({"dev.json": b"0" * (1 << 22)})
    assert len(home.body) < 1 << 20  # small as an archive
    with pytest.raises(ChecksumError, match="over 1 MiB"):
        load_mathqa(DEV)
    home.publish({f"{n}.json": bytes(700_000) for n in range(2)})  # each small enough
    with pytest.raises(ChecksumError, match="over 1 MiB"):
        load_mathqa(DEV)


def test_names_in_an_archive_lead_nowhere(
    real_files: dict[str, bytes], home: Any, cache: Path, tmp_path: Path
) -> None:
    home.publish({**real_files, "../../../../escaped.json": b"[]", "/tmp/escaped.json": b"[]"})
    load_mathqa(DEV)
    assert {path.name for path in cache.iterdir()} == set(real_files)
    assert not list(tmp_path.rglob("escaped.json"))


def test_an_encrypted_member(home: Any) -> None:
    home.publish({"dev.json": b"[]"})
    start = home.body.index(b"PK\x01\x02")
    body = bytearray(home.body)
    body[start + 8] |= 1  # flag bit 0 of the central directory: encrypted
    home.body = bytes(body)
    with pytest.raises(ChecksumError, match=r"MathQA\.zip is broken: .*encrypted"):
        load_mathqa(DEV)


def test_a_home_page_without_the_archive_names_the_three_ways(home: Any, cache: Path) -> None:
    with pytest.raises(SourceUnavailableError) as caught:
        load_mathqa(DEV)
    message = str(caught.value)
    for part in (
        "mathqa-python dev cannot be had", "mathqa/dev.json", "--data-dir", "PROBE_DATA_DIR",
        "`probe data fetch mathqa-python`", str(cache), "https://math-qa.github.io", "404",
    ):  # fmt: skip
        assert part in message
    assert "\n" not in message


def test_a_home_page_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "ARCHIVE_URL", "http://127.0.0.1:9/MathQA.zip")
    with pytest.raises(SourceUnavailableError, match="refused"):
        load_mathqa(DEV)


def test_offline_is_respected(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SourceUnavailableError, match="HF_HUB_OFFLINE is set"):
        load_mathqa(DEV)
    assert home.requests == []


def test_the_address_is_the_published_one() -> None:
    module = Path(download.__file__).read_text(encoding="utf-8")
    assert 'ARCHIVE_URL = "https://math-qa.github.io/math-QA/data/MathQA.zip"' in module
