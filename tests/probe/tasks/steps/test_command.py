"""``probe evaluate steps`` and ``--scratchpad`` as a user meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probe.verify import verify


@pytest.fixture(scope="module")
def folder(make_model_folder: Callable[..., Path]) -> Path:
    """A tiny Llama with room for whole prompts."""
    return make_model_folder("llama", max_position_embeddings=4096)


def test_steps_are_asked_and_verified(
    probe: Any, folder: Path, recorded_traces: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    options = ["--traces", recorded_traces, "--model", folder, "--device", "cpu", "--out", out]
    options += ["--kind", "branch", "--kind", "raising", "--limit", "4", "--shots", "1"]
    done = probe("evaluate", "steps", *options, "--max-new-tokens", "5", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {kind: one["n_items"] for kind, one in found["kinds"].items()} == {
        "branch": 4,
        "raising": 4,
    }
    assert all(part.ok for part in verify(out))
    again = probe("evaluate", "steps", *options, "--max-new-tokens", "5")
    assert again.returncode == 0, again.stderr
    assert "branch" in again.stdout
    other = probe("evaluate", "steps", *options, "--max-new-tokens", "6")
    assert other.returncode == 2
    assert "holds another run" in other.stderr


def test_bad_input_is_one_line(
    probe: Any, recorded_traces: Path, tiny_traces: Path, tmp_path: Path
) -> None:
    out = ["--out", tmp_path / "run", "--quiet"]
    for arguments, says in (
        (["evaluate", "steps", "--traces", tiny_traces], "--trace-lines"),
        (["evaluate", "steps", "--traces", recorded_traces, "--kind", "lines"], "next_line"),
        (["evaluate", "execution", "--scratchpad", "--traces", tiny_traces], "--trace-lines"),
        (
            ["evaluate", "execution", "--scratchpad", "--grid", "--traces", recorded_traces],
            "--scratchpad do not go with the grid",
        ),
        (
            ["finetune", "--scratchpad", "--content", "tests", "--traces", recorded_traces],
            "--scratchpad shows the program alone",
        ),
    ):
        done = probe(*arguments, *out)
        assert done.returncode == 2, done.stderr
        assert says in done.stderr.strip().splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_scratchpad_is_written_by_a_model(
    probe: Any, folder: Path, recorded_traces: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    options = ["--traces", recorded_traces, "--model", folder, "--device", "cpu", "--out", out]
    options += ["--limit", "3", "--shots", "0", "--max-new-tokens", "20", "--json", "--quiet"]
    done = probe("evaluate", "execution", "--scratchpad", *options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scratchpad"]["leading_right"]["n"] == 3
    assert all(part.ok for part in verify(out))
