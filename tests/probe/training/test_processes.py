"""Several processes take the same steps as one; mixed precision is a choice."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from generators import jsonl
from generators.errors import UsageError
from probe.training.dataset import encode
from probe.training.finetune import finetune
from probe.training.launched import is_main_process, started_alone_by_mistake, world_size
from probe.training.packing import pack
from probe.training.processes import Processes, start_processes

ALONE = {"WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "ACCELERATE_USE_CPU"}


class FakeAccelerator:
    """Stands for one process of several."""

    mixed_precision = "no"
    scaler = None
    device = torch.device("cpu")

    def __init__(self, index: int, count: int) -> None:
        self.process_index, self.num_processes = index, count


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_are_a_partition_of_the_rows(tiny: ModuleType, count: int) -> None:
    items = encode(tiny.make_examples(6, 4), tiny.make_loaded(), max_length=128, name="t").items
    rows = pack(items, 1000, at_least=count)
    shares = [Processes(FakeAccelerator(i, count)).share(rows) for i in range(count)]
    assert sorted(id(row) for share in shares for row in share) == sorted(map(id, rows))
    tokens = [sum(len(row.tokens) for row in share) for share in shares]
    if count < 7:
        assert min(tokens) > 0
    assert sum(len(row.labels) for row in rows) == sum(len(item.target) for item in items)


def test_single_process_leaves_accelerate_alone() -> None:
    processes = start_processes("no", "cpu")
    assert (processes.count, processes.index, processes.device) == (1, 0, None)
    assert processes.is_main
    assert not processes.mixed
    assert processes.scaler is None


def test_launcher_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ALONE:
        monkeypatch.delenv(name, raising=False)
    assert (world_size(), is_main_process(), started_alone_by_mistake()) == (1, True, False)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    assert started_alone_by_mistake()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert (world_size(), is_main_process(), started_alone_by_mistake()) == (2, False, False)


# Mixed precision


@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_bf16_follows_the_curve_of_float32(
    tiny: ModuleType, tmp_path: Path, architecture: str
) -> None:
    losses = []
    for precision in ("no", "bf16", "no"):
        out = tmp_path / f"{precision}{len(losses)}"
        result = finetune(
            tiny.make_settings(out, mixed_precision=precision, learning_rate=1e-3),
            tiny.make_examples(6, 4),
            tiny.make_examples(2, 3, first=50),
            load=lambda: tiny.make_loaded(architecture),
        )
        losses.append([loss for _, loss in result.validation_losses])
    assert losses[0] == losses[2]
    assert losses[1] != losses[0]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_fp16_wants_a_gpu(tiny: ModuleType, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    settings = tiny.make_settings(tmp_path, mixed_precision="fp16", device="cpu")
    with pytest.raises(UsageError, match="mixed precision fp16: "):
        finetune(settings, tiny.make_examples(2, 2), [], load=tiny.make_loaded)


# Real processes


def two_ranks(
    probe: Any, script: Path, *arguments: object
) -> list[subprocess.CompletedProcess[str]]:
    """Run a script as two processes that find one another, as a launcher would start them."""
    clean = {name: value for name, value in os.environ.items() if name not in ALONE}
    with socket.create_server(("127.0.0.1", 0)) as free:
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    env = clean | meeting | {"WORLD_SIZE": "2", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    ranks = [
        probe.start(
            *arguments, script=script, env=env | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        )
        for rank in range(2)
    ]
    ends = [rank.communicate() for rank in ranks]
    return [
        subprocess.CompletedProcess(list(arguments), rank.returncode, *end)
        for rank, end in zip(ranks, ends, strict=True)
    ]


def train_rows(out: Path) -> list[dict[str, Any]]:
    return [row for _, row in jsonl.read_rows(out / "log.jsonl") if row.get("event") == "train"]


@pytest.mark.slow
def test_two_processes_follow_the_curve_of_one(
    tiny: ModuleType, probe: Any, tmp_path: Path
) -> None:
    script = Path(tiny.__file__ or "")
    tiny.run(tmp_path / "one", dropout=0, device="cpu")
    ranks = two_ranks(probe, script, tmp_path / "two", "--dropout", 0)
    assert [rank.returncode for rank in ranks] == [0, 0], [rank.stderr for rank in ranks]
    one, two = train_rows(tmp_path / "one"), train_rows(tmp_path / "two")
    assert len(one) == len(two) == 9
    for a, b in zip(one, two, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-4), a["step"]
        assert b["grad_norm"] == pytest.approx(a["grad_norm"], rel=1e-3), a["step"]
        assert (a["items"], a["tokens"]) == (b["items"], b["tokens"])
    header = json.loads((tmp_path / "two" / "log.jsonl").read_text().splitlines()[0])
    assert header["run"]["processes"] == 2
    assert not (tmp_path / "two" / "checkpoint").exists()


@pytest.mark.slow
def test_two_killed_processes_continue(tiny: ModuleType, probe: Any, tmp_path: Path) -> None:
    script = Path(tiny.__file__ or "")
    whole = two_ranks(probe, script, tmp_path / "whole")
    assert [rank.returncode for rank in whole] == [0, 0], [rank.stderr for rank in whole]
    cut = two_ranks(probe, script, tmp_path / "cut", "--kill-after", 5)
    assert -signal.SIGKILL in [rank.returncode for rank in cut]
    assert len(train_rows(tmp_path / "cut")) in (4, 5)
    resumed = two_ranks(probe, script, tmp_path / "cut")
    assert [rank.returncode for rank in resumed] == [0, 0], [rank.stderr for rank in resumed]
    losses = [[row["loss"] for row in train_rows(tmp_path / run)] for run in ("whole", "cut")]
    assert losses[0] == losses[1]
    assert resumed[0].stdout == whole[0].stdout != ""
