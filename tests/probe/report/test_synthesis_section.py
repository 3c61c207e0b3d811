"""The report's section about written programs, of runs by models of known behaviour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from generators.problems.sources import load_source
from probe.config import SynthesisConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.report.build import build_report
from probe.tasks.synthesis import evaluate_synthesis

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}


class FakeSized(FakeGenerator):
    """Solves every so manieth problem, and has a size."""

    def __init__(self, every: int, parameters: int) -> None:
        super().__init__(self.write, name=f"toy-{parameters}")
        self.every = every
        self.identity |= {"parameters": parameters}

    def write(self, request: Request) -> str:
        problem = PROBLEMS[int(request.task_id)]
        if problem.task_id % self.every:
            return "def oops(:[DONE]"
        return f"{problem.code}\n[DONE]"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("synthesis")
    config = SynthesisConfig(
        source="basics", out=folder, limit=24, max_new_tokens=5000, batch_invariance_items=1
    )
    for every, parameters in ((4, 10**8), (2, 10**9), (1, 10**10)):
        one = replace(config, out=folder / f"toy-{parameters}")
        evaluate_synthesis(one, lambda every=every, n=parameters: FakeSized(every, n))
    return sorted(folder.iterdir())


def test_solved_outcomes_and_pairs_are_told(runs: list[Path], tmp_path: Path) -> None:
    build_report(runs, tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert "toy-10000000000, base, 3-shot: solves 100.0%" in page
    assert "preset greedy-3shot, 3 shots, 3 tests shown, greedy" in page
    assert "| Syntax error |" in page
    assert "Paired differences of problems solved" in page


def test_three_sizes_make_a_line(runs: list[Path], tmp_path: Path) -> None:
    build_report(runs, tmp_path / "three")
    page = (tmp_path / "three" / "report.md").read_text()
    assert "## Problems solved by size" in page
    assert "through 3 base models" in page
    build_report(runs[:2], tmp_path / "two")
    assert "## Problems solved by size" not in (tmp_path / "two" / "report.md").read_text()
