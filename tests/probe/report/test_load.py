"""Runs as they are read for a report: order, and every refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from generators.errors import DataError, FormatError, RunError, UsageError
from probe.report.load import load_inputs

MakeRun = Callable[..., Path]


def edit(path: Path, **changes: object) -> None:
    document = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(document), encoding="utf-8")


def test_usual_runs_are_put_in_order(usual_runs: list[Path]) -> None:
    inputs = load_inputs(usual_runs)
    assert [run.name for run in inputs.execution] == ["few-shot", "zero-shot", "tuned"]
    assert [run.tuned for run in inputs.execution] == [False, False, True]
    assert [run.name for run in inputs.finetune] == ["finetune"]
    assert len(inputs.finetune[0].losses) == 120
    assert inputs.finetune[0].losses[0][0] == 1


def test_order_of_arguments_does_not_matter(usual_runs: list[Path]) -> None:
    assert load_inputs(usual_runs) == load_inputs(usual_runs[::-1])


def test_no_run() -> None:
    with pytest.raises(UsageError, match="at least one"):
        load_inputs([])


def test_one_run_twice(make_execution_run: MakeRun) -> None:
    run = make_execution_run("a")
    with pytest.raises(UsageError, match="given twice"):
        load_inputs([run, run.parent / ".." / "runs" / "a"])


def test_equal_folder_names_are_told_apart(make_execution_run: MakeRun, tmp_path: Path) -> None:
    run = make_execution_run("a")
    other = tmp_path / "old" / "a"
    other.parent.mkdir()
    make_execution_run("b").rename(other)
    assert {r.name for r in load_inputs([run, other]).execution} == {"runs/a", "old/a"}


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no "):
        load_inputs([tmp_path / "nothing"])


def test_unfinished_run(make_execution_run: MakeRun) -> None:
    run = make_execution_run("a")
    (run / "results.json").unlink()
    with pytest.raises(RunError, match="not finished"):
        load_inputs([run])


def test_unknown_task(make_execution_run: MakeRun) -> None:
    run = make_execution_run("a")
    edit(run / "results.json", task="weather")
    with pytest.raises(RunError, match="weather"):
        load_inputs([run])


@pytest.mark.parametrize("field", ["scores", "baselines", "counts", "n_items"])
def test_results_without_a_field(make_execution_run: MakeRun, field: str) -> None:
    run = make_execution_run("a")
    document = json.loads((run / "results.json").read_text(encoding="utf-8"))
    del document[field]
    (run / "results.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(FormatError, match=field):
        load_inputs([run])


@pytest.mark.parametrize("odd", [{"config": {"shots": "x"}}, {"model": "x"}, {"config": [1]}])
def test_options_that_are_none(
    make_execution_run: MakeRun, reseal: Callable[[Path], None], odd: dict[str, object]
) -> None:
    run = make_execution_run("a")
    identity = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["identity"]
    edit(run / "manifest.json", identity=identity | odd)
    reseal(run)
    with pytest.raises(FormatError, match=r"manifest\.json: options or a model of the wrong form"):
        load_inputs([run])


def test_altered_samples_are_refused(make_execution_run: MakeRun) -> None:
    run = make_execution_run("a")
    samples = run / "samples.jsonl"
    text = samples.read_text(encoding="utf-8")
    samples.write_text(text.replace('"exact_text": false', '"exact_text": true', 1), "utf-8")
    with pytest.raises(RunError, match="probe verify"):
        load_inputs([run])


def test_scores_that_are_not_those_of_the_samples(make_execution_run: MakeRun) -> None:
    run = make_execution_run("a")
    document = json.loads((run / "results.json").read_text(encoding="utf-8"))
    document["scores"]["exact"]["estimate"] += 0.1
    (run / "results.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(RunError, match="exact is"):
        load_inputs([run])


def test_trace_file_is_counted(trace_file: Path) -> None:
    (file,) = load_inputs([trace_file]).traces
    assert file.name == "traces-test.jsonl"
    assert file.traces == sum(file.by_origin.values()) == sum(file.by_output_type.values())
    assert file.programs == 62


def test_broken_trace_file_names_its_line(trace_file: Path) -> None:
    with trace_file.open("a", encoding="utf-8") as stream:
        stream.write('{"trace_id": "x"}\n')
    with pytest.raises(FormatError, match=r"traces-test\.jsonl:\d+"):
        load_inputs([trace_file])


def test_file_of_another_kind(make_execution_run: MakeRun) -> None:
    with pytest.raises(DataError, match=r"probe\.trace"):
        load_inputs([make_execution_run("a") / "samples.jsonl"])
