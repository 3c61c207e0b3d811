"""Damaged runs of every kind, with checksums and without: an error, or what was written.

With checksums nothing but the undamaged run is ever read. Without, as early releases left their
runs, ``probe verify`` says that something differs wherever a number does.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.differences import first_difference
from generators.errors import ProbeError
from probe.checksums import CHECKSUMS
from probe.cost import Meter
from probe.report.load import load_inputs
from probe.runs import COST, MANIFEST, RESULTS, SAMPLES, read_run
from probe.tasks.kinds import TASK_KINDS
from probe.tasks.names import FINETUNE, GRADING
from probe.training.results import LOG
from probe.verify import verify

KINDS = {  # which samples of the small run are kept
    "grid": slice(2),
    "steps": slice(2),
    "counterfactual": slice(2),
    "representation": slice(0, 100, 50),
    "mathqa": slice(2),
    "analysis": slice(2),
    GRADING: slice(2),
}


@pytest.fixture(scope="module")
def small_run(
    small_run: Callable[[str], Path],
    remake: Callable[[Path, list[dict[str, Any]]], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Path]:
    """The same runs with two samples each, without checksums, cost and adapter."""
    folder = tmp_path_factory.mktemp("two")

    @cache
    def smaller(kind: str) -> Path:
        run = Path(shutil.copytree(small_run(kind), folder / kind))
        if kind in KINDS:
            remake(run, read_run(run).samples[KINDS[kind]])
        shutil.rmtree(run / "adapter", ignore_errors=True)
        for name in (CHECKSUMS, COST):
            (run / name).unlink(missing_ok=True)
        return run

    return smaller


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of the very same samples are derived once, not for each damage elsewhere."""
    known: dict[tuple[str, str], dict[str, Any]] = {}

    def remembering(
        task: str, derive: Callable[[Sequence[dict[str, Any]]], dict[str, Any]]
    ) -> Callable[[Sequence[dict[str, Any]]], dict[str, Any]]:
        def results(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
            key = (task, json.dumps(samples))
            if key not in known:
                known[key] = derive(samples)
            return known[key]

        return results

    for task, kind in TASK_KINDS.items():
        monkeypatch.setitem(
            TASK_KINDS, task, replace(kind, results=remembering(task, kind.results))
        )


def numbers(run: Path) -> dict[str, Any]:
    """All that a number of a run is taken from, but for the curve in a log, which has no hash."""
    found = read_run(run, check=False)
    samples = {str(place): row for place, row in enumerate(found.samples)}
    return {"is": found.manifest["identity"], "samples": samples, "results": found.results}


FILES = [
    *((kind, name) for kind in KINDS for name in (MANIFEST, SAMPLES, RESULTS)),
    *((FINETUNE, name) for name in (MANIFEST, LOG, RESULTS)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), FILES)
def test_without_checksums(
    make_copy: Callable[[str], Path], kind: str, name: str, damage: Any
) -> None:
    run = make_copy(kind)
    whole = numbers(run)

    def read(path: Path) -> dict[str, Any] | None:
        (found,) = verify(path.parent)
        if kind != "analysis":
            load_inputs([path.parent])
        return numbers(path.parent) if found.ok else None

    def holds(found: dict[str, Any] | None) -> bool:
        return found is None or first_difference(whole, found) is None

    assert read(run / name) == whole
    damage.survives((run / name).read_bytes(), run / name, read, holds)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("grid", MANIFEST),
        ("grid", SAMPLES),
        ("grid", RESULTS),
        ("grid", CHECKSUMS),
        ("grid", COST),
        (FINETUNE, LOG),
    ],
)
def test_with_checksums(
    make_copy: Callable[[str], Path],
    kind: str,
    name: str,
    reseal: Callable[[Path], None],
    damage: Any,
) -> None:
    run = make_copy(kind)
    jsonl.write_json(run / COST, Meter().read())
    reseal(run)
    whole = read_run(run)
    content = (run / name).read_bytes()

    def read(path: Path) -> bool:
        return read_run(path.parent) == whole and (
            path.name == CHECKSUMS or path.read_bytes() == content
        )

    assert read(run / name)
    damage.survives(content, run / name, read, bool)


def test_a_mean_of_nothing_is_a_difference(make_copy: Callable[[str], Path]) -> None:
    """numpy only warns of it."""
    run = make_copy("analysis")
    head, *rows = [json.loads(line) for line in (run / SAMPLES).read_text().splitlines()]
    jsonl.write(run / SAMPLES, head, [row | {"bleu": []} for row in rows])
    (found,) = verify(run)
    assert any("of the wrong type" in told for told in found.differences)


def test_the_measure_is_sharp(make_copy: Callable[[str], Path]) -> None:
    """An altered number is seen in what is compared, and by verify."""
    run = make_copy("grid")
    whole = numbers(run)
    results = json.loads((run / RESULTS).read_text())
    jsonl.write_json(run / RESULTS, {**results, "n_items": 3})
    assert numbers(run) != whole
    assert not verify(run)[0].ok
    jsonl.write_json(run / RESULTS, results)
    (run / SAMPLES).write_text(
        (run / SAMPLES).read_text().replace('"completion": "', '"completion": "x', 1)
    )
    with pytest.raises(ProbeError):
        read_run(run)
