"""The published JSON Schemas hold for what is written, and are no schemas that hold for all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from probe.report.build import build_report
from probe.report.probes import PROBES
from probe.tasks.kinds import TASK_KINDS
from probe.tasks.names import FINETUNE

ROOT = Path(__file__).resolve().parents[3]
SCHEMAS = {
    name: json.loads((ROOT / "docs" / "schemas" / f"{name}.json").read_text())
    for name in ("results", "report")
}
REGISTRY: Registry[Any] = Registry().with_resources(
    [("results.json", Resource.from_contents(SCHEMAS["results"]))]
)
STORED = sorted((ROOT / "reports").glob("*/results.json"))


def faults(name: str, document: Any) -> list[str]:
    validator = Draft202012Validator(SCHEMAS[name], registry=REGISTRY)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_they_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_kind_of_run_has_its_part() -> None:
    known = set(SCHEMAS["results"]["properties"]["task"]["enum"])
    assert known == {*TASK_KINDS, *PROBES, FINETUNE}
    for task, kind in PROBES.items():
        part = SCHEMAS["results"]["$defs"][task]["required"]
        assert set(kind.fields) - {"n_items", "n_programs"} <= {*part, "counts", "tokens"}


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.parent.name)
def test_stored_reports_hold(path: Path) -> None:
    assert faults("report", json.loads(path.read_text())) == []
    for run in sorted(path.parent.glob("runs/*/results.json")):
        assert faults("results", json.loads(run.read_text())) == []


def test_a_report_holds_and_a_changed_one_does_not(usual_runs: list[Path], tmp_path: Path) -> None:
    build_report(usual_runs, tmp_path)
    document = json.loads((tmp_path / "results.json").read_text())
    assert faults("report", document) == []
    for change in (
        {"limits": [1]},
        {"more": 1},
        {"runs": [{**document["runs"][0], "results": {}}]},
        {"schema": "probe.results"},
    ):
        assert faults("report", document | change)
    lost = {name: value for name, value in document.items() if name != "sides"}
    assert faults("report", lost)
