"""The whole job on a real model, small, through the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

pytestmark = pytest.mark.slow

COMMAND = ["quickstart", "--steps", "2", "--items", "8", "--out"]


@pytest.fixture(scope="module")
def env(model_cache: Path) -> dict[str, str]:
    return os.environ | {"PROBE_CACHE_DIR": str(model_cache)}


@pytest.fixture(scope="module")
def done(
    probe: Any, env: dict[str, str], tmp_path_factory: pytest.TempPathFactory, testrun_uid: str
) -> Path:
    """A finished quickstart, one for all workers: two steps of training, eight items."""
    shared = tmp_path_factory.getbasetemp().parent / f"quick-{testrun_uid}"
    out = shared / "out"
    shared.mkdir(exist_ok=True)
    with FileLock(shared / "lock"):
        if not (shared / "ready").exists():
            first = probe(*COMMAND, out, env=env)
            assert first.returncode == 0, first.stderr
            assert first.stdout.splitlines()[-1] == f"report: {out / 'report' / 'index.html'}"
            assert "%" in first.stdout
            assert "evaluating" in first.stderr
            (shared / "ready").touch()
    return out


def test_its_report_verifies(probe: Any, done: Path, env: dict[str, str]) -> None:
    found = probe("verify", done / "report", "--json", env=env)
    assert found.returncode == 0, found.stdout
    document = json.loads(found.stdout)
    assert document["ok"]
    assert len(document["parts"]) == 5  # four runs and the report


# PEFT reads an attribute that transformers has renamed: https://github.com/huggingface/peft
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_the_adapter_loads_with_plain_peft(
    done: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft import PeftModel

    from probe.models.load import load_model

    monkeypatch.setenv("PROBE_CACHE_DIR", str(model_cache))
    base = load_model("smollm2-135m", device="cpu").model
    tuned = PeftModel.from_pretrained(base, str(done / "finetune" / "adapter"))
    lora = [name for name, _ in tuned.named_parameters() if "lora_B" in name]
    assert len(lora) == 30 * 7  # every linear layer of every block
    assert any(bool(tuned.get_parameter(name).any()) for name in lora)


def test_before_and_after_are_asked_the_same_items(done: Path) -> None:
    keys = {}
    for name in ("few-shot", "zero-shot", "tuned"):
        lines = (done / name / "samples.jsonl").read_text().splitlines()[1:]
        keys[name] = [json.loads(line)["key"] for line in lines]
    assert len(keys["tuned"]) == 8
    assert keys["tuned"] == keys["zero-shot"] == keys["few-shot"]


def test_the_same_command_again_changes_nothing(
    probe: Any, done: Path, env: dict[str, str]
) -> None:
    def content() -> dict[str, bytes]:
        return {
            str(path.relative_to(done)): path.read_bytes()
            for path in sorted(done.rglob("*"))
            if path.is_file() and path.suffix != ".lock" and path.name != ".lock"
        }

    before = content()
    again = probe(*COMMAND, done, "--quiet", env=env)
    assert again.returncode == 0, again.stderr
    assert content() == before
