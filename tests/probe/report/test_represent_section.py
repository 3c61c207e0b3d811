"""The report's section about probed states: of runs on a tiny model, base and tuned."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from generators.records import Split
from probe.config import MakeTracesConfig, ModelOptions, RepresentConfig
from probe.report.build import build_report
from probe.report.bundle import write_report
from probe.report.layers import LayerCurve, LayerPanel, layers_picture
from probe.report.load import load_inputs
from probe.statistics import Estimate
from probe.tasks.adapters import BASE, evaluate_adapters
from probe.tasks.represent import evaluate_representation
from probe.tasks.represent_results import CHOSEN
from probe.tasks.traces import make_traces
from probe.verify import verify


@pytest.fixture(scope="module")
def runs(
    make_model_folder: Callable[..., Path],
    make_adapter: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Path]:
    folder = tmp_path_factory.mktemp("states")
    traces = folder / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=2, limit=30, out=traces))
    model = make_model_folder("llama", max_position_embeddings=2048)
    config = RepresentConfig(
        traces=traces,
        out=folder / "runs",
        model=ModelOptions(model=str(model), device="cpu"),
        layers="0,2",
        properties=("output_type", "length", "raises"),
        per_program=3,
    )
    adapters = [BASE, str(make_adapter(model))]
    return list(evaluate_adapters(evaluate_representation, config, adapters))


def test_both_runs_stand_in_one_section(runs: list[Path], tmp_path: Path) -> None:
    build_report(runs, tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert page.count("What the states carry, at the last token of the prompt") == 1
    assert "Tuned model, zero-shot minus the base model (zero-shot)" in page
    assert "Skipped: raises: two labels of 5 programs each are needed" in page
    assert "linear probes at the last token of the prompt are above" in page


def test_numbers_are_those_of_the_runs(runs: list[Path], tmp_path: Path) -> None:
    build_report(runs, tmp_path)
    page = (tmp_path / "report.md").read_text()
    for run in json.loads((tmp_path / "results.json").read_text())["runs"]:
        for name, found in run["results"]["properties"].items():
            best = found["positions"]["last"][CHOSEN]["accuracy"]["estimate"]
            row = next(
                line for line in page.splitlines()
                if line.startswith(f"| {name.replace('_', ' ').capitalize()} ")
            )  # fmt: skip
            assert f"{100 * best:.1f}%" in row
            assert f"{100 * found['bag']['estimate']:.1f}%" in row


def test_bytes_do_not_depend_on_the_order_of_the_runs(runs: list[Path], tmp_path: Path) -> None:
    for name, paths in (("one", runs), ("two", runs[::-1])):
        build_report(paths, tmp_path / name)
    for name in ("index.html", "report.md", "results.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_report_is_verified_with_its_runs(runs: list[Path], tmp_path: Path) -> None:
    write_report(runs, tmp_path / "report")
    for part in verify(tmp_path / "report"):
        assert part.ok, part.differences


def test_runs_on_other_items_are_not_set_side_by_side(
    runs: list[Path], make_model_folder: Callable[..., Path], tmp_path: Path
) -> None:
    traces = runs[0].parent.parent / "test.jsonl"
    config = RepresentConfig(
        traces=traces,
        out=tmp_path / "fewer",
        model=ModelOptions(
            model=str(make_model_folder("llama", max_position_embeddings=2048)), device="cpu"
        ),
        layers="0,2",
        properties=("output_type", "length", "raises"),
        per_program=2,
    )
    evaluate_adapters(evaluate_representation, config, [BASE])
    build_report([*runs, config.out], tmp_path / "report")
    page = (tmp_path / "report" / "report.md").read_text()
    sizes = re.findall(r"## What the states carry, at the last token of the prompt: (.*)\n", page)
    assert len(sizes) == len(set(sizes)) == 2
    assert all(re.fullmatch(r"\d+ items of \d+ programs", size) for size in sizes)


def test_runs_are_loaded_with_their_rows(runs: list[Path]) -> None:
    (found,) = load_inputs(runs).probes.values()
    assert [run.tuned for run in found] == [False, True]
    assert all(len(run.rows) == run.n for run in found)


def make_estimate(share: float) -> Estimate:
    return Estimate(
        estimate=share, low=share - 0.1, high=share + 0.1, n=50, clusters=20, level=0.95, method=""
    )


def test_the_figure_tells_its_numbers() -> None:
    curve = LayerCurve(
        accuracy={0: make_estimate(0.3), 4: make_estimate(0.77)},
        control={0: make_estimate(0.31), 4: make_estimate(0.41)},
    )
    panel = LayerPanel(
        title="Truth", curves=(curve, curve), bag=make_estimate(0.52), majority=make_estimate(0.5)
    )
    first, again = (
        layers_picture([panel, panel], ["Base", "<Tuned>"], "fig", title="Layers") for _ in range(2)
    )
    assert first == again
    told = re.search(r"<desc[^>]*>(.*?)</desc>", first.svg, re.DOTALL)
    assert told is not None
    assert "layer 4 77.0% [67.0, 87.0], control 41.0%" in told[1]
    assert "bag of tokens 52.0%; most frequent label 50.0%" in told[1]
    assert "&lt;Tuned&gt;" in told[1]
    assert "<Tuned>" not in first.svg
    for text in ("Truth", "Control task", "Bag of tokens", "Layer (0: embeddings)"):
        assert text in first.svg
    assert first.svg.count("stroke-dasharray") > 0
    assert "var(--series-2)" in first.svg
