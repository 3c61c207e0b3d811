"""The command line as a user meets it: help, exit codes, one line for each kind of bad input.

Long, since every command and every kind of bad input goes through the same program.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = [sys.executable, "-c", "from probe.cli import main; main()"]
COMMANDS = [
    ["make-traces"],
    ["finetune"],
    ["make-variants"],
    ["evaluate", "execution"],
    ["evaluate", "steps"],
    ["evaluate", "counterfactual"],
    ["evaluate", "representation"],
    ["evaluate", "synthesis"],
    ["evaluate", "mathqa"],
    ["evaluate", "dialog"],
    ["grade"],
    ["report"],
    ["front"],
    ["bundle"],
    ["dialog", "serve"],
    ["verify"],
    ["analyse"],
    ["overlap"],
    ["replay"],
    ["compare"],
    ["quickstart"],
    ["data", "list"],
    ["data", "show"],
    ["data", "fetch"],
    ["models", "list"],
    ["models", "fetch"],
    ["doctor"],
]


@pytest.fixture(scope="session")
def assert_refused(probe: Any) -> Callable[..., None]:
    """The command ends with exit code 2 and one line that says this."""

    def check(*arguments: str | Path, says: str) -> None:
        done = probe(*arguments)
        assert done.returncode == 2, (done.returncode, done.stderr)
        assert done.stdout == ""
        lines = done.stderr.strip().splitlines()
        assert "Traceback" not in done.stderr
        assert says in lines[-1], lines
        assert lines[-1].startswith("probe: ")

    return check


@pytest.fixture(scope="module")
def traces(probe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("traces") / "test.jsonl"
    done = probe(
        "make-traces", "--source", "basics", "--split", "test", "--inputs", "0", "--limit", "5",
        "--out", path, "--quiet",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_every_command_has_help_and_quiet(probe: Any, command: list[str]) -> None:
    done = probe(*command, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout
    if command:
        assert "--quiet" in done.stdout
        assert "--json" in done.stdout


@pytest.mark.parametrize("command", [(), ("evaluate",), ("dialog",), ("data",)])
def test_without_arguments_help_is_shown_line_by_line(probe: Any, command: tuple[str, ...]) -> None:
    done = probe(*command)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Usage: {' '.join(('probe', *command))} ")
    assert done.stderr.count("\n") > 6


def test_version(probe: Any) -> None:
    assert re.fullmatch(r"probe \d+\.\d+\.\d+\n", probe("--version").stdout)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from probe.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'torch', 'transformers', 'peft', 'numpy', 'sklearn', 'hypothesis'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_traces_of_the_embedded_corpus(traces: Path) -> None:
    rows = [json.loads(line) for line in traces.read_text().splitlines()[1:]]
    assert {row["origin"] for row in rows} == {"assert"}
    assert all(
        {"task_id", "entry_point", "call", "output", "output_type"} <= set(row) for row in rows
    )


def test_the_same_command_again_does_nothing(probe: Any, traces: Path) -> None:
    before = traces.read_bytes()
    done = probe(
        "make-traces", "--source", "basics", "--split", "test", "--inputs", "0", "--limit", "5",
        "--out", traces, "--json",
    )  # fmt: skip
    assert done.returncode == 0
    assert json.loads(done.stdout)["traces"] == len(before.splitlines()) - 1
    assert traces.read_bytes() == before


def test_another_trace_file_is_not_overwritten(
    assert_refused: Callable[..., None], traces: Path
) -> None:
    before = traces.read_bytes()
    assert_refused(
        "make-traces",
        "--source",
        "basics",
        "--limit",
        "5",
        "--split",
        "test",
        "--inputs",
        "0",
        "--seed",
        "1",
        "--out",
        traces,
        says="seed: 0 -> 1",
    )
    assert traces.read_bytes() == before


def test_what_is_here(probe: Any, data_dir: Path, tmp_path: Path) -> None:
    listed = json.loads(probe("data", "list", "--data-dir", data_dir, "--json").stdout)
    supplies = {row["name"]: row["supply"] for row in listed["sources"]}
    assert supplies == {
        "basics": "embedded", "mbpp": "folder", "mbpp-sanitized": "folder",
        "mathqa-python": "folder",
    }  # fmt: skip
    shown = probe("data", "show", "mbpp", "--data-dir", data_dir, "--json")
    assert json.loads(shown.stdout)["splits"] == {
        "prompt": 10, "test": 500, "validation": 90, "train": 374,
    }  # fmt: skip
    env = os.environ | {"PROBE_CACHE_DIR": str(tmp_path)}
    fetched = probe("data", "fetch", "mbpp", "--data-dir", data_dir, "--json", env=env)
    assert Path(json.loads(fetched.stdout)["path"]).is_relative_to(tmp_path)
    env.pop("PROBE_DATA_DIR", None)
    cached = probe("data", "show", "mbpp", "--json", env=env)
    assert json.loads(cached.stdout)["supply"] == "cache"
    models = json.loads(probe("models", "list", "--json", env=env).stdout)["models"]
    assert {row["name"]: row["cached"] for row in models}["smollm2-135m"] == []
    (tmp_path / "models" / "smollm2-135m" / "wheels").mkdir(parents=True)
    assert "broken: wheels" in probe("models", "list", env=env).stdout
    checked = json.loads(probe("doctor", "--json", env=env).stdout)
    assert checked["models"] == {"smollm2-135m": [], "gemma3-270m": [], "qwen2.5-coder-1.5b": []}
    assert checked["sources"]["mbpp"] == "cache"
    assert checked["sandbox"]["backend"] == "bubblewrap"


class TestBadInput:
    """Each is one line, exit code 2, and leaves nothing half-written."""

    def test_unknown_option(self, assert_refused: Callable[..., None]) -> None:
        assert_refused("grade", "--sauce", "mbpp", says="--sauce")

    def test_missing_option(self, assert_refused: Callable[..., None]) -> None:
        assert_refused("grade", "--source", "basics", says="--samples")

    def test_unknown_source(self, assert_refused: Callable[..., None], tmp_path: Path) -> None:
        assert_refused("make-traces", "--source", "basic", "--out", tmp_path / "x", says="basics")
        assert list(tmp_path.iterdir()) == []

    def test_missing_file(self, assert_refused: Callable[..., None], tmp_path: Path) -> None:
        out = tmp_path / "run"
        assert_refused(
            "evaluate", "execution", "--traces", tmp_path / "gone.jsonl", "--out", out,
            says="gone.jsonl: No such file or directory (probe make-traces writes such files)",
        )  # fmt: skip
        assert_refused(
            "grade", "--source", "basics", "--samples", tmp_path / "gone", "--out", out,
            says="gone: No such file",
        )  # fmt: skip
        empty = tmp_path / "empty"
        empty.mkdir()
        assert_refused(
            "evaluate", "execution", "--out", out, says="(see probe evaluate execution --help)"
        )
        assert_refused("verify", tmp_path / "gone", says="there is no ")
        assert_refused("verify", empty, says="no report")
        assert_refused("report", tmp_path / "gone", "--out", out, says="there is no ")
        assert_refused("report", empty, "--out", out, says="no run folder")
        assert not out.exists()

    def test_broken_json_line(
        self, assert_refused: Callable[..., None], tmp_path: Path, traces: Path
    ) -> None:
        broken = tmp_path / "broken.jsonl"
        broken.write_text("\n".join(traces.read_text().splitlines()[:3]) + '\n{"task_id": \n')
        out = tmp_path / "run"
        for verb in (["evaluate", "execution"], ["finetune"]):
            assert_refused(
                *verb, "--traces", broken, "--out", out, says="broken.jsonl:4: broken JSON"
            )
        assert_refused(
            "grade", "--source", "basics", "--samples", broken, "--out", out,
            says="broken.jsonl:2: a sample needs",
        )  # fmt: skip
        assert not out.exists()

    def test_wrong_kind_of_file(self, assert_refused: Callable[..., None], tmp_path: Path) -> None:
        file = tmp_path / "x.jsonl"
        file.write_text('{"schema": "probe.sample", "version": 1}\n')
        assert_refused("finetune", "--traces", file, "--out", tmp_path / "r", says="probe.trace")

    def test_unknown_task_id(self, assert_refused: Callable[..., None], tmp_path: Path) -> None:
        samples = tmp_path / "s.jsonl"
        samples.write_text('{"task_id": 99999, "completion": "pass"}\n')
        assert_refused(
            "grade", "--source", "basics", "--samples", samples, "--out", tmp_path / "run",
            says="s.jsonl:1: basics has no task 99999",
        )  # fmt: skip
        assert not (tmp_path / "run").exists()

    def test_wrong_checksum(
        self, probe: Any, assert_refused: Callable[..., None], tmp_path: Path
    ) -> None:
        folder = tmp_path / "mbpp"
        folder.mkdir()
        row = {
            "task_id": 1, "text": "t", "code": "def f():\n    return 1",
            "test_list": ["assert f() == 1"], "test_setup_code": "", "challenge_test_list": [],
        }  # fmt: skip
        (folder / "mbpp.jsonl").write_text(json.dumps(row) + "\n")
        command = [
            "make-traces", "--source", "mbpp", "--data-dir", tmp_path, "--inputs", "0",
            "--out", tmp_path / "x.jsonl",
        ]  # fmt: skip
        assert_refused(*command, says="--accept-unknown-data")
        assert not (tmp_path / "x.jsonl").exists()
        done = probe(*command, "--accept-unknown-data", "--quiet")
        assert done.returncode == 0, done.stderr
        header = json.loads((tmp_path / "x.jsonl").read_text().splitlines()[0])
        assert header["source"]["known"] is False

    def test_unknown_model(
        self, assert_refused: Callable[..., None], tmp_path: Path, traces: Path
    ) -> None:
        out = tmp_path / "run"
        assert_refused(
            "evaluate", "execution", "--traces", traces, "--model", "smolm", "--out", out,
            says="smollm2-135m",
        )  # fmt: skip
        assert not out.exists()

    def test_few_shot_examples_among_the_items(
        self, probe: Any, assert_refused: Callable[..., None], tmp_path: Path
    ) -> None:
        path = tmp_path / "t.jsonl"
        assert probe("make-traces", "--source", "basics", "--split", "prompt", "--inputs", "0",
                     "--out", path, "--quiet").returncode == 0  # fmt: skip
        assert_refused(
            "evaluate", "execution", "--traces", path, "--out", tmp_path / "run",
            says="both a few-shot example and an item",
        )  # fmt: skip

    def test_output_folder_of_another_run(
        self, probe: Any, assert_refused: Callable[..., None], tmp_path: Path
    ) -> None:
        samples = tmp_path / "s.jsonl"
        samples.write_text('{"task_id": 2, "completion": "def f(): pass"}\n')
        command = ["grade", "--source", "basics", "--samples", samples, "--out", tmp_path / "run"]
        assert probe(*command, "--quiet").returncode == 0
        before = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()}
        samples.write_text('{"task_id": 3, "completion": "def f(): pass"}\n')
        assert_refused(*command, says="holds another run (inputs.samples.sha256")
        assert {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()} == before

    def test_full_disk(self, tmp_path: Path) -> None:
        """A file system of one page: the line says so, and nothing is left behind."""
        script = (
            f"mount -t tmpfs -o size=4k none {tmp_path} && cd {tmp_path} && "
            f'"$@" make-traces --source basics --split train --inputs 0 --out x.jsonl --quiet; '
            "code=$?; ls -A; exit $code"
        )
        done = subprocess.run(
            ["unshare", "--map-root-user", "--user", "--mount", "sh", "-c", script, "sh", *PROGRAM],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "unshare" in done.stderr or "mount" in done.stderr:
            pytest.skip("no private mounts on this machine")
        assert done.returncode == 2, done.stderr
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
        assert "x.jsonl\n" not in done.stdout


def test_interrupting_ends_with_130_and_resumes(probe: Any, tmp_path: Path) -> None:
    command = [
        *PROGRAM, "make-traces", "--source", "basics", "--inputs", "8", "--out",
        str(tmp_path / "t.jsonl"),
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        partial = tmp_path / "t.jsonl.partial"
        while not partial.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(2)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "probe: interrupted; repeat the command to go on where it stopped" in said
    assert "Traceback" not in said
    assert not (tmp_path / "t.jsonl").exists()
    assert subprocess.run([*command, "--quiet"], check=False).returncode == 0
    whole = tmp_path / "whole.jsonl"
    assert probe("make-traces", "--source", "basics", "--inputs", "8", "--out", whole,
                 "--quiet").returncode == 0  # fmt: skip
    assert (tmp_path / "t.jsonl").read_bytes() == whole.read_bytes()
