"""The report of a run on changed programs: real variants of `basics`, invented answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from generators.errors import RunError
from probe.config import CounterfactualConfig, MakeVariantsConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.report.build import build_report
from probe.report.numbers import percent_interval
from probe.runs import SAMPLES
from probe.statistics import Estimate
from probe.tasks.counterfactual import evaluate_counterfactual, make_variants


@pytest.fixture(scope="module")
def counterfactual_run(tiny_traces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a model that answers True and 1 in turn."""
    folder = tmp_path_factory.mktemp("changes")
    make_variants(MakeVariantsConfig(traces=tiny_traces, out=folder / "variants.jsonl"))
    config = CounterfactualConfig(variants=folder / "variants.jsonl", out=folder / "changed")

    def says(request: Request) -> str:
        return " True\n" if len(request.prompt) % 2 else " 1\n"

    evaluate_counterfactual(config, lambda: FakeGenerator(says))
    return config.out


def test_every_kind_stands_in_the_table_with_its_numbers(
    counterfactual_run: Path, tmp_path: Path
) -> None:
    build_report([counterfactual_run], tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    page = (tmp_path / "out" / "index.html").read_text()
    results = json.loads((counterfactual_run / "results.json").read_text())
    for family, name in (("preserving", "Meaning kept, all"), ("changing", "Meaning changed, all")):
        row = next(line for line in text.splitlines() if line.startswith(f"| {name}"))
        right = results["families"][family]["right"]["exact_text"]
        assert percent_interval(Estimate(**right)) in row
    kinds = re.findall(r"^\| Meaning (?:kept|changed): ", text, re.MULTILINE)
    assert len(kinds) == 3 * len(results["kinds"])  # by text, by value, where it was right
    assert "Changed programs: changed" in page
    assert page.count('id="changes-1-figure-title"') == 1


def test_it_stands_beside_other_runs_and_verifies(
    counterfactual_run: Path, make_execution_run: Callable[..., Path], tmp_path: Path
) -> None:
    from probe.report.bundle import write_report
    from probe.verify import verify

    summary = write_report([counterfactual_run, make_execution_run("base")], tmp_path / "out")
    assert "base model" in summary.headlines[0]
    found = verify(tmp_path / "out")
    report = next(part for part in found if part.path == tmp_path / "out")
    assert report.ok, report.differences
    assert next(part for part in found if part.path.name == "changed").ok


def test_samples_that_are_not_those_of_the_results_are_refused(
    counterfactual_run: Path, tmp_path: Path
) -> None:
    import shutil

    copied = shutil.copytree(counterfactual_run, tmp_path / "copied")
    (copied / SAMPLES).write_text((copied / SAMPLES).read_text() + "\n")
    with pytest.raises(RunError, match="another hash"):
        build_report([copied], tmp_path / "out")
