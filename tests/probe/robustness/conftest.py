"""Runs of every kind that has files of its own, small and real."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from generators import jsonl
from generators.problems.sources import load_source
from generators.records import Split
from probe.checksums import write_checksums
from probe.config import (
    DialogConfig,
    ExecutionConfig,
    GradeConfig,
    MakeTracesConfig,
    SynthesisConfig,
)
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.report.bundle import write_report
from probe.runs import RESULTS, RESULTS_SCHEMA, SAMPLES, read_run
from probe.tasks.dialog.task import evaluate_dialog
from probe.tasks.execution import evaluate_execution
from probe.tasks.grade_file import grade_file
from probe.tasks.kinds import TASK_KINDS
from probe.tasks.synthesis import evaluate_synthesis
from probe.tasks.traces import make_traces
from probe.training.results import LOG, LOG_SCHEMA, finetune_results

REPORTS = Path(__file__).parents[3] / "reports"
STORED = {
    "grid": ("qwen2.5-coder-1.5b", "grid-3-shot", 40),
    "steps": ("smollm2-135m", "steps-3-shot", 40),
    "counterfactual": ("smollm2-135m", "changes-tuned", 40),
    "representation": ("smollm2-135m", "states-tuned", 200),
    "mathqa": ("smollm2-135m", "mathqa-tuned", 40),
    "analysis": ("smollm2-135m", "analysis-greedy", 20),
}
"""Report and run of the kinds that take a model or long to make, and how many samples are kept."""

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}


def _mends(request: Request) -> str:
    task = int(request.task_id)
    live = request.prompt.rpartition("I need to write a function called")[2]
    right = task % 2 == 0 or "User: " in live
    return f"{PROBLEMS[task].code if right else 'raise ValueError'}\n[DONE]"


@pytest.fixture(scope="session")
def damage() -> ModuleType:
    """The module ``damage.py``."""
    spec = importlib.util.spec_from_file_location("damage", Path(__file__).with_name("damage.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def _beside(name: str) -> ModuleType:
    """Import a module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def on_disk(tmp_path: Path) -> Callable[[Callable[[Any], None]], None]:
    """Does some work with a small disk, the ``Disk`` of ``disk.py``; skips where there is none."""
    module = _beside("disk")

    def run(work: Callable[[Any], None]) -> None:
        code = module.on_disk(tmp_path / "disk", work)
        if code == module.NO_MOUNTS:
            pytest.skip("no private mounts on this machine")
        assert code == 0, "what went wrong stands above"

    return run


@pytest.fixture(scope="session")
def kinds(
    tmp_path_factory: pytest.TempPathFactory, make_model_folder: Callable[..., Path]
) -> Callable[[str, Path], None]:
    """Makes a run of any kind in a folder: the ``Kinds`` of ``kinds.py``."""
    module = _beside("kinds")
    math = tmp_path_factory.mktemp("math")
    (math / "mathqa").mkdir()
    for part, count in (("dev", 9), ("test", 24), ("challenge_test", 2)):
        rows = [
            {
                "Problem": f"{n} rows of {n + count} stones make how many ?",
                "Rationale": "as it says",
                "options": f"a ) {n * (n + count)} , b ) 0 , c ) 1 , d ) 2 , e ) 3",
                "correct": "a",
                "annotated_formula": "multiply(n0,n1)",
                "linear_formula": "multiply(n0,n1)|",
                "category": "general",
            }
            for n in range(5, 5 + count)
        ]
        (math / "mathqa" / f"{part}.json").write_text(json.dumps(rows))
    made: Callable[[str, Path], None] = module.Kinds(
        tmp_path_factory.mktemp("kinds"),
        math,
        make_model_folder("llama", max_position_embeddings=2048),
    )
    return made


@pytest.fixture(scope="session")
def report(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with its runs and a trace file."""
    out = tmp_path_factory.mktemp("report") / "report"
    write_report([*runs, runs[0].parent / "test.jsonl"], out)
    return out


@pytest.fixture(scope="session")
def small_run(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what gives a small finished run of a kind, to be copied before it is changed."""
    folder = tmp_path_factory.mktemp("small")
    known = {run.name: run for run in runs}

    def small(kind: str) -> Path:
        if kind not in known:
            make = {"grading": _graded, "finetune": _finetuned}.get(kind, _cut)
            known[kind] = folder / kind
            make(known[kind])
        return known[kind]

    return small


def _graded(out: Path) -> None:
    completions = out.with_name("completions.jsonl")
    rows = ({"task_id": task, "completion": PROBLEMS[task].code} for task in (11, 12, 13))
    completions.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    grade_file(GradeConfig(source="basics", samples=completions, out=out))


def _cut(out: Path) -> None:
    """Copy the first samples of a stored run, and draw its results from these."""
    report, name, n = STORED[out.name]
    shutil.copytree(REPORTS / report / "runs" / name, out)
    run = read_run(out)
    rows = run.samples[:n]
    jsonl.write(out / SAMPLES, jsonl.read_header(out / SAMPLES, "probe.sample"), rows)
    results = TASK_KINDS[run.results["task"]].results(rows)
    hashed = {"samples_sha256": jsonl.sha256_file(out / SAMPLES)}
    jsonl.write_json(out / RESULTS, jsonl.header(RESULTS_SCHEMA, **results, **hashed))
    write_checksums(out)


def _finetuned(out: Path) -> None:
    """Copy a stored training run, and put bytes for the adapter that was too large to keep."""
    shutil.copytree(REPORTS / "smollm2-135m" / "runs" / "lora-120", out)
    weights = out / "adapter" / "adapter_model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(bytes(range(256)))
    (out / "adapter" / "adapter_config.json").write_text('{"r": 16}')
    head = jsonl.read_header(out / LOG, LOG_SCHEMA)
    log = [row for _, row in jsonl.read(out / LOG, LOG_SCHEMA)]
    log[-1]["adapter_sha256"] = jsonl.sha256_file(weights)
    jsonl.write(out / LOG, head, log)
    results = finetune_results(head["run"], log)
    jsonl.write_json(out / RESULTS, jsonl.header(RESULTS_SCHEMA, **results))
    write_checksums(out)
