"""The three sides of one model, of models whose sides are known."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from generators.problems.sources import load_source
from generators.records import Split
from generators.trace_files import read_traces
from probe.config import DialogConfig, GridConfig, MakeTracesConfig, SynthesisConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.report.build import build_report
from probe.report.bundle import write_report
from probe.tasks.dialog.task import evaluate_dialog
from probe.tasks.grid import evaluate_grid
from probe.tasks.synthesis import evaluate_synthesis
from probe.tasks.traces import make_traces
from probe.verify import verify

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}


class FakeSided(FakeGenerator):
    """Writes problems of even number, mends those that 4 divides or is off by 1, predicts even."""

    def __init__(self, outputs: dict[str, str], adapter: str | None = None) -> None:
        super().__init__(self.say, name="toy")
        self.outputs = outputs
        if adapter:
            self.identity |= {"adapter": {"name": "toy", "sha256": adapter}}

    def say(self, request: Request) -> str:
        task = int(request.task_id)
        if "[BEGIN]" in request.prompt:
            return self.write(right=task % 2 == 0, task=task)
        if "User: " in request.prompt:
            live = request.prompt.rpartition("I need to write a function called")[2]
            return self.write(right="User: " in live and task % 4 < 2, task=task)
        right = self.outputs.get(request.prompt.rpartition("assert ")[2][:-3], "?")
        return f" {right if task % 2 == 0 else '?'}\n"

    def write(self, *, right: bool, task: int) -> str:
        return f"{PROBLEMS[task].code if right else 'raise ValueError'}\n[DONE]"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sides")
    traces = folder / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=0, limit=24, out=traces))
    outputs = {trace.call: trace.output for trace in read_traces(traces)}
    model = FakeSided(outputs)
    evaluate_grid(
        GridConfig(
            traces=traces, out=folder / "grid", contents=("code",), settings=("L",), shots=0
        ),
        lambda: model,
    )
    plain = {"source": "basics", "batch_invariance_items": 0, "max_new_tokens": 9999}
    evaluate_synthesis(SynthesisConfig(out=folder / "synthesis", limit=30, **plain), lambda: model)
    dialog = DialogConfig(out=folder / "dialog", problems=16, turns=1, resample=False, **plain)
    evaluate_dialog(dialog, lambda: model)
    evaluate_synthesis(
        SynthesisConfig(out=folder / "tuned", limit=30, **plain),
        lambda: FakeSided(outputs, "ab" * 32),
    )
    return [folder / name for name in ("grid", "synthesis", "dialog", "tuned")]


def test_sides_are_those_of_the_model(runs: list[Path], tmp_path: Path) -> None:
    build_report(runs, tmp_path)
    (model,) = json.loads((tmp_path / "results.json").read_text())["sides"]  # the tuned has one
    sides = {side["side"]: side for side in model["sides"]}
    assert set(sides) == {"writes", "solves in dialog", "repairs", "predicts"}
    for name, rule in (
        ("writes", lambda task: task % 2 == 0),
        ("solves in dialog", lambda task: task % 4 < 2),
        ("repairs", lambda task: task % 4 < 2),
        ("predicts", lambda task: task % 2 == 0),
    ):
        right = sides[name]["right"]
        assert right == {task: rule(int(task)) for task in right}
        assert {*right.values()} == {True, False}
    writes = sides["writes"]["right"]
    assert len(writes) == 30
    assert sides["writes"]["share"]["estimate"] == sum(writes.values()) / 30


def test_how_sides_go_together(runs: list[Path], tmp_path: Path) -> None:
    build_report(runs, tmp_path)
    (model,) = json.loads((tmp_path / "results.json").read_text())["sides"]
    pairs = {(pair["first"][0], pair["second"][0]): pair for pair in model["pairs"]}
    same = pairs["writes", "predicts"]
    assert same["paired"]["only_first"] == same["paired"]["only_second"] == 0
    assert same["association"]["odds_ratio"] is None  # without bound
    assert same["association"]["high"] is None
    assert same["association"]["low"] > 1
    assert same["association"]["p_holm"] < 0.05
    assert same["paired"]["p_holm"] == 1.0
    other = pairs["solves in dialog", "predicts"]
    assert other["association"]["p_holm"] > 0.05
    page = (tmp_path / "report.md").read_text()
    assert "Writes and predicts: on" in page
    assert "they go together (odds ratio ∞" in page
    assert "Solves in dialog (execution feedback) and predicts" in page
    assert "are not seen to go together" in page


def test_patterns_add_up(runs: list[Path], tmp_path: Path) -> None:
    build_report(runs, tmp_path)
    page = (tmp_path / "report.md").read_text()
    found = re.search(r"Patterns on the (\d+) problems that all sides share", page)
    assert found
    rows = re.findall(
        r"^\| (yes|no) \| (yes|no) \| (yes|no) \| (\d+) \| ([\d, ]+) \|$", page, re.MULTILINE
    )
    assert sum(int(row[3]) for row in rows) == int(found[1])
    for wrote, solved, predicted, n, tasks in rows:
        listed = [int(task) for task in tasks.split(", ")]
        assert len(listed) == int(n)
        for task in listed:
            assert wrote == predicted == ("yes" if task % 2 == 0 else "no")
            assert solved == ("yes" if task % 4 < 2 else "no")


def test_differences_between_sides_are_said(runs: list[Path], tmp_path: Path) -> None:
    config = DialogConfig(
        source="basics",
        out=tmp_path / "other",
        problems=6,
        turns=1,
        resample=False,
        max_new_tokens=9999,
        batch_invariance_items=0,
        seed=7,
    )
    evaluate_dialog(config, lambda: FakeSided({}))
    build_report([runs[1], config.out], tmp_path / "report")
    page = (tmp_path / "report" / "report.md").read_text()
    assert "The sides differ in seed: 0 (writes), 7 (solves in dialog, repairs)" in page
    assert "solved examples: 3 (writes), two conversations (solves in dialog, repairs)" in page


def test_one_side_makes_no_section(runs: list[Path], tmp_path: Path) -> None:
    build_report(runs[:1], tmp_path / "one")
    assert "Three sides" not in (tmp_path / "one" / "report.md").read_text()
    build_report([runs[0], runs[3]], tmp_path / "two")  # base and tuned: two models
    assert "Three sides" not in (tmp_path / "two" / "report.md").read_text()


def test_the_report_verifies(runs: list[Path], tmp_path: Path) -> None:
    write_report(runs, tmp_path)
    assert all(part.ok for part in verify(tmp_path))


def test_sampled_runs_are_no_side(runs: list[Path], tmp_path: Path) -> None:
    config = SynthesisConfig(
        source="basics",
        out=tmp_path / "sampled",
        limit=4,
        samples=2,
        temperature=0.5,
        max_new_tokens=9999,
        batch_invariance_items=0,
    )
    evaluate_synthesis(replace(config), lambda: FakeSided({}))
    build_report([runs[0], config.out], tmp_path / "report")
    assert "Three sides" not in (tmp_path / "report" / "report.md").read_text()
