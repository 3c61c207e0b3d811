"""The part of a report about steps, and scratchpad runs beside direct ones: real runs of a fake."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.errors import RunError
from generators.trace_files import read_traces
from probe.config import ExecutionConfig, StepsConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.report.build import build_report
from probe.report.load import load_inputs
from probe.report.matching import cohorts, declared
from probe.runs import SAMPLES
from probe.scratchpad import scratchpad_target
from probe.step_prompts import StepKind
from probe.tasks.execution import evaluate_execution
from probe.tasks.steps.derive import derive
from probe.tasks.steps.task import evaluate_steps

Ask = Callable[[Request], str]


@pytest.fixture
def config(recorded_traces: Path, tmp_path: Path) -> StepsConfig:
    return StepsConfig(traces=recorded_traces, out=tmp_path / "oracle", batch_invariance_items=0)


def ask(config: StepsConfig, answer: Ask, name: str = "toy") -> Path:
    evaluate_steps(config, lambda: FakeGenerator(answer, name=name))
    return config.out


@pytest.fixture
def oracle(config: StepsConfig) -> Path:
    traces = read_traces(config.traces, keep_raising=True)
    questions, _ = derive(traces, tuple(StepKind), seed=0, per_program=2, limit=None)
    gold = {question.place.key: question.place.answer for question in questions}
    return ask(config, lambda request: f" {gold[request.key]}\n")


@pytest.fixture
def mute(config: StepsConfig) -> Path:
    return ask(replace(config, out=config.out.with_name("mute"), shots=0), lambda _: "", "mute")


def test_kinds_stand_beside_their_best_baselines(oracle: Path, mute: Path, tmp_path: Path) -> None:
    summary = build_report([oracle, mute], tmp_path / "report")
    text, page = summary.markdown.read_text(), summary.index.read_text()
    found = {sentence.split(" beat")[0]: sentence for sentence in summary.headlines}
    (won,) = [line for line in summary.headlines if "beats the best trivial baseline in" in line]
    (lost,) = [line for line in summary.headlines if "does not beat" in line]
    assert len(found) == 2
    assert won.startswith("Toy, base (3-shot)")
    assert lost.startswith("Mute, base (zero-shot)")
    for name in ("Next line", "Condition", "Value of a variable", "Turns of a loop", "Exception"):
        assert f"| {name} toy, base, 3-shot | 100.0%" in text
        assert f"| {name} mute, base, zero-shot | 0.0%" in text
    assert text.count("## Questions about steps") == 1
    assert "Best trivial baseline" in page
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in page


def test_other_questions_have_a_table_of_their_own(
    oracle: Path, config: StepsConfig, tmp_path: Path
) -> None:
    few = ask(replace(config, out=tmp_path / "few", limit=2), lambda _: " 1\n")
    text = build_report([oracle, few], tmp_path / "report").markdown.read_text()
    sizes = re.findall(r"## Questions about steps: (.*)\n", text)
    assert len(sizes) == len(set(sizes)) == 2
    assert all(re.fullmatch(r"\d+ questions, \d+ programs?", size) for size in sizes)


def test_results_of_other_samples_are_refused(oracle: Path, tmp_path: Path) -> None:
    path = oracle / SAMPLES
    path.write_bytes(path.read_bytes().replace(b'"finish": "stop"', b'"finish": "eos"', 1))
    with pytest.raises(RunError, match="another hash"):
        build_report([oracle], tmp_path / "report")


def test_a_scratchpad_is_declared_beside_the_direct_run(
    recorded_traces: Path, tmp_path: Path
) -> None:
    traces = {trace.trace_id: trace for trace in read_traces(recorded_traces)}
    direct = ExecutionConfig(
        traces=recorded_traces, out=tmp_path / "direct", per_program=2, batch_invariance_items=0
    )
    pads = replace(direct, out=tmp_path / "pads", scratchpad=True)
    answers: dict[Path, Any] = {
        direct.out: lambda request: f" {traces[request.key].output}\n",
        pads.out: lambda request: scratchpad_target(traces[request.key]),
    }
    for config in (direct, pads):
        evaluate_execution(config, lambda config=config: FakeGenerator(answers[config.out]))
    runs = load_inputs([direct.out, pads.out]).execution
    (cohort,) = cohorts(runs)
    fields = {found.field for found in declared(*cohort.runs)}
    assert fields == {"prompt template", "stop", "max_new_tokens"}
    text = build_report([direct.out, pads.out], tmp_path / "report").markdown.read_text()
    assert "3-shot with scratchpad" in text
    assert "Events right from the start of the scratchpad" in text
    other = replace(pads, out=tmp_path / "short", max_new_tokens=100)
    evaluate_execution(other, lambda: FakeGenerator(answers[pads.out]))
    assert len(cohorts(load_inputs([direct.out, other.out]).execution)) == 2
