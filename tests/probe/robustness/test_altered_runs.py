"""A run whose files were altered gives no number to any command: an error names the file.

The alterations here are the quiet ones: well-formed, and every field of its type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import RunError
from probe.archive import bundle
from probe.checksums import CHECKSUMS
from probe.cli import main
from probe.compare import compare_runs
from probe.config import AnalyseConfig, ModelOptions
from probe.models.fake import FakeGenerator
from probe.models.reuse import ReusedAnswers
from probe.replay import replay, replay_options
from probe.report.bundle import write_report
from probe.report.front import front_page, write_front
from probe.report.load import load_inputs
from probe.runs import MANIFEST, RESULTS, SAMPLES, RunWriter, read_run
from probe.tasks.analyse.task import analyse
from probe.verify import verify


@pytest.fixture
def run(make_copy: Callable[[str], Path]) -> Path:
    """A synthesis run, to be altered."""
    return make_copy("synthesis")


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON document, or the first row of JSON lines, as its writer would write it."""
    if path.suffix == ".json":
        document = json.loads(path.read_text())
        change(document)
        jsonl.write_json(path, document)
        return
    head, *rows = [json.loads(line) for line in path.read_text().splitlines()]
    change(rows[0])
    jsonl.write(path, head, rows)


def a_score(results: dict[str, Any]) -> None:
    results["scores"]["samples_right"]["estimate"] /= 2


def a_completion(row: dict[str, Any]) -> None:
    row["completion"] += " "


def the_limit(manifest: dict[str, Any]) -> None:
    manifest["identity"]["config"]["max_new_tokens"] += 1


def fake() -> FakeGenerator:
    return FakeGenerator(lambda _: "")


def readers(run: Path, out: Path) -> Sequence[Callable[[], object]]:
    return [
        lambda: write_report([run], out),
        lambda: bundle([run], out / "bundle.tar.gz"),
        lambda: compare_runs(run, run),
        lambda: analyse(AnalyseConfig(run=run, out=out)),
        lambda: ReusedAnswers(fake(), [run]),
        lambda: replay_options(run, ModelOptions(model="")),
        lambda: replay(run, lambda _: fake()),
    ]


@pytest.mark.parametrize(
    ("name", "change"),
    [(RESULTS, a_score), (SAMPLES, a_completion), (MANIFEST, the_limit)],
)
def test_no_command_takes_it(
    run: Path, tmp_path: Path, name: str, change: Callable[[Any], object]
) -> None:
    edit(run / name, change)
    for read in readers(run, tmp_path / "out"):
        with pytest.raises(RunError, match=f"{name} has another hash .*`probe verify {run}`"):
            read()
    assert not (tmp_path / "out").exists()
    (found,) = verify(run)
    assert any(told.startswith(name) for told in found.differences)


@pytest.mark.parametrize(("name", "change"), [(SAMPLES, a_completion), (MANIFEST, the_limit)])
def test_nor_without_checksums(
    run: Path, tmp_path: Path, name: str, change: Callable[[Any], object]
) -> None:
    """What other files give the hash of is checked in runs of early releases too."""
    (run / CHECKSUMS).unlink()
    read_run(run)
    edit(run / name, change)
    for read in readers(run, tmp_path / "out"):
        with pytest.raises(RunError, match=f"{name} (has another|says other)"):
            read()


def test_a_file_that_is_lost_is_missed(run: Path) -> None:
    (run / SAMPLES).unlink()
    with pytest.raises(RunError, match=r"samples\.jsonl is missing"):
        read_run(run)
    (run / CHECKSUMS).unlink()
    with pytest.raises(RunError, match=r"samples\.jsonl has another hash than results\.json"):
        read_run(run)


def test_other_files_and_folders_are_nobodys_business(run: Path) -> None:
    (run / "notes.txt").write_text("mine")
    with (run / CHECKSUMS).open("a") as stream:
        stream.write(f"{'0' * 64}  adapter/adapter_model.safetensors\n")
    read_run(run)
    assert len(verify(run)[0].differences) == 2


def test_verify_names_all_that_differs(run: Path, tmp_path: Path) -> None:
    write_report([run], tmp_path / "report")
    kept = tmp_path / "report" / "runs" / "synthesis"
    edit(kept / RESULTS, a_score)
    edit(kept / SAMPLES, a_completion)
    part, whole = verify(tmp_path / "report")
    for name in (RESULTS, SAMPLES):
        assert f"{name} has another hash than {CHECKSUMS} says" in part.differences
        assert f"runs/synthesis/{name} has another hash than {CHECKSUMS} says" in whole.differences
    assert "results.json is not what the runs give" in whole.differences


def test_a_front_page_takes_no_altered_report(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    write_report([run], folder / "one")
    write_front(folder)

    def change(document: dict[str, Any]) -> None:
        a_score(document["runs"][0]["results"])

    edit(folder / "one" / RESULTS, change)
    with pytest.raises(RunError, match=r"one: results\.json has another hash"):
        front_page(folder)
    told = [text for part in verify(folder) for text in part.differences]
    assert "results.json has another hash than checksums.txt says" in told
    assert "index.md is not what the reports give" in told
    (folder / "one" / RESULTS).write_text("{}")
    told = [text for part in verify(folder) for text in part.differences]
    assert any(text.startswith("the front page cannot be made again") for text in told)


def test_a_finished_run_is_not_written_over_an_altered_one(run: Path) -> None:
    identity = read_run(run).manifest["identity"]
    order = [row["key"] for row in read_run(run).samples]
    results = {k: v for k, v in read_run(run).results.items() if k not in ("schema", "version")}
    with RunWriter(run, identity) as writer:  # a release that derives more
        writer.finish({**results, "more": 1}, order)
    assert read_run(run).results["more"] == 1
    edit(run / SAMPLES, a_completion)
    before = (run / SAMPLES).read_bytes()
    with pytest.raises(RunError, match="another hash"):
        RunWriter(run, identity).__enter__()
    assert (run / SAMPLES).read_bytes() == before
    assert not (run / ".lock").exists()


def test_hashes_are_taken_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Path] = []
    real = jsonl.sha256_file

    def counted(path: Path) -> str:
        taken.append(path)
        return real(path)

    monkeypatch.setattr(jsonl, "sha256_file", counted)
    load_inputs([run])
    assert len(taken) == len(set(taken))
    assert {path.name for path in taken} >= {MANIFEST, SAMPLES, RESULTS}


@pytest.mark.parametrize(
    "command",
    [
        ("report", "RUN", "--out", "OUT", "--quiet"),
        ("bundle", "RUN", "--out", "OUT/a.tar.gz", "--quiet"),
        ("compare", "RUN", "RUN"),
        ("analyse", "RUN", "--out", "OUT"),
        ("replay", "RUN"),
    ],
)
def test_on_the_command_line(
    run: Path, tmp_path: Path, command: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    edit(run / RESULTS, a_score)
    places = {
        "RUN": str(run),
        "OUT": str(tmp_path / "out"),
        "OUT/a.tar.gz": str(tmp_path / "a.tar.gz"),
    }
    with pytest.raises(SystemExit) as ended:
        main([places.get(word, word) for word in command])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith(f"probe: {run}: results.json has another hash")
