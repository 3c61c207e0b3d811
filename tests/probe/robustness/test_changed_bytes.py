"""One changed byte in any file of a run, or of a report, is found, and the file is named."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from generators.errors import DataError, ProbeError
from probe.checksums import CHECKSUMS, checksum_differences
from probe.report.front import FRONT_FILES, write_front
from probe.verify import verify

REPORTS = Path(__file__).parents[3] / "reports"

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


def files_of(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("kind", "beside"),
    [
        ("execution", "samples.jsonl"),
        ("synthesis", "samples.jsonl"),
        ("dialog", "feedback.jsonl"),
        ("grid", "samples.jsonl"),
        ("steps", "samples.jsonl"),
        ("counterfactual", "samples.jsonl"),
        ("representation", "samples.jsonl"),
        ("mathqa", "samples.jsonl"),
        ("analysis", "samples.jsonl"),
        ("grading", "samples.jsonl"),
        ("finetune", "log.jsonl"),
        ("finetune", "adapter/adapter_model.safetensors"),
    ],
)
def test_in_a_run(make_copy: Callable[[str], Path], kind: str, beside: str) -> None:
    run = make_copy(kind)
    assert complaints(run) == ""
    rng = random.Random(kind)
    made_here = kind in ("execution", "synthesis", "dialog")
    names = {file.relative_to(run).as_posix(): file for file in files_of(run)}
    assert names.keys() >= {"manifest.json", "results.json", "checksums.txt", beside}
    assert "cost.json" in names or not made_here
    for name, file in names.items():
        content = file.read_bytes()
        places = {0, len(content) - 1, *rng.choices(range(len(content)), k=PLACES)}
        for place in places if made_here else rng.choices(sorted(places)):
            file.write_bytes(changed(content, place, rng))
            assert name in complaints(run), (name, place)
        if made_here:
            file.write_bytes(content[:-1])
            assert name in complaints(run)
            file.unlink()
            assert name in complaints(run) or name == "checksums.txt"
        file.write_bytes(content)
    assert complaints(run) == ""
    (run / "more.txt").write_text("x")
    assert "more.txt" in complaints(run)


@pytest.mark.parametrize(
    "report", ["smollm2-135m", "gemma3-270m", "qwen2.5-coder-1.5b", "writing-by-size"]
)
def test_in_every_file_of_every_stored_run(report: str, tmp_path: Path) -> None:
    """One byte each, held against the checksums alone."""
    rng = random.Random(report)
    for source in sorted((REPORTS / report / "runs").iterdir()):
        run = tmp_path / source.name
        shutil.copytree(source, run)
        assert checksum_differences(run) == []
        for file in files_of(run):
            content = file.read_bytes()
            file.write_bytes(changed(content, rng.randrange(len(content)), rng))
            name = file.relative_to(run).as_posix()
            try:
                told = checksum_differences(run)
            except DataError as error:
                told = [str(error)]
            if name == CHECKSUMS:
                assert CHECKSUMS in "".join(told)
            else:
                assert told == [f"{name} has another hash than {CHECKSUMS} says"]
            file.write_bytes(content)
        shutil.rmtree(run)


def test_a_sample_that_stands_twice(make_copy: Callable[[str], Path]) -> None:
    run = make_copy("synthesis")
    samples = run / "samples.jsonl"
    lines = samples.read_text().splitlines(keepends=True)
    samples.write_text("".join([*lines, lines[1]]))
    assert f"sample {json.loads(lines[1])['key']} stands twice" in complaints(run)


@pytest.mark.parametrize("name", ["index.html", "report.md", "results.json", "checksums.txt"])
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
    """The report names the file with its run."""
    folder = tmp_path / "report"
    shutil.copytree(report, folder)
    rng = random.Random(1)
    files = files_of(folder / "runs")
    assert {file.name for file in files} >= {"test.jsonl", "feedback.jsonl", "checksums.txt"}
    for file in files:
        name = file.relative_to(folder).as_posix()
        content = file.read_bytes()
        file.write_bytes(changed(content, rng.randrange(len(content)), rng))
        told = complaints(folder)
        assert f"{folder} {name} has another hash than {CHECKSUMS} says" in told.splitlines(), name
        file.write_bytes(content)


@pytest.mark.parametrize("name", FRONT_FILES)
def test_in_a_front_page(report: Path, name: str, tmp_path: Path) -> None:
    shutil.copytree(report, tmp_path / "one")
    write_front(tmp_path)
    assert complaints(tmp_path) == ""
    rng = random.Random(name)
    page = tmp_path / name
    content = page.read_bytes()
    page.write_bytes(changed(content, rng.randrange(len(content)), rng))
    assert complaints(tmp_path) == f"{tmp_path} {name} is not what the reports give"
