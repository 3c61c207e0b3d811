"""The manifest of a run says what it was: command, commit, packages, machine, hashes, seeds."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from generators.jsonl import sha256_file
from probe import manifest
from probe.config import ExecutionConfig
from probe.manifest import identity_sha256, make_manifest
from probe.models.endpoint import KEY_VARIABLES
from probe.models.fake import FakeGenerator
from probe.prompts import EXECUTION_V1
from probe.runs import COST, MANIFEST, RunWriter
from probe.tasks.execution import evaluate_execution

IDENTITY = {"verb": "test", "config": {"seed": 7}}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository that the package seems to run from."""
    if shutil.which("git") is None:
        pytest.skip("no git on this machine")
    (tmp_path / "probe").mkdir()
    module = tmp_path / "probe" / "manifest.py"
    module.write_text("")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    git(tmp_path, *author, "commit", "--quiet", "-m", "One")
    monkeypatch.setattr(manifest, "__file__", str(module))
    return tmp_path


def test_commit_and_whether_files_were_changed(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert make_manifest(IDENTITY)["git"] == {"commit": commit, "dirty": False}
    (checkout / "probe" / "manifest.py").write_text("changed = True\n")
    assert make_manifest(IDENTITY)["git"] == {"commit": commit, "dirty": True}


def test_no_commit_outside_a_checkout(checkout: Path) -> None:
    (checkout / ".git").rename(checkout / "no-git")
    assert make_manifest(IDENTITY)["git"] is None


def test_the_command_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/bin/probe", "grade", "--out", "a b"])
    assert make_manifest(IDENTITY)["argv"] == ["probe", "grade", "--out", "a b"]


@pytest.mark.parametrize("name", KEY_VARIABLES)
def test_the_key_of_a_server_is_not_kept(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "not-to-be-kept")
    assert "not-to-be-kept" not in json.dumps(make_manifest(IDENTITY))


def test_python_packages_and_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = make_manifest(IDENTITY)
    machine = found["machine"]
    assert machine["python"] == ".".join(map(str, sys.version_info[:3]))
    assert machine["implementation"].lower() == sys.implementation.name
    assert (machine["system"], machine["architecture"]) == (platform.system(), os.uname().machine)
    assert machine["cpus"] == os.cpu_count()
    assert machine["threads"] == "3"
    installed = {one.metadata["Name"].lower().replace("_", "-") for one in metadata.distributions()}
    assert {"numpy", "hypothesis", "execution-probe"} <= found["packages"].keys() <= installed
    for name, version in found["packages"].items():
        assert version == metadata.version(name)
    age = datetime.now(UTC) - datetime.fromisoformat(found["created"])
    assert timedelta(0) <= age < timedelta(minutes=1)


def test_threads_of_torch_where_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(before + 1)
        assert make_manifest(IDENTITY)["machine"]["torch_threads"] == before + 1
    finally:
        torch.set_num_threads(before)
    monkeypatch.delitem(sys.modules, "torch")
    assert "torch_threads" not in make_manifest(IDENTITY)["machine"]
    assert "torch" not in sys.modules


def test_the_identity_is_hashed_and_decides_whose_the_folder_is(tmp_path: Path) -> None:
    found = make_manifest(IDENTITY)
    assert found["identity"] == IDENTITY
    assert found["identity_sha256"] == identity_sha256(IDENTITY)
    assert identity_sha256({"config": {"seed": 7}, "verb": "test"}) == identity_sha256(IDENTITY)
    assert identity_sha256({"verb": "test", "config": {"seed": 8}}) != identity_sha256(IDENTITY)
    with RunWriter(tmp_path / "run", IDENTITY):
        pass
    stored = json.loads((tmp_path / "run" / MANIFEST).read_text("utf-8"))
    assert stored.keys() == found.keys()


@pytest.fixture(scope="module")
def run(tiny_traces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("manifest") / "run"
    config = ExecutionConfig(traces=tiny_traces, seed=5, limit=3, out=out)
    evaluate_execution(config, lambda: FakeGenerator(lambda _: " True\n"))
    return out


def test_a_run_names_its_options_and_hashes(run: Path, tiny_traces: Path) -> None:
    identity: dict[str, Any] = json.loads((run / MANIFEST).read_text("utf-8"))["identity"]
    assert identity["verb"] == "evaluate execution"
    assert identity["config"] | {"seed": 5, "limit": 3} == identity["config"]
    assert identity["inputs"]["traces"]["sha256"] == sha256_file(tiny_traces)
    source = identity["inputs"]["traces"]["header"]["source"]
    assert (source["name"], len(source["content_sha256"])) == ("basics", 64)
    assert identity["prompts"] == {EXECUTION_V1.name: EXECUTION_V1.sha256}
    assert identity["model"] == FakeGenerator(str).identity


def test_what_making_it_took_stands_beside(run: Path) -> None:
    cost = json.loads((run / COST).read_text("utf-8"))
    assert cost["wall_seconds"] > 0
    assert "energy" in json.dumps(cost)
