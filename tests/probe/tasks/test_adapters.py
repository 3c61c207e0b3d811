"""Several adapters of one model: loaded once, each with a run of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.errors import UsageError
from probe.config import ExecutionConfig, ModelOptions
from probe.models import load
from probe.runs import SAMPLES, read_run
from probe.tasks.adapters import BASE, evaluate_adapters
from probe.tasks.execution import evaluate_execution
from probe.verify import verify


@pytest.fixture(scope="module")
def folder(make_model_folder: Callable[..., Path]) -> Path:
    """A tiny Llama with room for whole prompts."""
    return make_model_folder("llama", max_position_embeddings=4096)


@pytest.fixture(scope="module")
def adapters(
    make_adapter: Callable[..., Path], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Two adapters in folders of their own names."""
    target = tmp_path_factory.mktemp("tuned")
    made = [make_adapter(folder, seed=seed) for seed in (1, 2)]
    return [path.rename(target / name) for path, name in zip(made, ("one", "two"), strict=True)]


@pytest.fixture
def config(folder: Path, tiny_traces: Path, tmp_path: Path) -> ExecutionConfig:
    return ExecutionConfig(
        traces=tiny_traces,
        out=tmp_path / "runs",
        model=ModelOptions(model=str(folder), device="cpu"),
        shots=0,
        limit=6,
        max_new_tokens=5,
        batch_invariance_items=2,
    )


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the models that were read from disk."""
    read: Any = load._read
    seen: list[str] = []

    def counted(found: Any, dtype: Any) -> Any:
        seen.append(found.name)
        return read(found, dtype)

    monkeypatch.setattr(load, "_read", counted)
    return seen


def completions(out: Path) -> list[str]:
    return [row["completion"] for row in read_run(out).samples]


def test_one_load_gives_what_single_runs_give(
    config: ExecutionConfig, adapters: list[Path], loads: list[str]
) -> None:
    names = [str(adapters[0]), BASE, str(adapters[1])]
    found = evaluate_adapters(evaluate_execution, config, names)
    assert len(loads) == 1
    assert [out.name for out in found] == ["one", "base", "two"]
    said = [completions(out) for out in found]
    assert len({tuple(texts) for texts in said}) == 3  # the adapters do something
    for out, name in zip(found, names, strict=True):
        alone = replace(config, out=config.out.with_name(f"single-{out.name}"))
        evaluate_adapters(evaluate_execution, alone, [name])
        assert (alone.out / SAMPLES).read_bytes() == (out / SAMPLES).read_bytes()
        assert all(part.ok for part in verify(out))
    assert len(loads) == 4


def test_through_the_command_line(
    probe: Any, config: ExecutionConfig, adapters: list[Path]
) -> None:
    ended = probe(
        "evaluate", "execution", "--traces", config.traces, "--out", config.out,
        "--model", config.model.model, "--device", "cpu", "--shots", "0", "--limit", "6",
        "--max-new-tokens", "5", "--json", "--quiet", "--token-budget", "600",
        "--adapter", "base", "--adapter", adapters[0],
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert list(found["runs"]) == ["base", "one"]
    assert found["runs"]["one"]["batch_invariance"]["n_items"] == 6


def test_two_of_one_name_are_refused(config: ExecutionConfig, adapters: list[Path]) -> None:
    with pytest.raises(UsageError, match="two adapters are called 'one'"):
        evaluate_adapters(evaluate_execution, config, [str(adapters[0]), str(adapters[0])])
    assert not config.out.exists()
