"""Every kind of run, small, with a fake model that takes its time: what the tests kill and starve.

Loaded by ``conftest.py``. Representation asks a real, tiny model: it looks into its states.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from generators.problems.sources import load_source
from generators.records import Split
from probe.config import (
    AnalyseConfig,
    DataOptions,
    DialogConfig,
    ExecutionConfig,
    GradeConfig,
    GridConfig,
    MakeTracesConfig,
    MathConfig,
    ModelOptions,
    RepresentConfig,
    StepsConfig,
    SynthesisConfig,
)
from probe.models.fake import FakeGenerator
from probe.models.text import Completion, Decoding, Request
from probe.step_prompts import StepKind
from probe.tasks.analyse.task import analyse
from probe.tasks.asking import open_model
from probe.tasks.dialog.task import evaluate_dialog
from probe.tasks.execution import evaluate_execution
from probe.tasks.grade_file import grade_file
from probe.tasks.grid import evaluate_grid
from probe.tasks.mathqa.task import evaluate_mathqa
from probe.tasks.represent import evaluate_representation
from probe.tasks.steps.task import evaluate_steps
from probe.tasks.synthesis import evaluate_synthesis
from probe.tasks.traces import make_traces

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}
PLAIN: dict[str, Any] = {"source": "basics", "batch_invariance_items": 2, "max_new_tokens": 9999}


class FakeSlow(FakeGenerator):
    """Takes its time over each answer."""

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        for completion in super().generate(requests, decoding):
            time.sleep(0.004)
            yield completion


def value(request: Request) -> str:
    return f" {len(request.prompt) % 7}\n"


def program(request: Request) -> str:
    """A right program for even tasks, and for others after feedback."""
    task = int(request.task_id)
    live = request.prompt.rpartition("I need to write a function called")[2]
    right = task % 2 == 0 or "User: " in live
    return f"{PROBLEMS[task].code if right else 'raise ValueError'}\n[DONE]"


def formula(request: Request) -> str:
    return f"answer = {len(request.prompt) % 9}\n\n"


class Kinds:
    """Makes runs: ``kinds("synthesis", out)``; the inputs that they share lie in one folder."""

    def __init__(self, folder: Path, math: Path, llama: Path) -> None:
        self._folder = folder
        self._math = DataOptions(data_dir=math, accept_unknown=True)
        self._llama = ModelOptions(model=str(llama), device="cpu")
        self.traces = folder / "test.jsonl"
        make_traces(
            MakeTracesConfig(
                source="basics",
                split=Split.TEST,
                inputs=3,
                limit=24,
                trace_lines=True,
                out=self.traces,
            )
        )
        self.completions = folder / "completions.jsonl"
        rows = [
            {"task_id": task, "completion": code}
            for task in list(PROBLEMS)[:30]
            for code in (PROBLEMS[task].code, "raise ValueError", "")
        ]
        self.completions.write_text("".join(json.dumps(row) + "\n" for row in rows))
        self("grade", folder / "graded")

    def __call__(self, kind: str, out: Path) -> None:
        """Make a run, or go on with it."""
        make: Callable[[Path], object] = getattr(self, f"_{kind}")
        make(out)

    def _execution(self, out: Path) -> None:
        config = ExecutionConfig(traces=self.traces, out=out, limit=60)
        evaluate_execution(config, lambda: FakeSlow(value))

    def _grid(self, out: Path) -> None:
        config = GridConfig(traces=self.traces, out=out, limit=3, batch_invariance_items=2)
        evaluate_grid(config, lambda: FakeSlow(value))

    def _steps(self, out: Path) -> None:
        config = StepsConfig(traces=self.traces, out=out, kinds=tuple(StepKind)[:2], limit=40)
        evaluate_steps(config, lambda: FakeSlow(value))

    def _synthesis(self, out: Path) -> None:
        evaluate_synthesis(SynthesisConfig(out=out, limit=30, **PLAIN), lambda: FakeSlow(program))

    def _dialog(self, out: Path) -> None:
        config = DialogConfig(out=out, problems=10, turns=2, **PLAIN)
        evaluate_dialog(config, lambda: FakeSlow(program))

    def _mathqa(self, out: Path) -> None:
        config = MathConfig(out=out, data=self._math, shots=0, max_new_tokens=5000)
        evaluate_mathqa(config, lambda: FakeSlow(formula))

    def _grade(self, out: Path) -> None:
        grade_file(GradeConfig(source="basics", samples=self.completions, out=out))

    def _analyse(self, out: Path) -> None:
        analyse(AnalyseConfig(run=self._folder / "graded", traces=self.traces, out=out))

    def _representation(self, out: Path) -> None:
        config = RepresentConfig(
            traces=self.traces, out=out, model=self._llama, layers="0", properties=("output_type",)
        )
        evaluate_representation(config, partial(open_model(config.model), None))
