"""Ablations of synthesis on models of known behaviour, and what may not be set side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.problems.sources import load_source
from generators.records import Split
from probe.config import DataOptions, SynthesisConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.report.build import build_report
from probe.report.tables import NOTHING
from probe.runs import read_run
from probe.tasks.items import choose_problems
from probe.tasks.synthesis import evaluate_synthesis

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}
LIMIT = 20
Answer = Callable[[Request], str]


@pytest.fixture
def config(tmp_path: Path) -> SynthesisConfig:
    return SynthesisConfig(
        source="basics",
        out=tmp_path / "run",
        limit=LIMIT,
        max_new_tokens=9999,
        batch_invariance_items=0,
    )


def run(config: SynthesisConfig, name: str, answer: Answer, **changes: Any) -> Path:
    out = config.out.with_name(name)
    evaluate_synthesis(replace(config, out=out, **changes), lambda: FakeGenerator(answer))
    return out


def page_of(runs: list[Path], tmp_path: Path) -> str:
    build_report(runs, tmp_path / "report")
    return (tmp_path / "report" / "report.md").read_text()


def solve(request: Request, *, right: bool) -> str:
    return f"{PROBLEMS[int(request.task_id)].code if right else 'x = 1'}\n[DONE]"


def cells(page: str, first: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {first} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_model_that_needs_a_test(config: SynthesisConfig, tmp_path: Path) -> None:
    def answer(request: Request) -> str:
        return solve(request, right="should pass these tests" in request.prompt.split("task:")[-1])

    runs = [run(config, f"a{n}", answer, asserts=n) for n in (0, 1, 3)]
    page = page_of(runs, tmp_path)
    assert "## Number of tests shown" in page
    none, one, three = (cells(page, str(n)) for n in (0, 1, 3))
    assert none[1].startswith("0.0%")
    assert one[1].startswith("100.0%")
    assert none[3].startswith("\u2212100.0")
    assert one[3].startswith("0.0")
    assert three[3] == "\u2013"
    assert [row[5][:5] for row in (none, one, three)] == ["43.2%", "55.2%", "58.4%"]


def test_a_model_that_depends_on_its_examples(config: SynthesisConfig, tmp_path: Path) -> None:
    """Each set of examples solves its own half of the problems, so that together all are solved."""

    def answer(request: Request) -> str:
        first = PROBLEMS[1].text.strip() in request.prompt
        return solve(request, right=(int(request.task_id) % 2 == 0) is first)

    runs = [
        run(config, "one", answer, shot_ids=(1, 2)),
        run(config, "two", answer, shot_ids=(2, 3)),
    ]
    page = page_of(runs, tmp_path)
    assert "## Choice of solved examples" in page
    together = cells(page, "All 2 together")
    assert together[1].startswith("100.0%")
    shares = [float(cells(page, ids)[1].split("%")[0]) for ids in ("1, 2", "2, 3")]
    assert sum(shares) == pytest.approx(100)


def test_temperatures_are_curves_over_samples(config: SynthesisConfig, tmp_path: Path) -> None:
    """One is right on half of the problems always, the other in one of four samples of each."""

    def steady(request: Request) -> str:
        return solve(request, right=int(request.task_id) % 2 == 0)

    def varied(request: Request) -> str:
        return solve(request, right=request.k == int(request.task_id) % 4)

    runs = [
        run(config, "cold", steady, samples=4, temperature=0.2),
        run(config, "hot", varied, samples=4, temperature=0.8),
        run(config, "greedy", steady),
    ]
    page = page_of(runs, tmp_path)
    assert "## Temperature and number of samples" in page
    rows = {k: cells(page, str(k)) for k in (1, 2, 3)}
    hot = {k: float(row[3].split("%")[0]) for k, row in rows.items()}
    assert hot == pytest.approx({1: 25, 2: 50, 3: 75})
    asked = choose_problems(load_source("basics").split(Split.TEST), seed=0, limit=LIMIT)
    even = 100 * sum(problem.task_id % 2 == 0 for problem in asked) / LIMIT
    assert [float(row[2].split("%")[0]) for row in rows.values()] == [even] * 3
    assert float(rows[1][1].split("%")[0]) == even
    assert rows[2][1] == rows[3][1] == NOTHING
    assert f"With 1 sample at most {even:.1f}% (greedy) of the problems" in page


def test_one_temperature_is_a_curve_too(config: SynthesisConfig, tmp_path: Path) -> None:
    def varied(request: Request) -> str:
        return solve(request, right=request.k == int(request.task_id) % 4)

    page = page_of([run(config, "hot", varied, samples=4, temperature=0.8)], tmp_path)
    assert "With 1 sample at most 25.0% of the problems are solved, with 3 75.0%." in page


def test_edited_wording_is_set_beside_the_original(
    data_dir: Path, config: SynthesisConfig, tmp_path: Path
) -> None:
    """A model that solves even tasks in the original, and all that are edited."""
    data = DataOptions(data_dir=data_dir)
    known = {one.task_id: one for one in load_source("mbpp-sanitized", data_dir=data_dir).problems}
    old = {one.task_id: one for one in load_source("mbpp", data_dir=data_dir).problems}

    def edited(request: Request) -> str:
        return f"{known[int(request.task_id)].code}\n[DONE]"

    def original(request: Request) -> str:
        task = int(request.task_id)
        return f"{old[task].code if task % 2 == 0 else 'x = 1'}\n[DONE]"

    shots = (2, 3, 4)
    runs = [
        run(config, "new", edited, source="mbpp-sanitized", data=data, limit=60, shot_ids=shots),
        run(config, "old", original, source="mbpp", data=data, limit=None, shot_ids=shots),
    ]
    page = page_of(runs, tmp_path)
    assert "## Edited and original wording" in page
    assert "60 problems that both" in page
    row = cells(page, "fake")
    assert row[2] == "100.0%"
    assert float(row[1].strip("%")) + float(row[3].strip("%")) == pytest.approx(100)
    assert row[4] == "100.0%"
    assert cells(page, "Paper, 137B recalled")[1:3] == ["63%", "79%"]


def test_runs_that_differ_in_two_settings_are_not_set_side_by_side(
    config: SynthesisConfig, tmp_path: Path
) -> None:
    def answer(request: Request) -> str:
        return solve(request, right=True)

    runs = [
        run(config, "a", answer, asserts=1, max_new_tokens=9000),
        run(config, "b", answer, asserts=3),
    ]
    assert "## Number of tests shown" not in page_of(runs, tmp_path)


def test_drawn_examples_are_the_same_again_and_recorded(config: SynthesisConfig) -> None:
    def ids(name: str, seed: int) -> list[int]:
        out = run(config, name, lambda r: solve(r, right=True), shot_seed=seed)
        found: list[int] = read_run(out).manifest["identity"]["config"]["shot_ids"]
        return found

    first, again, other = ids("a", 1), ids("b", 1), ids("c", 2)
    assert first == again != other
    assert len(first) == len(set(first)) == 3
