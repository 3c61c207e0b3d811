"""Changed programs through the command line: variants, two runs of a tiny model, bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probe.runs import read_run
from probe.verify import verify


@pytest.fixture(scope="module")
def variants(probe: Any, tiny_traces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("variants") / "variants.jsonl"
    done = probe("make-variants", "--traces", tiny_traces, "--out", path, "--limit", "4")
    assert done.returncode == 0, done.stderr
    assert "for 4 calls of 4 programs" in done.stdout
    assert "changing programs: 4/4" in done.stderr
    return path


def test_the_same_command_again_finds_the_file(
    probe: Any, tiny_traces: Path, variants: Path
) -> None:
    before = variants.read_bytes()
    command = ["make-variants", "--traces", tiny_traces, "--out", variants, "--limit", "4"]
    done = probe(*command, "--json", "--quiet")
    assert json.loads(done.stdout)["variants"] == len(before.splitlines()) - 1
    assert variants.read_bytes() == before
    refused = probe(*command, "--calls", "2")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "holds other variants (plan.calls: 1 -> 2); choose another --out" in refused.stderr


def test_one_run_for_each_adapter(
    probe: Any,
    variants: Path,
    make_model_folder: Callable[..., Path],
    make_adapter: Callable[..., Path],
    tmp_path: Path,
) -> None:
    folder = make_model_folder("llama", max_position_embeddings=4096)
    adapter = make_adapter(folder).rename(tmp_path / "tuned")
    done = probe(
        "evaluate", "counterfactual", "--variants", variants, "--out", tmp_path / "runs",
        "--model", folder, "--device", "cpu", "--shots", "0", "--limit", "2",
        "--max-new-tokens", "5", "--batch-invariance-items", "2", "--json", "--quiet",
        "--adapter", "base", "--adapter", adapter,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["runs"]
    assert list(found) == ["base", "tuned"]
    for name, results in found.items():
        run = read_run(tmp_path / "runs" / name)
        assert results["n_items"] == len(run.samples)
        assert results["original"]["n_items"] == 2
        assert all(part.ok for part in verify(run.path))
    texts = [
        [row["completion"] for row in read_run(tmp_path / "runs" / name).samples] for name in found
    ]
    assert texts[0] != texts[1]


def test_bad_input_is_one_line_and_leaves_nothing(
    probe: Any, tiny_traces: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for command, says in (
        (["make-variants", "--traces", tmp_path / "gone.jsonl"], "gone.jsonl: No such file"),
        (["evaluate", "counterfactual", "--variants", tiny_traces], "file of probe.variant"),
    ):
        done = probe(*command, "--out", out)
        assert done.returncode == 2
        assert says in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert not out.exists()
