"""Two processes on one run folder, or on one trace file; and one that is asked to end."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from probe.runs import SAMPLES


def wait_for(process: Any, path: Path, size: int = 0) -> None:
    """Wait until a command has made a file of more than so many bytes."""
    while process.poll() is None and not (path.exists() and path.stat().st_size >= size):
        time.sleep(0.002)
    assert process.poll() is None, process.communicate()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def grade(samples: Path, out: Path) -> list[Any]:
    return ["grade", "--source", "basics", "--samples", samples, "--out", out]


def command(kind: str, samples: Path, out: Path) -> tuple[list[Any], Path, Path]:
    """Return a command that writes into a folder, its ``--out``, and its lock file."""
    if kind == "grade":
        return grade(samples, out), out, out / ".lock"
    file = out / "test.jsonl"
    said = ["make-traces", "--source", "basics", "--split", "test", "--inputs", "4", "--out", file]
    return said, file, out / ".test.jsonl.lock"


@pytest.fixture
def patient(kinds: Any, tmp_path: Path) -> Path:
    """Completions of which the last ones take a while."""
    path = tmp_path / "patient.jsonl"
    slow = {"task_id": 2, "completion": "import time\ntime.sleep(1.5)"}
    path.write_text(kinds.completions.read_text() + 2 * (json.dumps(slow) + "\n"))
    return path


@pytest.mark.parametrize("kind", ["grade", "make-traces"])
def test_the_second_is_refused_and_changes_nothing(
    probe: Any, patient: Path, kind: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said, written, lock = command(kind, patient, out)
    first = probe.start(*said)
    wait_for(first, lock)
    first.send_signal(signal.SIGSTOP)
    before = contents(out)
    second = probe(*said)
    assert second.returncode == 2
    last = second.stderr.splitlines()[-1]
    assert last == f"probe: {written} is being written by another process"
    assert second.stdout == ""
    assert contents(out) == before
    first.send_signal(signal.SIGCONT)
    _, err = first.communicate()
    assert first.returncode == 0, err
    assert not lock.exists()


def test_one_that_is_asked_to_end_is_resumed(probe: Any, patient: Path, tmp_path: Path) -> None:
    """SIGTERM, as schedulers send it: it ends at once, and what it had written counts."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert probe(*grade(patient, whole)).returncode == 0
    process = probe.start(*grade(patient, cut))
    wait_for(process, cut / SAMPLES, size=1000)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == -signal.SIGTERM
    assert not (cut / "results.json").exists()
    kept = len((cut / SAMPLES).read_bytes().splitlines()) - 1
    assert kept > 0
    assert probe(*grade(patient, cut)).returncode == 0
    for name in (SAMPLES, "results.json"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
