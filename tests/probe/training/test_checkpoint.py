"""The log and the checkpoint of a run on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from generators.errors import DataError, FormatError, RunError
from probe.training.checkpoint import (
    RunLog,
    load_checkpoint,
    remove_checkpoint,
    save_checkpoint,
)
from probe.training.results import LOG_SCHEMA

RUN = {"seed": 0, "rank": 16, "train_sha256": "aa"}


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    """A log of four steps with two measurements."""
    log = RunLog(tmp_path, RUN)
    log.append("validation", step=0, loss=3.0)
    for step in range(1, 5):
        log.append("train", step=step, loss=3.0 - step / 10)
    log.append("validation", step=4, loss=2.0)
    return log


def test_log_reads_back(log: RunLog, tmp_path: Path) -> None:
    again = RunLog(tmp_path, RUN)
    for event in ("train", "validation", "done"):
        assert again.rows(event) == log.rows(event)
    assert [row["step"] for row in again.rows("train")] == [1, 2, 3, 4]
    lines = log.path.read_text().splitlines()
    assert json.loads(lines[0]) == {"schema": LOG_SCHEMA, "version": 1, "run": RUN}
    assert len(lines) == 7


def test_cut_drops_what_came_after(log: RunLog, tmp_path: Path) -> None:
    log.cut(2)
    assert [row["step"] for row in log.rows("train")] == [1, 2]
    assert [row["step"] for row in log.rows("validation")] == [0]
    assert RunLog(tmp_path, RUN).rows("train") == log.rows("train")
    log.cut(-1)
    assert log.path.read_text().count("\n") == 1


def test_torn_line_is_cut_off(log: RunLog, tmp_path: Path) -> None:
    with log.path.open("a") as stream:
        stream.write('{"event": "train", "st')
    assert RunLog(tmp_path, RUN).rows("train") == log.rows("train")


def test_other_run_is_named_by_what_differs(log: RunLog, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"another fine-tuning run \(it differs in rank, seed\)"):
        RunLog(tmp_path, RUN | {"seed": 1, "rank": 8})


def test_foreign_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"schema": "other", "version": 1}\n')
    with pytest.raises(FormatError, match=LOG_SCHEMA):
        RunLog(tmp_path, RUN)


def test_checkpoint_reads_back(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path, "cpu") is None
    save_checkpoint(tmp_path, {"step": 1, "parameters": {"a": torch.zeros(2)}, "best": None})
    save_checkpoint(tmp_path, {"step": 2, "parameters": {"a": torch.ones(2)}, "best": None})
    state = load_checkpoint(tmp_path, "cpu")
    assert state is not None
    assert state["step"] == 2
    assert state["parameters"]["a"].tolist() == [1, 1]
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["state.pt"]
    remove_checkpoint(tmp_path)
    assert list(tmp_path.iterdir()) == []
    remove_checkpoint(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"cos\nsystem\n(S'true'\ntR."])
def test_broken_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    save_checkpoint(tmp_path, {"step": 1})
    (tmp_path / "checkpoint" / "state.pt").write_bytes(content)
    with pytest.raises(RunError, match="to begin again"):
        load_checkpoint(tmp_path, "cpu")


def test_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot write"):
        save_checkpoint(tmp_path, {"step": 1})
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        RunLog(tmp_path / "file", RUN)


def test_full_disk_while_appending_is_one_line(log: RunLog) -> None:
    log.path = Path("/dev/full")
    with pytest.raises(DataError, match="No space left"):
        log.append("train", step=5)


@pytest.mark.parametrize("place", [0, 31, 32, 200, -1])
def test_an_altered_checkpoint_is_refused(tmp_path: Path, place: int) -> None:
    """Torch itself takes other bytes of a tensor for its numbers."""
    save_checkpoint(tmp_path, {"step": 1, "parameters": {"a": torch.ones(500)}})
    path = tmp_path / "checkpoint" / "state.pt"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match="to begin again"):
        load_checkpoint(tmp_path, "cpu")


@pytest.mark.parametrize(
    "line",
    ['{"event": "train"}', '{"step": 1}', '{"event": 1, "step": 1}', '{"event": "x", "step": "1"}'],
)
def test_a_log_row_without_event_or_step_is_refused(log: RunLog, tmp_path: Path, line: str) -> None:
    with log.path.open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(FormatError, match=r"log\.jsonl:8: a row without event and step"):
        RunLog(tmp_path, RUN)


def test_a_log_that_does_not_say_of_what_is_refused(tmp_path: Path) -> None:
    head = {"schema": LOG_SCHEMA, "version": 1, "run": [1]}
    (tmp_path / "log.jsonl").write_text(json.dumps(head) + "\n")
    with pytest.raises(FormatError, match="which run"):
        RunLog(tmp_path, RUN)
