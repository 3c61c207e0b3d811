"""One changed byte in any file of a run, or of a report, is found, and the file is named."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from generators.errors import ProbeError
from probe.verify import verify

PLACES = 12  # in each file, drawn; the first and the last byte besides


def complaints(path: Path) -> str:
    """Return all that verify says is wrong, or its error."""
    try:
        return "\n".join(
            f"{part.path} {difference}" for part in verify(path) for difference in part.differences
        )
    except ProbeError as error:
        return str(error)


def changed(content: bytes, place: int, rng: random.Random) -> bytes:
    other = rng.choice([byte for byte in range(256) if byte != content[place]])
    return content[:place] + bytes([other]) + content[place + 1 :]


@pytest.mark.parametrize("name", ["execution", "synthesis", "dialog"])
def test_in_a_run(runs: list[Path], name: str, tmp_path: Path) -> None:
    (source,) = [run for run in runs if run.name == name]
    run = tmp_path / "run"
    shutil.copytree(source, run)
    assert complaints(run) == ""
    rng = random.Random(name)
    files = sorted(file for file in run.iterdir() if file.is_file())
    assert {file.name for file in files} >= {
        "manifest.json",
        "samples.jsonl",
        "results.json",
        "cost.json",
        "checksums.txt",
    }
    for file in files:
        content = file.read_bytes()
        for place in {0, len(content) - 1, *rng.choices(range(len(content)), k=PLACES)}:
            file.write_bytes(changed(content, place, rng))
            assert file.name in complaints(run), (file.name, place)
        file.write_bytes(content[:-1])
        assert file.name in complaints(run)
        file.unlink()
        assert file.name in complaints(run) or file.name == "checksums.txt"
        file.write_bytes(content)
    assert complaints(run) == ""
    (run / "more.txt").write_text("x")
    assert "more.txt" in complaints(run)


def test_a_sample_that_stands_twice(runs: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(next(run for run in runs if run.name == "synthesis"), run)
    samples = run / "samples.jsonl"
    lines = samples.read_text().splitlines(keepends=True)
    samples.write_text("".join([*lines, lines[1]]))
    assert f"sample {json.loads(lines[1])['key']} stands twice" in complaints(run)


@pytest.mark.parametrize("name", ["index.html", "report.md", "results.json"])
def test_in_a_report(report: Path, name: str, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    shutil.copytree(report, folder)
    assert complaints(folder) == ""
    rng = random.Random(name)
    content = (folder / name).read_bytes()
    for place in {0, len(content) - 1, rng.randrange(len(content))}:
        (folder / name).write_bytes(changed(content, place, rng))
        assert name in complaints(folder), place


def test_in_the_runs_and_traces_of_a_report(report: Path, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    shutil.copytree(report, folder)
    rng = random.Random(1)
    for file in sorted(file for file in (folder / "runs").rglob("*") if file.is_file()):
        content = file.read_bytes()
        file.write_bytes(changed(content, rng.randrange(len(content)), rng))
        assert complaints(folder), file.name
        file.write_bytes(content)
