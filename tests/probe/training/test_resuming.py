"""Training runs that were killed, interrupted or are another: the same bytes, or a refusal."""

from __future__ import annotations

import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from generators import jsonl
from generators.errors import DataError, RunError
from probe.training.finetune import finetune


def rows(out: Path, event: str) -> list[dict[str, Any]]:
    return [row for _, row in jsonl.read_rows(out / "log.jsonl") if row.get("event") == event]


@pytest.mark.slow
def test_killed_run_ends_with_the_same_bytes(tiny: ModuleType, probe: Any, tmp_path: Path) -> None:
    script = Path(tiny.__file__ or "")
    undisturbed = probe(tmp_path / "a", script=script)
    assert undisturbed.returncode == 0, undisturbed.stderr
    for step in (2, 5, 4):  # before any checkpoint, then after the one of step 3, then of step 6
        cut = probe(tmp_path / "b", "--kill-after", step, script=script)
        assert cut.returncode == -signal.SIGKILL
    assert (tmp_path / "b" / "checkpoint" / "state.pt").exists()
    assert not (tmp_path / "b" / "adapter").exists()
    resumed = probe(tmp_path / "b", script=script)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == undisturbed.stdout != ""
    logs = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in rows(tmp_path / run, event)]
        for run in ("a", "b")
        for event in ("train", "validation", "done")
    ]
    assert logs[:3] == logs[3:]
    assert not (tmp_path / "b" / "checkpoint").exists()


class FakeInterrupt(Exception):
    """Stands for Ctrl-C after some steps."""


@pytest.mark.parametrize("steps", [1, 3, 4, 6, 8, 9])
def test_interrupted_run_continues(tiny: ModuleType, tmp_path: Path, steps: int) -> None:
    class FakeStop(tiny.FakeProgress):  # type: ignore[name-defined, misc]
        def advance(self, n: int = 1) -> None:
            super().advance(n)
            if sum(self.done) - self.done[0] >= steps:
                raise FakeInterrupt

    whole = tiny.run(tmp_path / "whole", early_stopping_patience=9)
    with pytest.raises(FakeInterrupt):
        tiny.run(tmp_path / "cut", early_stopping_patience=9, progress=FakeStop())
    result = tiny.run(tmp_path / "cut", early_stopping_patience=9)
    assert result.adapter_sha256 == whole.adapter_sha256
    assert result.validation_losses == whole.validation_losses
    assert result.steps == whole.steps


@pytest.mark.parametrize(("save_every", "full"), [(3, "checkpoint"), (99, "adapter")])
def test_a_full_disk_loses_nothing(
    tiny: ModuleType, file_limit: Any, tmp_path: Path, save_every: int, full: str
) -> None:
    whole = tiny.run(tmp_path / "whole", save_every=save_every)
    size = (tmp_path / "whole" / "adapter" / "adapter_model.safetensors").stat().st_size
    with file_limit(size - 1), pytest.raises(DataError, match=f"cannot write .*{full}"):
        tiny.run(tmp_path / "cut", save_every=save_every)
    assert not (tmp_path / "cut" / "adapter").exists()
    result = tiny.run(tmp_path / "cut", save_every=save_every)
    assert result.adapter_sha256 == whole.adapter_sha256
    assert result.validation_losses == whole.validation_losses


def test_finished_run_is_not_repeated(tiny: ModuleType, tmp_path: Path) -> None:
    first = tiny.run(tmp_path)
    progress = tiny.FakeProgress()
    assert tiny.run(tmp_path, progress=progress) == first
    assert progress.labels == []
    (tmp_path / "adapter" / "adapter_model.safetensors").write_bytes(b"changed")
    with pytest.raises(RunError, match="is not what it saved"):
        tiny.run(tmp_path)


def test_other_run_in_the_folder_is_refused(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.run(tmp_path)
    with pytest.raises(RunError, match=r"differs in learning_rate, seed\)"):
        tiny.run(tmp_path, seed=3, learning_rate=1e-3)
    with pytest.raises(RunError, match=r"differs in train_sha256\)"):
        finetune(
            tiny.make_settings(tmp_path),
            tiny.make_examples(6, 5),
            tiny.make_examples(2, 3, first=50),
            load=tiny.make_loaded,
        )
