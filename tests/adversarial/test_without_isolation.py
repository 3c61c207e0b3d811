"""A machine that forbids namespaces, made by bubblewrap itself: what is said, refused, noted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators.problems.sources import load_source
from generators.sandbox import launch
from generators.sandbox.policy import NO_ISOLATION

Probe = Callable[..., "subprocess.CompletedProcess[str]"]
CLI = "from probe.cli import main; main()"


@pytest.fixture
def probe() -> Probe:
    """Runs ``probe`` where no further user namespace can be made."""
    forbidding = [str(launch.bubblewrap_path()), "--unshare-user", "--disable-userns"]
    forbidding += ["--dev-bind", "/", "/", "--"]
    if subprocess.run([*forbidding, "true"], check=False).returncode:
        pytest.skip("this bubblewrap cannot forbid namespaces")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [*forbidding, sys.executable, "-c", CLI, *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A right and a wrong completion of an embedded problem."""
    problem = next(p for p in load_source("basics").problems if p.task_id == 2)
    rows = [{"task_id": 2, "completion": code} for code in (problem.code, "x = 1")]
    path = tmp_path / "samples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_doctor_says_what_is_missing_and_what_to_do(probe: Probe) -> None:
    found = json.loads(probe("doctor", "--json").stdout)["sandbox"]
    assert found["backend"] is None
    assert "bwrap fails" in found["reason"]
    for word in ("sysctl", "Docker", "--trust-programs"):
        assert word in found["advice"]
    lines = probe("doctor").stdout
    assert "MISSING" in lines
    assert "do this: allow user namespaces" in lines


def test_nothing_runs_without_trust(probe: Probe, samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = probe("grade", "--source", "basics", "--samples", str(samples), "--out", str(out))
    assert done.returncode == 2
    assert "no sandbox: bwrap fails" in done.stderr
    assert "--trust-programs" in done.stderr
    assert not out.exists()
    traces = tmp_path / "traces.jsonl"
    done = probe("make-traces", "--source", "basics", "--limit", "2", "--out", str(traces))
    assert done.returncode == 2
    assert not traces.exists()


def test_trusted_programs_are_graded_with_a_warning_that_stays(
    probe: Probe, samples: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    grade = ["grade", "--source", "basics", "--samples", str(samples), "--out", str(out)]
    done = probe(*grade, "--trust-programs")
    assert done.returncode == 0, done.stderr
    assert f"warning: {NO_ISOLATION}" in done.stdout + done.stderr
    assert read(out / "manifest.json")["identity"]["warnings"] == [NO_ISOLATION]
    results = read(out / "results.json")
    assert results["backends"] == ["process"]
    assert results["verdicts"] == {"exception": 1, "pass": 1}


def test_trusted_programs_are_traced_with_a_warning_that_stays(
    probe: Probe, tmp_path: Path
) -> None:
    out = tmp_path / "traces.jsonl"
    make = ["make-traces", "--source", "basics", "--limit", "2", "--inputs", "2"]
    done = probe(*make, "--out", str(out), "--trust-programs")
    assert done.returncode == 0, done.stderr
    assert f"warning: {NO_ISOLATION}" in done.stdout + done.stderr
    assert read(tmp_path / "traces.summary.json")["warnings"] == [NO_ISOLATION]


def test_trust_changes_nothing_where_isolation_works(samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    argv = [sys.executable, "-c", CLI, "grade", "--source", "basics", "--samples", str(samples)]
    subprocess.run([*argv, "--out", str(out), "--trust-programs"], check=True, capture_output=True)
    assert "warnings" not in read(out / "manifest.json")["identity"]
    assert read(out / "results.json")["backends"] == ["bubblewrap"]
