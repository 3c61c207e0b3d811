"""Broken input of every format: a clean error or a reading, never a traceback.

How files are damaged stands in ``damage.py``; ``test_corrupted_records.py`` and
``test_corrupted_runs.py`` do the same to what has a hash of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from generators import jsonl
from generators.perturb.files import read_variants
from generators.problems.mathqa.convert import read_rows
from generators.problems.sources import load_source
from generators.records import Split
from generators.trace_files import read_traces
from probe.checksums import CHECKSUMS
from probe.config import MakeTracesConfig, MakeVariantsConfig
from probe.report.load import load_inputs
from probe.runs import SAMPLES
from probe.tasks.counterfactual import make_variants
from probe.tasks.dialog.feedback import RecordedFeedback
from probe.tasks.grade_file import read_completions
from probe.tasks.traces import make_traces
from probe.verify import verify

BASICS = load_source("basics")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace file, variants, problems, completions, MathQA."""
    folder = tmp_path_factory.mktemp("files")
    traces = folder / "traces.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=2, limit=3, out=traces))
    make_variants(MakeVariantsConfig(traces=traces, out=folder / "variants.jsonl"))
    problems = BASICS.problems[:3]
    rows = [
        {
            "task_id": one.task_id,
            "text": one.text,
            "code": one.code,
            "test_list": list(one.test_list),
            "test_setup_code": one.test_setup_code,
            "challenge_test_list": list(one.challenge_test_list),
        }
        for one in problems
    ]
    (folder / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    listed = [
        {
            "source_file": "a",
            "task_id": one.task_id,
            "prompt": one.text,
            "code": one.code,
            "test_imports": [],
            "test_list": list(one.test_list),
        }
        for one in problems
    ]
    (folder / "sanitized.json").write_text(json.dumps(listed))
    said = [{"task_id": one.task_id, "completion": one.code} for one in problems]
    (folder / "completions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    math = {
        "Problem": "two and three ?",
        "Rationale": "5",
        "options": "a ) 5 , b ) 6",
        "correct": "a",
        "annotated_formula": "add(2, 3)",
        "linear_formula": "add(n0,n1)|",
        "category": "general",
    }
    (folder / "math.json").write_text(json.dumps([math, math]))
    return folder


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("traces.jsonl", read_traces),
        ("variants.jsonl", read_variants),
        ("problems.jsonl", lambda path: load_source(str(path))),
        ("sanitized.json", lambda path: load_source(str(path))),
        ("completions.jsonl", lambda path: read_completions(path, BASICS)),
        ("math.json", read_rows),
    ],
)
def test_inputs(
    files: Path, tmp_path: Path, name: str, read: Callable[[Path], object], damage: Any
) -> None:
    content = (files / name).read_bytes()
    (tmp_path / name).write_bytes(content)
    read(tmp_path / name)  # whole, it can be read
    damage.survives(content, tmp_path / name, read)


def test_recorded_feedback(runs: list[Path], tmp_path: Path, damage: Any) -> None:
    content = (runs[2] / "feedback.jsonl").read_bytes()
    assert content.count(b"\n") > 2
    damage.survives(content, tmp_path / "feedback.jsonl", RecordedFeedback)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["manifest.json", "samples.jsonl", "results.json"])
@pytest.mark.parametrize("kind", ["execution", "synthesis", "dialog"])
def test_runs(make_copy: Callable[[str], Path], kind: str, name: str, damage: Any) -> None:
    """Without checksums, so that what reads the broken fields is reached."""
    run = make_copy(kind)
    (run / CHECKSUMS).unlink()

    def read(path: Path) -> None:
        verify(path.parent)
        load_inputs([path.parent])

    read(run / name)
    damage.survives((run / name).read_bytes(), run / name, read)


@pytest.mark.parametrize("kind", ["execution", "synthesis", "dialog"])
def test_numbers_beyond_all_sums(make_copy: Callable[[str], Path], kind: str) -> None:
    run = make_copy(kind)
    (run / CHECKSUMS).unlink()
    head, *rows = [json.loads(line) for line in (run / SAMPLES).read_text().splitlines()]
    numbers = {name for row in rows for name, value in row.items() if isinstance(value, int)}
    for name in sorted(numbers):
        huge = [row | {name: 1.7e308} if name in row else row for row in rows]
        jsonl.write(run / SAMPLES, head, huge)
        (found,) = verify(run)
        assert not found.ok, name


def test_damage_is_damage(damage: Any) -> None:
    """The strategy changes what it is given, nearly always."""
    content = jsonl.dump_line({"a": 1, "b": [1, 2]}).encode() * 3
    changed = 0

    @settings(max_examples=100, deadline=None, database=None)
    @given(damage.damaged(content))
    def count(broken: bytes) -> None:
        nonlocal changed
        changed += broken != content

    count()
    assert changed > 70
