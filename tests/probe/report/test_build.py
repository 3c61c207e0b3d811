"""Whole reports: three files that say the same, the same bytes, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from generators.errors import DataError, RunError, UsageError
from probe.report import build
from probe.report.build import build_report
from probe.report.numbers import percent_interval
from probe.statistics import Estimate

MakeRun = Callable[..., Path]
ADAPTER = "ad" * 32


class FakeProgress:
    """A progress display that counts."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.done = 0
        self.finished = False

    def start(self, label: str, total: int | None) -> None:
        self.total = total

    def advance(self, n: int = 1) -> None:
        self.done += n

    def finish(self) -> None:
        self.finished = True


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_three_files_and_a_headline(usual_runs: list[Path], tmp_path: Path) -> None:
    progress = FakeProgress()
    summary = build_report(usual_runs, tmp_path / "out", progress=progress)
    assert sorted(files(tmp_path / "out")) == ["index.html", "report.md", "results.json"]
    assert summary.index.is_file()
    assert "the tuned model (zero-shot) answers" in summary.headlines[0]
    assert summary.to_json()["headlines"] == list(summary.headlines)
    assert (progress.done, progress.finished) == (progress.total, True)


def test_same_runs_same_bytes_in_any_order(usual_runs: list[Path], tmp_path: Path) -> None:
    build_report(usual_runs, tmp_path / "one")
    build_report(usual_runs[::-1], tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_report_is_replaced(usual_runs: list[Path], tmp_path: Path) -> None:
    build_report(usual_runs[1:3], tmp_path / "out")
    build_report(usual_runs, tmp_path / "out")
    build_report(usual_runs, tmp_path / "again")
    assert files(tmp_path / "out") == files(tmp_path / "again")


def test_all_three_files_say_the_same_numbers(usual_runs: list[Path], tmp_path: Path) -> None:
    build_report(usual_runs, tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert (results["schema"], results["version"]) == ("probe.report", 1)
    for sentence in results["headlines"]:
        assert sentence in text
        assert sentence.replace("<", "&lt;") in page
    flat = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    scored = [run for run in results["runs"] if run["task"] == "execution"]
    assert len(scored) == 3
    for run in scored:
        for score in run["results"]["scores"].values():
            told = percent_interval(Estimate(**score))
            assert told in text
            assert told in flat


def test_results_hold_the_paired_numbers(usual_runs: list[Path], tmp_path: Path) -> None:
    build_report(usual_runs, tmp_path)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    (first, _) = results["comparisons"]
    assert (first["first"], first["second"]) == ("few-shot", "tuned")
    assert {found["field"] for found in first["declared"]} == {"shots", "shot_ids"}
    paired = first["scores"]["exact_text"]
    n = sum(paired[k] for k in ("both", "only_first", "only_second", "neither"))
    assert n == results["sets"][0]["n_items"] == paired["difference"]["n"]
    gain = (paired["only_second"] - paired["only_first"]) / n
    assert paired["difference"]["estimate"] == pytest.approx(gain)


def test_unmatched_runs_stand_apart_and_the_field_is_named(
    make_execution_run: MakeRun, tmp_path: Path
) -> None:
    base = make_execution_run("base")
    tuned = make_execution_run("tuned", adapter=ADAPTER, max_new_tokens=128)
    summary = build_report([base, tuned], tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    results = json.loads(summary.results.read_text(encoding="utf-8"))
    assert results["comparisons"] == []
    assert len(results["sets"]) == 2
    assert "differs in max_new_tokens (64 there, 128 here)" in text
    assert "difference of" not in " ".join(summary.headlines)
    tables = [part for part in text.split("\n\n") if part.startswith("| System")]
    assert len(tables) == 2
    assert not [table for table in tables if "Base model" in table and "Tuned model" in table]


def test_no_machine_path_is_told(usual_runs: list[Path], tmp_path: Path) -> None:
    build_report(usual_runs, tmp_path / "out")
    for content in files(tmp_path / "out").values():
        assert b"/srv/anybody" not in content
        assert str(tmp_path).encode() not in content


def test_paper_numbers_are_marked_as_recalled(usual_runs: list[Path], tmp_path: Path) -> None:
    build_report(usual_runs, tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        if "28.8%" in line:
            assert "ecalled, medium confidence" in line
    assert "28.8" in text


def test_limits_follow_from_the_runs(usual_runs: list[Path], tmp_path: Path) -> None:
    build_report(usual_runs, tmp_path)
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["limits"]
    assert any("quantised" in sentence for sentence in found)
    assert any("seeded choice" in sentence for sentence in found)
    assert any("one training run" in sentence for sentence in found)
    assert not any("MBPP" in sentence for sentence in found)


def test_adapter_of_another_fine_tuning_is_told(
    make_execution_run: MakeRun, make_finetune_run: MakeRun, tmp_path: Path
) -> None:
    runs = [
        make_finetune_run("finetune", adapter="be" * 32),
        make_execution_run("base"),
        make_execution_run("tuned", adapter=ADAPTER),
    ]
    build_report(runs, tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "its adapter is not one of the fine-tuning runs shown here" in text
    assert "No evaluation shown here used its adapter" in text


def test_all_kinds_of_input(
    usual_runs: list[Path], grading_run: Path, trace_file: Path, tmp_path: Path
) -> None:
    build_report([*usual_runs, grading_run, trace_file], tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "## Graded synthesis: graded" in text
    assert "| Samples right | 45.0% [25.0, 65.0] |" in text
    assert "**Trace file traces-test.jsonl**" in text
    assert "## Fine-tuning" in text


def test_without_execution_runs(
    make_finetune_run: MakeRun, trace_file: Path, tmp_path: Path
) -> None:
    summary = build_report([make_finetune_run("f"), trace_file], tmp_path / "out")
    assert summary.headlines == (
        "No run here predicts outputs, so there is no headline score; "
        "1 run and 1 trace file follow.",
    )
    assert "28.8" not in summary.markdown.read_text(encoding="utf-8")


def test_several_models_are_named(make_execution_run: MakeRun, tmp_path: Path) -> None:
    other = {"spec": "gemma3-270m", "weights": {"model.safetensors": "00" * 32}}
    runs = [make_execution_run("one"), make_execution_run("two", model=other)]
    summary = build_report(runs, tmp_path / "out")
    assert "smollm2-135m, base (zero-shot)" in summary.headlines[0]
    assert "gemma3-270m, base (zero-shot)" in summary.headlines[0]


def test_out_must_not_be_a_run(usual_runs: list[Path]) -> None:
    before = files(usual_runs[1])
    with pytest.raises(UsageError, match="is a run folder"):
        build_report(usual_runs, usual_runs[1])
    assert files(usual_runs[1]) == before


def test_out_must_not_be_a_file(usual_runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match="not a folder"):
        build_report(usual_runs, tmp_path / "file")


def test_a_broken_run_leaves_no_report(usual_runs: list[Path], tmp_path: Path) -> None:
    (usual_runs[2] / "results.json").unlink()
    with pytest.raises(Exception, match="not finished"):
        build_report(usual_runs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_results_without_a_field_are_refused_in_words(
    usual_runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(_: object, **__: object) -> None:
        raise KeyError("difference")

    monkeypatch.setattr(build, "make_document", lacking)
    with pytest.raises(RunError, match=r"KeyError: 'difference'.*probe verify names the file"):
        build_report(usual_runs, tmp_path / "report")
    assert not (tmp_path / "report" / "index.html").exists()


def test_the_batch_invariance_of_a_run_is_shown(
    make_execution_run: MakeRun, tmp_path: Path
) -> None:
    tried, untried = make_execution_run("tried", alone=5), make_execution_run("untried")
    build_report([tried, untried], tmp_path / "both")
    shown = (tmp_path / "both" / "report.md").read_text()
    (row,) = (line for line in shown.splitlines() if "read otherwise when decoded alone" in line)
    assert "1 of 5" in row
    assert "decoded once more" in shown
    build_report([untried], tmp_path / "one")
    assert "when decoded alone" not in (tmp_path / "one" / "report.md").read_text()


def test_kept_runs_name_no_folders_of_the_machine(usual_runs: list[Path], tmp_path: Path) -> None:
    from probe.report.bundle import write_report

    write_report(usual_runs, tmp_path / "out")
    for run in usual_runs:
        argv = json.loads((run / "manifest.json").read_text())["argv"]
        kept = json.loads((tmp_path / "out" / "runs" / run.name / "manifest.json").read_text())
        assert any(part.startswith("/") for part in argv)
        assert not any(part.startswith("/") for part in kept["argv"])
        assert [part.rpartition("/")[2] for part in argv] == kept["argv"]
