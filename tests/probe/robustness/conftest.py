"""Runs of every kind that has files of its own, small and real."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from generators import jsonl
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
from probe.report.bundle import write_report
from probe.runs import RESULTS, RESULTS_SCHEMA, read_run
from probe.tasks.dialog.task import evaluate_dialog
from probe.tasks.execution import evaluate_execution
from probe.tasks.grade_file import grade_file
from probe.tasks.synthesis import evaluate_synthesis
from probe.tasks.traces import make_traces
from probe.training.results import LOG, LOG_SCHEMA, finetune_results

REPORTS = Path(__file__).parents[3] / "reports"
STORED = {
    "grid": ("qwen2.5-coder-1.5b", "grid-3-shot", 40),
    "steps": ("smollm2-135m", "steps-3-shot", 40),
    "counterfactual": ("smollm2-135m", "changes-3-shot", 40),
    "representation": ("smollm2-135m", "states-tuned", 200),
    "mathqa": ("smollm2-135m", "mathqa-4-shot", 40),
    "analysis": ("smollm2-135m", "analysis-greedy", 20),
}
"""Report and run of the kinds that take a model or long to make, and how many samples are kept."""

PLAIN: dict[str, Any] = {"source": "basics", "batch_invariance_items": 0, "max_new_tokens": 9999}


@cache
def _beside(name: str) -> ModuleType:
    """Import a module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def damage() -> ModuleType:
    """The module ``damage.py``."""
    return _beside("damage")


def _execution(out: Path) -> None:
    traces = out.with_name("test.jsonl")
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=2, limit=5, out=traces))
    evaluate_execution(
        ExecutionConfig(traces=traces, out=out), lambda: FakeGenerator(lambda _: " True\n")
    )


def _synthesis(out: Path) -> None:
    evaluate_synthesis(SynthesisConfig(out=out, limit=5, **PLAIN), _programmer)


def _dialog(out: Path) -> None:
    evaluate_dialog(DialogConfig(out=out, problems=5, turns=1, **PLAIN), _programmer)


def _programmer() -> FakeGenerator:
    return FakeGenerator(_beside("kinds").program)


def _graded(out: Path) -> None:
    problems = _beside("kinds").PROBLEMS
    completions = out.with_name("completions.jsonl")
    rows = ({"task_id": task, "completion": problems[task].code} for task in (11, 12, 13))
    completions.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    grade_file(GradeConfig(source="basics", samples=completions, out=out))


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


MADE = {
    "execution": _execution,
    "synthesis": _synthesis,
    "dialog": _dialog,
    "grading": _graded,
    "finetune": _finetuned,
}


@pytest.fixture(scope="session")
def small_run(
    tmp_path_factory: pytest.TempPathFactory, remake: Callable[[Path, list[dict[str, Any]]], None]
) -> Callable[[str], Path]:
    """Return what gives a small finished run of a kind, to be copied before it is changed."""
    folder = tmp_path_factory.mktemp("small")

    @cache
    def small(kind: str) -> Path:
        out = folder / kind
        if kind in STORED:
            report, name, kept = STORED[kind]
            shutil.copytree(REPORTS / report / "runs" / name, out)
            remake(out, read_run(out).samples[:kept])
        else:
            MADE[kind](out)
        return out

    return small


@pytest.fixture
def make_copy(small_run: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Return what copies a small run of a kind, to be changed."""

    def copy(kind: str) -> Path:
        return Path(shutil.copytree(small_run(kind), tmp_path / kind))

    return copy


@pytest.fixture(scope="session")
def runs(small_run: Callable[[str], Path]) -> list[Path]:
    """An execution, a synthesis and a dialog run."""
    return [small_run(kind) for kind in ("execution", "synthesis", "dialog")]


@pytest.fixture(scope="session")
def report(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with its runs and a trace file."""
    out = tmp_path_factory.mktemp("report") / "report"
    write_report([*runs, runs[0].parent / "test.jsonl"], out)
    return out


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
