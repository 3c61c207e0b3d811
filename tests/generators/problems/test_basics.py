"""The embedded corpus: found, whole, split as documented, and of known content."""

from __future__ import annotations

from pathlib import Path

import pytest

from generators.errors import SourceUnavailableError
from generators.problems import basics
from generators.problems.sources import Supply, load_source
from generators.records import Split


@pytest.mark.parametrize(
    ("task_id", "split"),
    [
        (1, Split.PROMPT),
        (8, Split.PROMPT),
        (9, Split.TEST),
        (70, Split.TEST),
        (71, Split.VALIDATION),
        (85, Split.VALIDATION),
        (86, Split.TRAIN),
        (10_000, Split.TRAIN),
    ],
)
def test_split_follows_the_number_of_the_task(task_id: int, split: Split) -> None:
    assert basics.split_of(task_id) is split


def test_the_corpus_is_known_and_has_all_splits() -> None:
    source = load_source("basics")
    assert source.known
    assert source.supply is Supply.EMBEDDED
    assert len(source.problems) >= 120
    sizes = [len(source.split(split)) for split in Split]
    assert all(sizes)
    assert sum(sizes) == len(source.problems)
    assert not any("\t" in problem.code + problem.text for problem in source.problems)


def test_an_installation_without_the_corpus_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basics, "__file__", str(tmp_path / "generators" / "problems" / "basics.py"))
    with pytest.raises(SourceUnavailableError, match="reinstall"):
        basics.basics_path()


def test_an_installed_package_uses_the_file_inside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "generators" / "data" / "basics" / "basics.jsonl"
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.setattr(basics, "__file__", str(tmp_path / "generators" / "problems" / "basics.py"))
    assert basics.basics_path() == path
