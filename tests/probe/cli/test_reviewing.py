"""What a reviewer types, in this process: exit codes, and the lines that are read first."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators.problems.sources import load_source
from probe.checksums import write_checksums
from probe.cli import main
from probe.report.bundle import write_report
from probe.runs import SAMPLES

REPORTS = Path(__file__).parents[3] / "reports"
RUNS = REPORTS / "smollm2-135m" / "runs"
Call = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return what gives exit code, lines on stdout and stderr of a command."""

    def run(*arguments: object) -> tuple[int, list[str], str]:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments), "--quiet"])
        said = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, said.out.splitlines(), said.err

    return run


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Graded completions: every second one is right."""
    folder = tmp_path_factory.mktemp("graded")
    problems = [one for one in load_source("basics").problems if 11 <= one.task_id <= 14]
    rows = (
        {"task_id": one.task_id, "completion": one.code if one.task_id % 2 else "pass"}
        for one in problems
    )
    samples = folder / "completions.jsonl"
    samples.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    with pytest.raises(SystemExit):
        main([
            "grade", "--source", "basics", "--samples", str(samples),
            "--out", str(folder / "graded"), "--quiet",
        ])  # fmt: skip
    return folder / "graded"


def forge(run: Path, old: str, new: str) -> None:
    samples = run / SAMPLES
    text = samples.read_text("utf-8")
    assert old in text
    samples.write_text(text.replace(old, new), encoding="utf-8")
    write_checksums(run)


def test_verify(call: Call, graded: Path, tmp_path: Path) -> None:
    code, lines, _ = call("verify", graded, "--workers", "1")
    assert code == 0
    assert lines[0] == (
        f"ok   {graded}: 4 samples, results, hashes, problems, 4 verdicts by running again"
    )
    assert lines[1:] == ["     not checked: graded file: nothing beside the run has this hash"]
    run = shutil.copytree(graded, tmp_path / "forged")
    forge(run, '"verdict": "exception"', '"verdict": "pass"')
    code, lines, _ = call("verify", run, "--workers", "1")
    assert code == 1
    assert lines[0].startswith(f"FAIL {run}: ")
    assert lines[1] == "     differs: results.json: samples_sha256 is not the hash of samples.jsonl"
    code, lines, _ = call("verify", run, "--skip-programs", "--json")
    told = json.loads("\n".join(lines))
    assert (code, told["ok"], told["parts"][0]["ok"]) == (1, False, False)
    assert call("verify", tmp_path / "gone")[0] == 2


def test_verify_looks_for_problems_where_it_is_told(
    call: Call, data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PROBE_DATA_DIR")
    monkeypatch.setenv("PROBE_CACHE_DIR", str(tmp_path))
    run = RUNS / "synthesis-greedy"
    for options, there in (((), False), (("--data-dir", data_dir), True)):
        code, lines, _ = call("verify", run, "--skip-programs", *options)
        assert code == 0
        assert (", problems" in lines[0]) is there


def test_verify_tells_once_what_several_parts_share(
    call: Call, graded: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(graded, tmp_path / "other")
    write_report([graded, other], tmp_path / "report")
    code, lines, _ = call("verify", tmp_path / "report", "--skip-programs")
    assert code == 0
    assert [line.partition(": ")[0] for line in lines[:3]] == [
        f"ok   {tmp_path / 'report' / name}" for name in ("runs/graded", "runs/other", ".")
    ]
    assert lines[3:] == [
        "not checked in 2 of 3: graded file: nothing beside the run has this hash",
        "not checked in 2 of 3: what programs did: running them again was not asked for",
    ]


@pytest.fixture(scope="module")
def asked(llama_folder: Path, tiny_traces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a tiny model."""
    out = tmp_path_factory.mktemp("asked") / "run"
    with pytest.raises(SystemExit):
        main([
            "evaluate", "execution", "--model", str(llama_folder), "--traces", str(tiny_traces),
            "--shots", "0", "--limit", "4", "--max-new-tokens", "4", "--device", "cpu",
            "--batch-invariance-items", "0", "--out", str(out), "--quiet",
        ])  # fmt: skip
    return out


