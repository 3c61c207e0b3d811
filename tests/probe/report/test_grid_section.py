"""The report's section about grids: of runs by models of known behaviour."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from generators.records import Split
from generators.trace_files import read_traces
from probe.config import GridConfig, MakeTracesConfig
from probe.models.fake import FakeGenerator
from probe.prompts import EXECUTION
from probe.report.build import build_report
from probe.report.bundle import write_report
from probe.report.load import load_inputs
from probe.report.paper import content_name, paper_accuracy
from probe.report.probes import PROBES
from probe.tasks.grid import evaluate_grid
from probe.tasks.kinds import TASK_KINDS
from probe.tasks.traces import make_traces
from probe.verify import verify


class FakeTuned(FakeGenerator):
    """A fake that says that it has an adapter."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.identity |= {"adapter": {"name": "toy", "sha256": "ab" * 32}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A base model that always says True, and a tuned one that is always right."""
    folder = tmp_path_factory.mktemp("grids")
    traces = folder / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=4, limit=12, out=traces))
    outputs = {trace.call: trace.output for trace in read_traces(traces)}
    config = GridConfig(traces=traces, out=folder / "base", training_traces=traces)
    evaluate_grid(config, lambda: FakeGenerator(lambda _: " True\n"))
    evaluate_grid(
        replace(config, out=folder / "tuned", shots=0),
        lambda: FakeTuned(lambda r: f" {outputs[r.prompt.rpartition('assert ')[2][:-3]]}\n"),
    )
    return [folder / "base", folder / "tuned"]


def test_every_cell_stands_beside_the_paper(runs: list[Path], tmp_path: Path) -> None:
    build_report(runs, tmp_path)
    page = (tmp_path / "report.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for content in EXECUTION:
        told = [row for row in rows if re.match(rf"\| {content_name(content)} \d+ programs", row)]
        assert len(told) == 4  # two settings, two kinds of inputs
        for row, setting in zip(told[::2], "LR", strict=True):
            assert "| 100.0%" in row
            for tuned in (False, True):
                assert f"{paper_accuracy(content, setting, tuned=tuned):.1f}% recalled" in row
    assert "The same 12 programs under every prompt content" in page
    assert "better in none, worse in" in page
    assert "Tuned model, zero-shot, against the best trivial baseline" in page
    assert "better in 2" in page  # all 28 cells, or most of them: the oracle
    assert "Tuned model, zero-shot minus the base model (3-shot)" in page


def test_the_same_numbers_in_all_three_files(runs: list[Path], tmp_path: Path) -> None:
    build_report(runs, tmp_path)
    document = json.loads((tmp_path / "results.json").read_text())
    cells = document["runs"][0]["results"]["cells"]
    page = (tmp_path / "index.html").read_text()
    for cell in cells:
        if cell["inputs"] == "public":
            share = 100 * cell["scores"]["exact_text"]["estimate"]
            assert f"{share:.1f}%" in page
    assert "<svg" in page
    assert "grid-1-figure" in page


def test_bytes_do_not_depend_on_the_order_of_the_runs(runs: list[Path], tmp_path: Path) -> None:
    for name, paths in (("one", runs), ("two", runs[::-1])):
        build_report(paths, tmp_path / name)
    for name in ("index.html", "report.md", "results.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_paper_is_spelled_by_the_grids_own_contents() -> None:
    for content in EXECUTION:
        assert paper_accuracy(content, "L", tuned=False) is not None
    assert paper_accuracy("code+tests", "L", tuned=False) == 28.8
    assert paper_accuracy("tests", "R", tuned=True) == 13.0
    assert paper_accuracy("pictures", "L", tuned=False) is None
    assert content_name("code+text+tests") == "code, description and tests"


def test_every_kind_with_sections_is_verified_too() -> None:
    assert set(PROBES) <= set(TASK_KINDS)


def test_a_grid_is_loaded_with_its_rows(runs: list[Path]) -> None:
    inputs = load_inputs(runs)
    (found,) = inputs.probes.values()
    assert [run.tuned for run in found] == [False, True]
    assert all(len(run.rows) == run.n for run in found)


def test_samples_can_be_opened_as_many_as_asked_for(runs: list[Path], tmp_path: Path) -> None:
    report = tmp_path / "report"
    write_report(runs, report, shown=7)
    page = (report / "index.html").read_text()
    samples = re.findall(r'id="grid-1-sample-[^"]*" data-pattern="(\d\d)"', page)
    assert len(samples) == 7
    assert all(pattern[1] == "1" for pattern in samples)  # the tuned one is always right
    assert json.loads((report / "results.json").read_text())["shown"] == 7
    assert all(found.ok for found in verify(report))
    results = report / "results.json"
    results.write_text(results.read_text().replace('"shown": 7', '"shown": 8'))
    assert any("index.html is not what the runs give" in d for d in verify(report)[-1].differences)
