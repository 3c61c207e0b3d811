"""A model is tried before its prompts share anything; what fails is decoded plainly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probe.models.generate import Decoding, HFGenerator, Request
from probe.models.load import load_model
from probe.models.modes import Mode, batching_mode

PROMPTS = [f"{'# f(3, 4) = [7]' * 6} def f(x, y): return x + {n}" for n in (0, 1, 22)]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("llama", Mode.SHARED),
        ("qwen2", Mode.SHARED),
        ("qwen3", Mode.SHARED),
        ("phi3", Mode.SHARED),
        ("olmo2", Mode.SHARED),
        ("starcoder2", Mode.SHARED),
        ("gpt_neox", Mode.SHARED),
        ("mistral", Mode.SHARED),
        ("gemma2", Mode.SINGLE),  # bends its scores; and padding changes its logits
        ("gemma3", Mode.SHARED),
        ("gpt_oss", Mode.PADDED),  # its attention has a term that passes know nothing of
        ("mamba", Mode.SINGLE),
    ],
)
def test_every_architecture_gives_the_texts_of_plain_generate(
    make_model_folder: Callable[..., Path], kind: str, mode: Mode
) -> None:
    dtype = "float32" if kind == "gpt_oss" else "float64"  # its experts take no double
    loaded = load_model(str(make_model_folder(kind)), device="cpu", dtype=dtype)
    assert batching_mode(loaded.model) is mode
    generator = HFGenerator(loaded)
    requests = [Request(key=str(n), prompt=prompt) for n, prompt in enumerate(PROMPTS)]
    decoding = Decoding(max_new_tokens=20)
    together = {c.key: c for c in generator.generate(requests, decoding)}
    assert together == {r.key: generator.alone(r, decoding) for r in requests}


def test_attention_that_says_nothing_of_its_window_is_not_trusted(
    make_model_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the trial's length a window makes no difference, so what layers say is compared."""
    folder = make_model_folder("gemma3", sliding_window=200)
    loaded = load_model(str(folder), device="cpu", dtype="float64")
    assert batching_mode(loaded.model) is Mode.SHARED
    for layer in loaded.model.model.layers:
        monkeypatch.setattr(layer.self_attn, "sliding_window", None)
    assert batching_mode(loaded.model) is Mode.PADDED


def test_attention_is_put_back(make_model_folder: Callable[..., Path]) -> None:
    loaded = load_model(str(make_model_folder("llama")), device="cpu")
    usual = loaded.model.config._attn_implementation
    HFGenerator(loaded)
    assert loaded.model.config._attn_implementation == usual


def test_attention_is_put_back_after_an_error(
    make_model_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_model(str(make_model_folder("llama")), device="cpu")
    usual = loaded.model.config._attn_implementation

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(loaded.model.model.layers[1], "forward", fails)
    assert batching_mode(loaded.model) is Mode.SINGLE
    assert loaded.model.config._attn_implementation == usual
