"""``probe finetune`` as a user runs it: killed anywhere and repeated, and in two processes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from probe.verify import verify

pytestmark = pytest.mark.slow

STEPS = 24
LAUNCH = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
LAUNCH += ["--num_machines", "1", "--mixed_precision", "no", "--main_process_port", "0"]


@pytest.fixture(scope="module")
def options(make_model_folder: Callable[..., Path], tiny_traces: Path) -> list[str]:
    """What all runs of this file share."""
    folder = make_model_folder("llama", max_position_embeddings=4096)
    chosen = {
        "--model": folder,
        "--traces": tiny_traces,
        "--device": "cpu",
        "--max-steps": STEPS,
        "--epochs": 99,
        "--items-per-step": 4,
        "--save-every": 2,
        "--eval-every": 6,
        "--learning-rate": 0.001,
        "--schedule": "linear",
        "--max-length": 4096,
    }
    return [str(part) for pair in chosen.items() for part in pair]


def finish(process: Any) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return str(out)


def train_rows(out: Path) -> list[dict[str, Any]]:
    return [row for _, row in jsonl.read_rows(out / "log.jsonl") if row.get("event") == "train"]


@pytest.fixture(scope="module")
def undisturbed(probe: Any, options: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    printed = finish(probe.start("finetune", *options, "--out", out))
    assert f"{STEPS} steps" in printed
    return out


def adapter(out: Path) -> bytes:
    return (out / "adapter" / "adapter_model.safetensors").read_bytes()


def wait_for_step(process: Any, out: Path, step: int) -> None:
    """Wait until the log has a step, or the run is over."""
    log = out / "log.jsonl"
    while process.poll() is None:
        if log.exists() and log.read_text().count('"train"') >= step:
            return
        time.sleep(0.01)


def test_killed_anywhere_it_ends_with_the_same_bytes(
    probe: Any, options: list[str], undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    rng = random.Random(5)
    for step in sorted(rng.sample(range(1, STEPS), 3)):
        process = probe.start("finetune", *options, "--out", out)
        wait_for_step(process, out, step)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    finish(probe.start("finetune", *options, "--out", out))
    assert adapter(out) == adapter(undisturbed)
    for name in ("loss", "grad_norm", "learning_rate", "items", "tokens"):
        ours, theirs = ([row[name] for row in train_rows(run)] for run in (out, undisturbed))
        assert ours == theirs
    assert all(part.ok for part in verify(out))


def launch(*arguments: str) -> subprocess.Popen[str]:
    """Start training in two processes."""
    env = {k: v for k, v in os.environ.items() if k not in {"RANK", "WORLD_SIZE", "LOCAL_RANK"}}
    return subprocess.Popen(
        [sys.executable, *LAUNCH, "-m", "probe", "finetune", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env | {"CUDA_VISIBLE_DEVICES": ""},
    )


def test_two_processes_follow_one(options: list[str], undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    printed = finish(launch(*options, "--out", str(out)))
    assert printed.count("adapter:") == 1  # one of the two prints
    one, two = train_rows(undisturbed), train_rows(out)
    assert [row["items"] for row in two] == [row["items"] for row in one]
    assert [row["loss"] for row in two] == pytest.approx([r["loss"] for r in one], rel=1e-3)
    assert all(part.ok for part in verify(out))


def test_a_finished_run_is_not_repeated(probe: Any, options: list[str], undisturbed: Path) -> None:
    before = {path: path.read_bytes() for path in undisturbed.rglob("*") if path.is_file()}
    finish(probe.start("finetune", *options, "--out", undisturbed))
    assert {p: p.read_bytes() for p in undisturbed.rglob("*") if p.is_file()} == before


def test_other_settings_are_refused(
    probe: Any, options: list[str], undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(undisturbed, out)
    process = probe.start("finetune", *options, "--out", out, "--weight-decay", "0.1")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert "weight_decay" in err.strip().splitlines()[-1]
