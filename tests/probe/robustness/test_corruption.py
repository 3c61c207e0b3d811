"""Broken input of every format: a clean error or a reading, never a traceback.

A file is damaged as disks, editors and wrong programs do it: bytes changed, cut out or put in,
lines doubled, swapped or lost, fields of another type, fields missing, numbers that are none.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generators import jsonl
from generators.errors import ProbeError
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

CASES = 500

# A failing example is a whole file, and hypothesis warns instead of saying what went wrong:
# https://github.com/HypothesisWorks/hypothesis/issues/4784
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=4), st.none(), max_size=2),
)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Damage a file."""
    for _ in range(draw(st.integers(1, 3))):
        content = draw(st.sampled_from([_bytes, _lines, _fields]))(draw, content)
    return content


def _bytes(draw: st.DrawFn, content: bytes) -> bytes:
    begin = draw(st.integers(0, len(content)))
    end = draw(st.integers(begin, min(len(content), begin + 40)))
    return content[:begin] + draw(st.binary(max_size=6)) + content[end:]


def _lines(draw: st.DrawFn, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    place = draw(st.integers(0, len(lines) - 1))
    match draw(st.sampled_from(["lose", "double", "swap", "cut"])):
        case "lose":
            del lines[place]
        case "double":
            lines.insert(place, lines[place])
        case "swap":
            lines[0], lines[place] = lines[place], lines[0]
        case _:
            del lines[place:]
    return b"".join(lines)


def _fields(draw: st.DrawFn, content: bytes) -> bytes:
    """Change or drop a field of a line, or of a whole JSON document."""
    whole = content.lstrip().startswith((b"{\n", b"["))
    lines = [content] if whole else content.splitlines(keepends=True)
    if not lines:
        return content
    place = draw(st.integers(0, len(lines) - 1))
    try:
        value = json.loads(lines[place])
    except (ValueError, RecursionError):
        return content
    lines[place] = json.dumps(_changed(draw, value)).encode() + b"\n"
    return b"".join(lines)


def _changed(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        rest = {key: other for key, other in value.items() if key != name}
        return rest if draw(st.booleans()) else rest | {name: _changed(draw, value[name])}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], _changed(draw, value[place]), *value[place + 1 :]]
    return draw(ODD)


def complaint(read: Callable[[Path], object], path: Path) -> str | None:
    try:
        read(path)
    except ProbeError as error:
        return str(error)
    return None


def survives(content: bytes, path: Path, read: Callable[[Path], object]) -> None:
    """Read damaged content many times over."""

    @settings(
        max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(damaged(content))
    def check(broken: bytes) -> None:
        path.write_bytes(broken)
        told = complaint(read, path)
        assert told is None or (told and "\n" not in told)

    check()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace file, variants, problems, completions, MathQA."""
    folder = tmp_path_factory.mktemp("files")
    traces = folder / "traces.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=2, limit=3, out=traces))
    make_variants(MakeVariantsConfig(traces=traces, out=folder / "variants.jsonl"))
    problems = load_source("basics").problems[:3]
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
        ("completions.jsonl", lambda path: read_completions(path, load_source("basics"))),
        ("math.json", read_rows),
    ],
)
def test_inputs(files: Path, tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    content = (files / name).read_bytes()
    (tmp_path / name).write_bytes(content)
    read(tmp_path / name)  # whole, it can be read
    survives(content, tmp_path / name, read)


def test_recorded_feedback(runs: list[Path], tmp_path: Path) -> None:
    content = (runs[2] / "feedback.jsonl").read_bytes()
    assert content.count(b"\n") > 2
    survives(content, tmp_path / "feedback.jsonl", RecordedFeedback)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["manifest.json", "samples.jsonl", "results.json"])
@pytest.mark.parametrize("kind", ["execution", "synthesis", "dialog"])
def test_runs(runs: list[Path], tmp_path: Path, kind: str, name: str) -> None:
    """Without checksums, so that what reads the broken fields is reached."""
    (source,) = [run for run in runs if run.name == kind]
    run = tmp_path / kind
    shutil.copytree(source, run)
    (run / CHECKSUMS).unlink()

    def read(path: Path) -> None:
        verify(path.parent)
        load_inputs([path.parent])

    read(run / name)
    survives((run / name).read_bytes(), run / name, read)


@pytest.mark.parametrize("kind", ["execution", "synthesis", "dialog"])
def test_numbers_beyond_all_sums(runs: list[Path], tmp_path: Path, kind: str) -> None:
    (source,) = [run for run in runs if run.name == kind]
    run = tmp_path / kind
    shutil.copytree(source, run)
    (run / CHECKSUMS).unlink()
    head, *rows = [json.loads(line) for line in (run / SAMPLES).read_text().splitlines()]
    numbers = {name for row in rows for name, value in row.items() if isinstance(value, int)}
    for name in sorted(numbers):
        huge = [row | {name: 1.7e308} if name in row else row for row in rows]
        jsonl.write(run / SAMPLES, head, huge)
        (found,) = verify(run)
        assert not found.ok, name


def test_damage_is_damage() -> None:
    """The strategy changes what it is given, nearly always."""
    content = jsonl.dump_line({"a": 1, "b": [1, 2]}).encode() * 3
    changed = 0

    @settings(max_examples=100, deadline=None, database=None)
    @given(damaged(content))
    def count(broken: bytes) -> None:
        nonlocal changed
        changed += broken != content

    count()
    assert changed > 70
