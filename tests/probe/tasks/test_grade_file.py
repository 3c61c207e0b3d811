"""``probe grade`` as a whole: files in, run folder out, resume, verification."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generators import jsonl
from generators.errors import FormatError, UsageError
from generators.problems.sources import load_source
from generators.records import SAMPLE_SCHEMA
from probe.config import DataOptions, GradeConfig
from probe.runs import SAMPLES
from probe.tasks.grade_file import grade_file
from probe.verify import verify


def write_samples(path: Path, rows: list[tuple[int, str]]) -> Path:
    lines = [json.dumps({"task_id": task_id, "completion": text}) for task_id, text in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def samples(run: Path) -> dict[str, dict]:
    return {row["key"]: row for _, row in jsonl.read(run / SAMPLES, SAMPLE_SCHEMA)}


@pytest.fixture
def mixed(tmp_path: Path) -> GradeConfig:
    """Right, fenced, wrong, broken and empty answers to two embedded tasks."""
    problems = {problem.task_id: problem for problem in load_source("basics").problems}
    right = problems[2].code
    rows = [
        (2, right),
        (3, "def nothing():\n    pass"),
        (2, f"Here you are:\n```python\n{right}\n```"),
        (2, "def broken(:"),
        (3, "  \n"),
        (3, problems[3].code + "\n[DONE]\nassert False"),
    ]
    return GradeConfig(
        source="basics",
        samples=write_samples(tmp_path / "samples.jsonl", rows),
        out=tmp_path / "run",
    )


def test_verdicts_and_shares(mixed: GradeConfig) -> None:
    results = grade_file(mixed)
    assert {key: row["verdict"] for key, row in samples(mixed.out).items()} == {
        "2/0": "pass",
        "3/0": "exception",
        "2/1": "pass",
        "2/2": "syntax_error",
        "3/1": "no_code",
        "3/2": "pass",
    }
    assert list(samples(mixed.out)) == ["2/0", "3/0", "2/1", "2/2", "3/1", "3/2"]
    assert results["verdicts"] == {"exception": 1, "no_code": 1, "pass": 3, "syntax_error": 1}
    assert results["scores"]["samples_right"]["estimate"] == pytest.approx(0.5)
    assert results["scores"]["solved"]["estimate"] == 1
    assert results["n_programs"] == 2


def test_the_run_verifies_with_its_programs_run_again(mixed: GradeConfig) -> None:
    grade_file(mixed)
    (found,) = verify(mixed.out, data=DataOptions(workers=1), rerun=True)
    assert found.ok
    assert "5 verdicts by running again" in found.checked
    (found,) = verify(mixed.out)
    assert "what programs did: running them again was not asked for" in found.unchecked


def test_the_run_verifies_and_a_changed_verdict_is_found(mixed: GradeConfig) -> None:
    grade_file(mixed)
    (found,) = verify(mixed.out)
    assert found.ok
    path = mixed.out / SAMPLES
    path.write_text(path.read_text().replace('"verdict": "exception"', '"verdict": "pass"'))
    (found,) = verify(mixed.out)
    assert any("verdicts" in text or "estimate" in text for text in found.differences)


def test_what_is_graded_already_is_not_run_again(mixed: GradeConfig) -> None:
    grade_file(mixed)
    before = (mixed.out / SAMPLES).read_bytes()
    (mixed.out / "results.json").unlink()
    lines = before.splitlines(keepends=True)
    (mixed.out / SAMPLES).write_bytes(b"".join(lines[:3]) + lines[3][:20])
    grade_file(mixed)

    def timeless(row: dict) -> dict:
        return {name: value for name, value in row.items() if "seconds" not in name}

    again = samples(mixed.out)
    assert (mixed.out / SAMPLES).read_bytes().splitlines()[:3] == before.splitlines()[:3]
    assert [timeless(row) for row in again.values()] == [
        timeless(json.loads(line)) for line in lines[1:]
    ]


@pytest.mark.parametrize(
    "line",
    [
        '{"task_id": "2", "completion": "x"}',
        '{"task_id": 2}',
        '{"task_id": true, "completion": ""}',
        '{"task_id": 2, "completion": null}',
    ],
)
def test_a_broken_line_is_named_and_nothing_is_made(
    mixed: GradeConfig, tmp_path: Path, line: str
) -> None:
    with mixed.samples.open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(FormatError, match=r"samples\.jsonl:7: a sample needs"):
        grade_file(mixed)
    assert not mixed.out.exists()


def test_no_samples_are_an_error(mixed: GradeConfig) -> None:
    mixed.samples.write_text("")
    with pytest.raises(UsageError, match="holds no samples"):
        grade_file(mixed)


@pytest.mark.slow
@pytest.mark.parametrize(("source", "count"), [("mbpp", 974), ("mbpp-sanitized", 427)])
def test_every_reference_of_mbpp_passes(
    data_dir: Path, tmp_path: Path, source: str, count: int
) -> None:
    data = DataOptions(data_dir=data_dir)
    problems = load_source(source, data_dir=data_dir).problems
    config = GradeConfig(
        source=source,
        samples=write_samples(
            tmp_path / "references.jsonl", [(p.task_id, p.code) for p in problems]
        ),
        out=tmp_path / "run",
        data=data,
    )
    results = grade_file(config)
    assert results["verdicts"] == {"pass": count}, [
        row for row in samples(config.out).values() if row["verdict"] != "pass"
    ]
