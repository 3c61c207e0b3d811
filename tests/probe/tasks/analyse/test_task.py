"""Analysing runs of known behaviour: references, memorisers, programs right on the tests alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.errors import RunError, UsageError
from generators.problems.sources import load_source
from generators.records import Split
from generators.trace_files import read_traces
from probe.config import AnalyseConfig, ExecutionConfig, MakeTracesConfig, SynthesisConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.report.build import build_report
from probe.runs import RESULTS, SAMPLES
from probe.tasks.analyse.fresh import on_fresh_inputs
from probe.tasks.analyse.task import analyse
from probe.tasks.execution import evaluate_execution
from probe.tasks.grading import Submission
from probe.tasks.synthesis import evaluate_synthesis
from probe.tasks.traces import make_traces
from probe.verify import verify

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}


def memoriser(task: int) -> str:
    """Return a program that knows the tests and nothing else."""
    tests = [test.removeprefix("assert ") for test in PROBLEMS[task].test_list]
    name = tests[0].partition("(")[0]
    pairs = []
    for test in tests:
        call, _, expected = test.partition(" == ")
        pairs.append((call.partition("(")[2][:-1], expected))
    lines = [f"    if args == ({arguments},): return {value}" for arguments, value in pairs]
    return "\n".join([f"def {name}(*args):", *lines])


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("traces") / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=4, out=path))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Task numbers that leave 1 are memorised, those that leave 2 are wrong, others are right."""
    out = tmp_path_factory.mktemp("runs") / "run"

    def answer(request: Request) -> str:
        task = int(request.task_id)
        code = (PROBLEMS[task].code, memoriser(task), "def oops(:")[task % 3]
        return f"{code}\n[DONE]"

    config = SynthesisConfig(
        source="basics", out=out, max_new_tokens=9999, batch_invariance_items=0
    )
    evaluate_synthesis(config, lambda: FakeGenerator(answer))
    return out


@pytest.fixture(scope="module")
def analysis(run: Path, traces: Path) -> Path:
    out = run.with_name("analysis")
    analyse(AnalyseConfig(run=run, traces=traces, out=out))
    return out


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in (path / SAMPLES).read_text().splitlines()[1:]]


def test_what_fits_the_tests_alone_is_found(analysis: Path, traces: Path) -> None:
    with_fresh = {trace.task_id for trace in read_traces(traces) if trace.origin == "generated"}
    for row in rows(analysis):
        kind = row["task_id"] % 3
        if row["verdict"] != "pass":
            assert row["fresh"] is None
            continue
        if row["task_id"] not in with_fresh:
            continue
        fresh = row["fresh"]
        assert fresh["inputs"] > 0
        if kind == 0:
            assert (fresh["agree"], fresh["first_difference"]) == (fresh["inputs"], "")
        elif kind == 1 and fresh["agree"] < fresh["inputs"]:
            assert " gave " in fresh["first_difference"]
    memorised = [row for row in rows(analysis) if row["task_id"] % 3 == 1 and row["fresh"]]
    assert memorised
    lost = [row for row in memorised if row["fresh"]["agree"] < row["fresh"]["inputs"]]
    assert len(lost) > 0.9 * len(memorised)
    results = json.loads((analysis / RESULTS).read_text())
    asked = [row for row in rows(analysis) if row["fresh"]]
    assert results["generalises"]["fresh"]["samples"]["estimate"] == pytest.approx(
        len(lost) / len(asked)
    )


def test_memorisers_are_hard_coded_and_references_are_not(analysis: Path) -> None:
    found = {0: [], 1: [], 2: []}
    for row in rows(analysis):
        found[row["task_id"] % 3].append(row["hard_coded"])
    assert not any(found[0])
    assert not any(found[2])
    assert sum(found[1]) > 0.7 * len(found[1])  # the others have arguments that tell too little


def test_bleu_of_references_is_whole(analysis: Path) -> None:
    references = [row["bleu"] for row in rows(analysis) if row["task_id"] % 3 == 0]
    assert references
    assert min(references) > 99.9
    assert max(row["bleu"] for row in rows(analysis) if row["task_id"] % 3 == 2) < 60


def test_it_verifies_and_a_changed_verdict_is_found(analysis: Path, tmp_path: Path) -> None:
    assert verify(analysis)[0].ok
    other = tmp_path / "copy"
    other.mkdir()
    for file in analysis.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    text = (other / SAMPLES).read_text()
    (other / SAMPLES).write_text(text.replace('"agree": ', '"agree": 1', 1))
    assert not verify(other)[0].ok


def test_the_report_tells_it(analysis: Path, tmp_path: Path) -> None:
    build_report([analysis], tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert "## Behind the score" in page
    assert "programs that pass their tests give something else than the reference" in page
    assert "BLEU against being right" in page
    assert "| syntax error |" in page


def test_an_interrupted_analysis_runs_only_what_is_missing(
    analysis: Path, run: Path, traces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("manifest.json", SAMPLES):
        (tmp_path / name).write_bytes((analysis / name).read_bytes())
    lines = (tmp_path / SAMPLES).read_text().splitlines(keepends=True)
    (tmp_path / SAMPLES).write_text("".join(lines[:-10]) + lines[-10][:50])
    asked: list[str] = []

    def watched(programs: Sequence[Submission], *rest: Any) -> Any:
        asked.extend(one.key for one in programs)
        return on_fresh_inputs(programs, *rest)

    monkeypatch.setattr("probe.tasks.analyse.task.on_fresh_inputs", watched)
    monkeypatch.setattr("probe.tasks.analyse.task._AT_ONCE", 4)
    analyse(AnalyseConfig(run=run, traces=traces, out=tmp_path))
    missing = [row for row in rows(analysis)[-10:] if row["verdict"] == "pass"]
    assert asked == [row["key"] for row in missing] != []
    for name in (SAMPLES, RESULTS):
        assert (tmp_path / name).read_bytes() == (analysis / name).read_bytes()


def test_bad_input_is_refused(
    run: Path, tiny_traces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "execution"
    evaluate_execution(
        ExecutionConfig(traces=tiny_traces, out=other), lambda: FakeGenerator(lambda _: " 1\n")
    )
    with pytest.raises(RunError, match="written programs are analysed"):
        analyse(AnalyseConfig(run=other, out=tmp_path / "a"))
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text(tiny_traces.read_text().replace('"name": "basics"', '"name": "mbpp"', 1))
    with pytest.raises(UsageError, match="has traces of mbpp, the run is about basics"):
        analyse(replace(AnalyseConfig(run=run, out=tmp_path / "a"), traces=foreign))
    assert not (tmp_path / "a").exists()
