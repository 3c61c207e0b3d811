"""Runs of every kind that has files of its own, small and real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from generators.problems.sources import load_source
from generators.records import Split
from probe.config import (
    DialogConfig,
    ExecutionConfig,
    MakeTracesConfig,
    SynthesisConfig,
)
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.report.bundle import write_report
from probe.tasks.dialog.task import evaluate_dialog
from probe.tasks.execution import evaluate_execution
from probe.tasks.synthesis import evaluate_synthesis
from probe.tasks.traces import make_traces

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}


def _mends(request: Request) -> str:
    task = int(request.task_id)
    live = request.prompt.rpartition("I need to write a function called")[2]
    right = task % 2 == 0 or "User: " in live
    return f"{PROBLEMS[task].code if right else 'raise ValueError'}\n[DONE]"


@pytest.fixture(scope="session")
def make_runs() -> Callable[[Path], list[Path]]:
    """Return what makes an execution, a synthesis and a dialog run in a folder."""

    def make(folder: Path) -> list[Path]:
        traces = folder / "test.jsonl"
        make_traces(
            MakeTracesConfig(source="basics", split=Split.TEST, inputs=2, limit=5, out=traces)
        )
        execution = ExecutionConfig(traces=traces, out=folder / "execution")
        evaluate_execution(execution, lambda: FakeGenerator(lambda _: " True\n"))
        plain = {"source": "basics", "batch_invariance_items": 0, "max_new_tokens": 9999}
        evaluate_synthesis(
            SynthesisConfig(out=folder / "synthesis", limit=5, **plain),
            lambda: FakeGenerator(_mends),
        )
        evaluate_dialog(
            DialogConfig(out=folder / "dialog", problems=5, turns=1, **plain),
            lambda: FakeGenerator(_mends),
        )
        return [folder / name for name in ("execution", "synthesis", "dialog")]

    return make


@pytest.fixture(scope="session")
def runs(
    make_runs: Callable[[Path], list[Path]], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    return make_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def report(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with its runs and a trace file."""
    out = tmp_path_factory.mktemp("report") / "report"
    write_report([*runs, runs[0].parent / "test.jsonl"], out)
    return out
