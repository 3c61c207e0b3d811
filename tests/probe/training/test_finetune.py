"""Whole runs on tiny models: files, equal bytes, resumption, early stopping, guardrails."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from generators import jsonl
from generators.errors import DataError, ModelError, RunError, UsageError
from probe.training.adapter import compare_logits, trainable
from probe.training.finetune import finetune


def rows(out: Path, event: str) -> list[dict[str, Any]]:
    return [row for _, row in jsonl.read_rows(out / "log.jsonl") if row.get("event") == event]


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gemma3"])
def test_run_learns_and_leaves_its_files(
    tiny: ModuleType, tmp_path: Path, architecture: str
) -> None:
    result = tiny.run(tmp_path / "run", architecture=architecture, max_steps=12)
    losses = dict(result.validation_losses)
    assert list(losses) == [0, 4, 8, 12]
    assert losses[12] < losses[0] - 0.5
    assert result.steps == result.kept_step == 12
    assert result.items == 12 * 7
    assert result.input_tokens > result.tokens > result.items
    assert result.reload_max_difference <= 1e-5
    assert math.isclose(result.final_train_loss, losses[12], rel_tol=1)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["adapter", "log.jsonl", "preview.txt"]
    adapter = tmp_path / "run" / "adapter"
    assert sorted(path.name for path in adapter.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert jsonl.sha256_file(adapter / "adapter_model.safetensors") == result.adapter_sha256
    assert len(rows(tmp_path / "run", "train")) == 12
    assert {"step", "loss", "learning_rate", "tokens", "seconds", "grad_norm"} <= rows(
        tmp_path / "run", "train"
    )[0].keys()


def test_adapter_loads_with_plain_peft(tiny: ModuleType, tmp_path: Path) -> None:
    from peft import PeftModel

    result = tiny.run(tmp_path)
    base = tiny.make_loaded()
    with pytest.warns(FutureWarning, match="is_gradient_checkpointing"):
        tuned = PeftModel.from_pretrained(base.model, str(tmp_path / "adapter")).eval()
    tokens = base.tokenizer("assert f1(2) ==", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        before = tiny.make_model("llama", torch.float32)(tokens).logits
        assert (tuned(tokens).logits - before).abs().max() > 0.1
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (4, 8)
    assert config["base_model_name_or_path"] == "tiny"
    assert set(config["target_modules"]) == {
        *("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    }
    assert result.reload_max_difference == 0


def test_equal_seeds_give_equal_bytes(tiny: ModuleType, tmp_path: Path) -> None:
    torch.manual_seed(5)
    first = tiny.run(tmp_path / "a", dropout=0.1)
    torch.manual_seed(6)
    second = tiny.run(tmp_path / "b", dropout=0.1, save_every=1)
    other = tiny.run(tmp_path / "c", dropout=0.1, seed=1)
    assert first.adapter_sha256 == second.adapter_sha256 != other.adapter_sha256
    assert first.validation_losses == second.validation_losses


def test_rows_do_not_change_what_is_learned(tiny: ModuleType, tmp_path: Path) -> None:
    small = tiny.run(tmp_path / "small", row_tokens=1)
    large = tiny.run(tmp_path / "large", row_tokens=10_000)
    for (step, a), (_, b) in zip(small.validation_losses, large.validation_losses, strict=True):
        assert a == pytest.approx(b, rel=1e-4), step
    assert small.tokens == large.tokens
    assert small.input_tokens > 2 * large.input_tokens


def test_loss_is_the_mean_over_the_tokens_of_the_step(tiny: ModuleType, tmp_path: Path) -> None:
    """A run of one step on all items starts from the loss that validation would measure."""
    train = tiny.make_examples(4, 3)
    settings = tiny.make_settings(tmp_path / "run", max_steps=1, items_per_step=len(train))
    finetune(settings, train, [], load=tiny.make_loaded)
    held_out = tiny.make_settings(tmp_path / "other", max_steps=1)
    other = finetune(held_out, tiny.make_examples(1, 1, first=90), train, load=tiny.make_loaded)
    (step,) = rows(tmp_path / "run", "train")
    assert step["loss"] == pytest.approx(other.validation_losses[0][1], rel=1e-5)
    assert step["items"] == len(train)


def test_model_is_left_as_it_was(tiny: ModuleType, tmp_path: Path) -> None:
    loaded = tiny.make_loaded()
    before = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    finetune(tiny.make_settings(tmp_path), tiny.make_examples(3, 3), [], load=lambda: loaded)
    after = loaded.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_progress_counts_steps_and_names_the_loss(tiny: ModuleType, tmp_path: Path) -> None:
    progress = tiny.FakeProgress()
    result = tiny.run(tmp_path, progress=progress)
    assert progress.done == progress.totals
    training = [label for label in progress.labels if label != "validation"]
    first = result.validation_losses[0][1]
    assert training[0] == f"training, steps 1-4 of 9 (validation loss {first:.3f})"
    assert training[-1].startswith("training, steps 9-9 of 9")
    assert progress.labels.count("validation") == 4


def fail_to_compare(*args: Any) -> float:
    raise ModelError("the reloaded adapter gives other logits")


def test_failed_comparison_leaves_no_adapter(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probe.training.finetune.compare_logits", fail_to_compare)
    with pytest.raises(ModelError, match="other logits"):
        tiny.run(tmp_path)
    assert not (tmp_path / "adapter").exists()
    assert rows(tmp_path, "done") == []
    monkeypatch.undo()
    assert tiny.run(tmp_path).steps == 9


def test_log_behind_its_checkpoint_is_refused(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probe.training.finetune.compare_logits", fail_to_compare)
    with pytest.raises(ModelError):
        tiny.run(tmp_path, save_every=4)
    log = tmp_path / "log.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:3]))
    with pytest.raises(RunError, match="ends before the checkpoint"):
        tiny.run(tmp_path, save_every=4)


def test_early_stopping_keeps_the_best_adapter(tiny: ModuleType, tmp_path: Path) -> None:
    """A learning rate that destroys the model: the adapter of the lowest loss is kept."""
    changes = {"learning_rate": 0.2, "max_steps": 40, "eval_every": 1, "warmup_fraction": 0.0}
    result = tiny.run(tmp_path / "a", early_stopping_patience=3, **changes)
    losses = [loss for _, loss in result.validation_losses]
    best = losses.index(min(losses))
    assert result.kept_step == best
    assert result.steps == best + 3 < 40
    if best:
        again = tiny.run(tmp_path / "b", **(changes | {"max_steps": 40}))
        assert again.kept_step == 40
        assert again.validation_losses[best][1] == losses[best]


def test_early_stopping_needs_validation(tiny: ModuleType, tmp_path: Path) -> None:
    settings = tiny.make_settings(tmp_path, early_stopping_patience=1)
    with pytest.raises(UsageError, match="early stopping needs validation"):
        finetune(settings, tiny.make_examples(1, 1), [], load=tiny.make_loaded)


def test_examples_are_checked_before_the_model_is_loaded(tiny: ModuleType, tmp_path: Path) -> None:
    def load() -> Any:
        raise AssertionError("loaded")

    settings, examples = tiny.make_settings(tmp_path), tiny.make_examples(2, 2)
    with pytest.raises(DataError, match="share 2 programs"):
        finetune(settings, examples, examples, load=load)
    with pytest.raises(DataError, match="no training examples"):
        finetune(settings, [], examples, load=load)
    with pytest.raises(UsageError, match="rank is 0"):
        finetune(tiny.make_settings(tmp_path, rank=0), examples, [], load=load)
    assert list(tmp_path.iterdir()) == []


def test_targets_that_match_nothing_are_named(tiny: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no LoRA on targets 'nothing'"):
        tiny.run(tmp_path, targets="nothing")


def test_targets_choose_layers(tiny: ModuleType, tmp_path: Path) -> None:
    from probe.training.adapter import make_adapter

    settings = tiny.make_settings(tmp_path, targets=r".*\.(q|v)_proj")
    names = trainable(make_adapter(tiny.make_model("llama"), settings))
    assert len(names) == 3 * 2 * 2
    assert all("q_proj" in name or "v_proj" in name for name in names)


def test_infinite_loss_stops_the_run(tiny: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not finite after .* lower the learning rate"):
        tiny.run(tmp_path, learning_rate=1e30, max_grad_norm=1e30)


def test_half_precision_base_keeps_the_adapter_in_float32(tiny: ModuleType, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    result = finetune(
        tiny.make_settings(tmp_path),
        tiny.make_examples(6, 4),
        tiny.make_examples(2, 3, first=50),
        load=lambda: tiny.make_loaded("llama", torch.bfloat16),
    )
    weights = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float32}
    assert result.validation_losses[-1][1] < result.validation_losses[0][1]


def test_compare_logits_refuses_a_difference() -> None:
    logits = [torch.zeros(2, 3), torch.ones(1, 3)]
    assert compare_logits(logits, [logits[0], logits[1] + 1e-6]) == pytest.approx(1e-6, rel=0.1)
    with pytest.raises(ModelError, match=r"by 0\.5"):
        compare_logits(logits, [logits[0], logits[1] - 0.5])
    with pytest.raises(ModelError, match="by nan"):
        compare_logits(logits, [logits[0], logits[1] * float("nan")])
