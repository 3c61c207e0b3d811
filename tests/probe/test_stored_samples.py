"""What a run keeps of each item, and the policies that its scores were made with.

Held to the stored reports, which have every kind of run but one, and to a small graded file.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.literals import EqualityPolicy
from generators.problems.sources import load_source
from generators.records import SAMPLE_SCHEMA, Verdict
from generators.tolerance import Tolerance
from probe.config import GradeConfig
from probe.extract import Reason
from probe.models.text import Finish
from probe.runs import MANIFEST, RESULTS, SAMPLES
from probe.tasks import names
from probe.tasks.grade_file import grade_file
from probe.tasks.kinds import TASK_KINDS

ROOT = Path(__file__).resolve().parents[2]
STORED = sorted(path.parent for path in (ROOT / "reports").glob(f"*/runs/*/{RESULTS}"))

ASKED = {"prompt", "prompt_sha256", "prompt_tokens", "completion", "completion_tokens", "finish"}
PREDICTED = ASKED | {"expected", "answer", "reason", "exact_text", "exact", "baselines"}
WRITTEN = ASKED | {"code", "reason", "verdict", "outcome", "error", "message", "backend"}
RUN = {"tests", "tests_inside"}
FIELDS = {
    names.EXECUTION: PREDICTED | {"entry_point", "origin", "output_type", "call", "leaks"},
    names.GRID: PREDICTED | {"call", "content", "setting", "inputs", "tests_shown", "leaks"},
    names.COUNTERFACTUAL: PREDICTED | {"call", "family", "kind", "change", "original"},
    names.STEPS: PREDICTED | {"call", "kind", "trace_id", "line", "time", "name"},
    names.SYNTHESIS: WRITTEN | RUN | {"k"},
    names.MATHQA: WRITTEN | {"k", "target", "tolerance", "expected", "number", "ran", "value"},
    names.DIALOG: WRITTEN | RUN | {"kind", "turn", "turns", "dropped", "tests_passed"},
    names.GRADING: RUN | {"completion", "code", "verdict", "error", "message"},
    names.ANALYSIS: {"code", "verdict", "outcome", "message", "fresh", "challenge", "hard_coded"},
    names.REPRESENTATION: (ASKED - {"completion", "completion_tokens", "finish"})
    | {"expected", "labels", "control_type", "probes"},
}
"""By kind of run, beside the ids. Grading, analysis and probes of states ask for no answer."""

PREDICTION = {str(EqualityPolicy.EXACT_TEXT), str(EqualityPolicy.EXACT)}
ASSERTS = {str(EqualityPolicy.PYTHON_EQ)}
POLICIES = {
    names.EXECUTION: PREDICTION,
    names.GRID: PREDICTION,
    names.STEPS: PREDICTION,
    names.COUNTERFACTUAL: PREDICTION,
    names.SYNTHESIS: ASSERTS,
    names.DIALOG: ASSERTS,
    names.GRADING: ASSERTS,
    names.ANALYSIS: ASSERTS,
    names.MATHQA: set(map(str, Tolerance)),
}
"""Probes of states compare labels, and fine-tuning compares nothing: they have no policy."""

FEEDBACK = {"giver", "author", "said", "text", "cut", "has_code", "leaks", "code_sha256", "about"}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Completions of others, graded."""
    folder = tmp_path_factory.mktemp("graded")
    problem = next(one for one in load_source("basics").problems if one.task_id == 2)
    said = [{"task_id": 2, "completion": text} for text in (problem.code, "no code", "pass")]
    samples = folder / "said.jsonl"
    samples.write_text("".join(json.dumps(row) + "\n" for row in said), encoding="utf-8")
    grade_file(GradeConfig(source="basics", samples=samples, out=folder / "run"))
    return folder / "run"


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def first_rows(run: Path) -> Iterator[dict[str, Any]]:
    """Yield the first sample of each kind that a run keeps."""
    seen = set()
    for _, row in jsonl.read(run / SAMPLES, SAMPLE_SCHEMA):
        if (kind := row.get("kind")) not in seen:
            seen.add(kind)
            yield row
        if kind is None or len(seen) == 3:
            return


@pytest.fixture(scope="module")
def runs(graded: Path) -> list[tuple[str, Path]]:
    """Every stored run with its kind, and the graded file."""
    return [(document(path / RESULTS)["task"], path) for path in (*STORED, graded)]


def test_every_kind_of_run_is_here(runs: list[tuple[str, Path]]) -> None:
    assert {task for task, _ in runs} == {*TASK_KINDS, names.FINETUNE}
    assert FIELDS.keys() == TASK_KINDS.keys()


def test_samples_keep_what_was_asked_said_and_found(runs: list[tuple[str, Path]]) -> None:
    count = 0
    for task, path in runs:
        for row in first_rows(path) if task != names.FINETUNE else ():
            count += 1
            fields = FEEDBACK if row.get("kind") == "feedback" else FIELDS[task]
            assert {"key", "task_id", *fields} <= row.keys(), path
            assert isinstance(row.get("prompt", ""), str), path
            assert re.fullmatch("[0-9a-f]{64}", row.get("prompt_sha256", "0" * 64)), path
            assert row.get("finish", "stop") in set(Finish), path  # length: it was truncated
            assert row.get("verdict", "pass") in {*Verdict, None}, path
            assert type(row.get("exact", True)) is bool, path
            assert row.get("reason", "") in {*Reason, "", None}, path
            for name in ("prompt_tokens", "completion_tokens"):
                assert row.get(name, 0) is None or type(row.get(name, 0)) is int, path
    assert count > len(STORED) - 20


def test_files_md_names_every_field(runs: list[tuple[str, Path]]) -> None:
    told = re.findall(r"`([^`]*)`", (ROOT / "docs" / "files.md").read_text(encoding="utf-8"))
    words = set(re.findall(r"\w+", " ".join(told)))
    for task, path in runs:
        for row in first_rows(path) if task != names.FINETUNE else ():
            assert row.keys() <= words, path


def test_policies_are_kept_with_the_scores(runs: list[tuple[str, Path]]) -> None:
    for task, path in runs:
        policies = document(path / MANIFEST)["identity"].get("policies") or ()
        assert set(policies) == POLICIES.get(task, set()), path


def test_every_task_writes_its_policies() -> None:
    """The stored runs say what was written; this, what will be."""
    without = set()
    for path in (ROOT / "probe" / "tasks").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if '"verb": ' in text else ():
            if isinstance(node, ast.Dict):
                keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
                if "verb" in keys and "policies" not in keys:
                    without.add(path.name)
    assert without == {"represent.py"}
