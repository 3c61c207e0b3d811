"""The report's section about word problems, of runs by models of known behaviour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from generators.problems.mathqa.records import MathSplit
from generators.problems.mathqa.source import load_mathqa
from probe.compare import compare_runs
from probe.config import DataOptions, MathConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.report.build import build_report
from probe.report.bundle import write_report
from probe.tasks.mathqa.prompts import Target
from probe.tasks.mathqa.task import evaluate_mathqa
from probe.verify import verify


@pytest.fixture(scope="module")
def runs(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An oracle and one that is right on even problems, as programs; the oracle as formulas."""
    folder = tmp_path_factory.mktemp("math")
    data = DataOptions(data_dir=data_dir)
    known = {one.id: one for one in load_mathqa(MathSplit.TEST, data_dir=data_dir).problems}
    config = MathConfig(out=folder, data=data, limit=20, max_new_tokens=9999)

    def oracle(request: Request) -> str:
        return known[request.key.rpartition("/")[0]].code

    def even(request: Request) -> str:
        return oracle(request) if int(request.task_id) % 2 == 0 else "answer = 'x'"

    def formulas(request: Request) -> str:
        return known[request.key.rpartition("/")[0]].dsl

    made = {}
    for name, answer, target in (
        ("even", even, Target.PYTHON),
        ("oracle", oracle, Target.PYTHON),
        ("formulas", formulas, Target.DSL),
    ):
        made[name] = folder / name
        evaluate_mathqa(
            replace(config, out=made[name], target=target),
            lambda answer=answer, name=name: FakeGenerator(answer, name=name),
        )
    return made


def test_what_is_solved_is_told(runs: dict[str, Path], tmp_path: Path) -> None:
    build_report(list(runs.values()), tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert "## Word problems: a Python program" in page
    assert "the model writes a Python program, 1 sample each, greedy" in page
    assert "## Word problems: a formula" in page
    assert "the model writes a formula" in page
    assert "oracle, base, 4-shot: solves 100.0%" in page
    assert "| within 1e-8 |" in page
    assert "| No number |" in page
    assert "Formula of the most similar question" in page
    assert page.count("The paper's MathQA problems solved by any sample") == 1
    assert "83.8" in page


def test_the_report_verifies(runs: dict[str, Path], tmp_path: Path) -> None:
    write_report(list(runs.values()), tmp_path)
    assert all(part.ok for part in verify(tmp_path))


def test_runs_are_compared_by_problem(runs: dict[str, Path]) -> None:
    (one,) = compare_runs(runs["even"], runs["oracle"]).comparisons
    assert (one.name, one.n, one.second) == ("solved", 20, 1)
    assert one.paired.only_second == round(20 * (1 - one.first))
    assert one.paired.only_first == 0