def test_replay(
    call: Call, reseal: Callable[[Path], None], asked: Path, graded: Path, tmp_path: Path
) -> None:
    code, lines, _ = call("replay", asked, "--limit", "3")
    assert code == 0
    assert lines[0].startswith(
        f"{asked}: 3 of 3 completions came again, character by character, and 3 of 3 answers"
    )
    run = shutil.copytree(asked, tmp_path / "run")
    text = [json.loads(line) for line in (run / SAMPLES).read_text("utf-8").splitlines()]
    rows: list[dict[str, Any]] = text[1:]
    for row in rows:
        row["completion"], row["answer"], row["reason"] = " 12345", "12345", ""
    lines_made = [json.dumps(row) for row in [text[0], *rows]]
    (run / SAMPLES).write_text("\n".join(lines_made) + "\n", encoding="utf-8")
    reseal(run)
    code, lines, _ = call("replay", run, "--limit", "3")
    assert code == 1
    assert lines[0].startswith(f"{run}: 0 of 3 completions came again")
    assert "(another answer): from character 0: ' 12345', now " in lines[1]
    assert call("replay", run, "--limit", "3", "--at-least", "0")[0] == 0
    code, lines, err = call("replay", graded)
    assert (code, lines) == (2, [])
    assert err == f"probe: {graded} asked no model, so there is nothing to replay\n"


def test_compare(call: Call) -> None:
    code, lines, _ = call("compare", RUNS / "direct-3-shot", RUNS / "direct-tuned")
    assert code == 0
    assert lines[:3] == [
        "direct-3-shot: smollm2-135m",
        "direct-tuned: smollm2-135m with an adapter",
        "asked in different ways: shots: 3 -> 0; shot_ids: [2,3,4] -> []",
    ]
    assert lines[3].split()[:4] == ["measure", "n", "first", "second"]
    one, other = REPORTS / "writing-by-size" / "runs" / "smollm2-135m", RUNS / "synthesis-greedy"
    code, lines, err = call("compare", one, other)
    assert (code, lines) == (2, [])
    assert f"{one} and {other} are not matched: items: 100 items -> 500 items" in err


def test_bundle(call: Call, graded: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.tar.gz"
    code, lines, _ = call("bundle", graded, "--out", out)
    with tarfile.open(out) as archive:
        assert (code, lines) == (0, [f"{len(archive.getnames())} files: {out}"])
    code, lines, err = call("bundle", graded, "--out", tmp_path / "mine.zip")
    assert (code, lines) == (2, [])
    assert "something.tar.gz" in err


def test_front(call: Call, graded: Path, tmp_path: Path) -> None:
    write_report([graded], tmp_path / "one")
    code, lines, _ = call("front", tmp_path)
    assert (code, lines) == (0, [f"1 report: {tmp_path / 'index.html'}"])
    code, lines, _ = call("verify", tmp_path, "--skip-programs")
    assert code == 0
    assert f"ok   {tmp_path}: index.html, index.md" in lines
    (tmp_path / "index.md").write_text("other")
    code, lines, _ = call("verify", tmp_path, "--skip-programs")
    assert code == 1
    assert "     differs: index.md is not what the reports give" in lines
    assert call("front", tmp_path / "one" / "runs")[0] == 2


def test_analyse(call: Call, graded: Path, tmp_path: Path) -> None:
    code, lines, _ = call("analyse", graded, "--out", tmp_path / "analysis", "--workers", "1")
    assert (code, lines[0]) == (0, "4 samples of 4 problems, 2 right")
    assert lines[-1] == f"run: {tmp_path / 'analysis'}"
    code, lines, err = call("analyse", RUNS / "direct-3-shot", "--out", tmp_path / "none")
    assert (code, lines) == (2, [])
    assert "direct-3-shot" in err
    assert not (tmp_path / "none").exists()


def test_overlap(call: Call, tmp_path: Path) -> None:
    picture = tmp_path / "overlap.svg"
    code, lines, _ = call("overlap", "--source", "basics", "--split", "test", "--picture", picture)
    assert code == 0
    assert lines[0].startswith("62 references of basics against other splits: ")
    assert "<svg" in picture.read_text("utf-8")
    assert call("overlap", "--source", "basics", "--against", tmp_path / "gone")[0] == 2
