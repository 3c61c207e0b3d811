"""A disk that is full: one line that says so, nothing lost, and the same command goes on later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.records import SAMPLE_SCHEMA, Split
from probe.config import MakeTracesConfig
from probe.tasks.traces import make_traces
from probe.verify import verify

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("traces") / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=4, limit=14, out=out))
    return out


@pytest.mark.parametrize("size", [3_000, 30_000])
def test_an_evaluation(
    probe: Any, llama_folder: Path, traces: Path, tmp_path: Path, size: int
) -> None:
    command = (
        "evaluate", "execution", "--model", llama_folder, "--traces", traces, "--out",
        tmp_path / "run", "--limit", "20", "--quiet", "--batch-invariance-items", "0",
    )  # fmt: skip
    full = probe(*command, file_bytes=size)
    assert full.returncode == 2
    assert full.stderr.startswith("probe: cannot write ")
    assert full.stderr.count("\n") == 1, full.stderr
    samples = tmp_path / "run" / "samples.jsonl"
    kept = []
    if samples.exists():
        jsonl.mend(samples)
        if samples.stat().st_size:
            kept = [row["key"] for _, row in jsonl.read(samples, SAMPLE_SCHEMA)]
    assert bool(kept) is (size == 30_000)
    again = probe(*command)
    assert again.returncode == 0, again.stderr
    found = [row["key"] for _, row in jsonl.read(samples, SAMPLE_SCHEMA)]
    assert len(found) == 20
    assert set(kept) <= set(found)
    assert verify(tmp_path / "run")[0].ok


def test_making_traces(probe: Any, tmp_path: Path) -> None:
    command = ("make-traces", "--source", "basics", "--split", "test", "--inputs", "4", "--out")
    full = probe(*command, tmp_path / "few.jsonl", file_bytes=20_000)
    assert full.returncode == 2
    assert "cannot write " in full.stderr.splitlines()[-1]
    assert "Traceback" not in full.stderr
    again = probe(*command, tmp_path / "few.jsonl")
    assert again.returncode == 0, again.stderr
    whole = probe(*command, tmp_path / "whole.jsonl")
    assert whole.returncode == 0, whole.stderr
    assert (tmp_path / "few.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
