"""The report's section about dialogs, of a model that mends after two feedbacks."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from generators import jsonl
from generators.problems.sources import load_source
from generators.records import SAMPLE_SCHEMA
from probe.config import DialogConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.report.build import build_report
from probe.report.bundle import write_report
from probe.runs import SAMPLES
from probe.tasks.dialog.givers import Giver
from probe.tasks.dialog.recording import FEEDBACK_FILE
from probe.tasks.dialog.task import evaluate_dialog
from probe.verify import verify

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}
CONFIG = DialogConfig(
    source="basics",
    out=Path(),
    problems=6,
    turns=3,
    max_new_tokens=9999,
    batch_invariance_items=0,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dialog") / "run"

    def answer(request: Request) -> str:
        live = request.prompt.rpartition("I need to write a function called")[2]
        if live.count("User: ") >= 2:
            return f"{PROBLEMS[int(request.task_id)].code}\n[DONE]"
        return "raise ValueError('<b>no</b>')\n[DONE]"

    evaluate_dialog(replace(CONFIG, out=out), lambda: FakeGenerator(answer))
    return out


def test_what_feedback_mends_is_told(run: Path, tmp_path: Path) -> None:
    build_report([run], tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert "## Dialog" in page
    assert "12 by execution" in page
    assert "solves 0.0%" in page
    assert "at once and 100.0%" in page
    assert "with up to 3 feedbacks (execution feedback)" in page
    assert "Feedback against as many tries without it: +100.0" in page
    assert "| other error | passed | 0 | 6 | 0 |" in page
    assert "| 55% recalled |" in page
    html = (tmp_path / "index.html").read_text()
    assert "<b>no</b>" not in html
    assert "&lt;b&gt;no&lt;/b&gt;" in html


def test_every_dialog_can_be_read(run: Path, tmp_path: Path) -> None:
    build_report([run], tmp_path)
    html = (tmp_path / "index.html").read_text()
    tasks = {row["task_id"] for _, row in jsonl.read(run / SAMPLES, SAMPLE_SCHEMA)}
    assert len(tasks) == 6
    for task in tasks:
        page = html.partition(f'id="dialog-1-task-{task}"')[2].partition("</details>")[0]
        assert f"Task {task}: solved after 2 feedbacks" in page
        assert "I need to write a function called" in page
        assert [page.count(f"Reply {n}</strong>") for n in (1, 2, 3, 4)] == [1, 1, 1, 0]
        assert page.count("<blockquote>") == 2
        assert "· passed" in page
    text = (tmp_path / "report.md").read_text()
    assert text.count("solved after 2 feedbacks") == 4
    assert "raise ValueError('<b>no</b>')" in text  # inside a fence


def test_the_report_verifies(run: Path, tmp_path: Path) -> None:
    write_report([run], tmp_path)
    assert all(part.ok for part in verify(tmp_path))


def test_runs_are_named_by_what_tells_them_apart(run: Path, tmp_path: Path) -> None:
    replayed = replace(
        CONFIG, out=tmp_path / "again", feedback=Giver.RECORDED, recording=run / FEEDBACK_FILE
    )
    evaluate_dialog(replayed, lambda: FakeGenerator(lambda _: "raise ValueError\n[DONE]"))
    build_report([run, replayed.out], tmp_path / "report")
    page = (tmp_path / "report" / "report.md").read_text()
    for giver in ("execution", "recorded"):
        assert f"\n## Dialog with {giver} feedback\n" in page
        (finding,) = [
            line for line in page.splitlines() if line.startswith(f"**Dialog with {giver} feed")
        ]
        assert "feedback.** Base model, worked conversations: solves 0.0%" in finding
        assert f"\n\n{finding}\n\n" in page  # a paragraph of its own


def test_sentences_of_a_finding_do_not_run_together(
    run: Path, usual_runs: list[Path], tmp_path: Path
) -> None:
    build_report([run, *usual_runs], tmp_path)
    page = (tmp_path / "report.md").read_text()
    answer = page.partition("## The answer")[2].partition("\n## ")[0]
    findings = re.findall(r"^\*\*(.+?)\.\*\* (.+)$", answer, re.MULTILINE)
    assert [name for name, _ in findings] == ["Predicting outputs", "Dialog"]
    assert findings[0][1].count(". ") > 1
    assert not re.search(r"\.[A-Z]", answer), answer
    assert "\n\n**Dialog.** " in answer
