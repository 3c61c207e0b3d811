"""Batched, prefix-shared decoding gives the texts of decoding each prompt alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from generators.errors import UsageError
from probe.models.generate import Finish, HFGenerator, Request
from probe.models.load import LoadedModel, load_model

SHOTS = "def f(x):\n    return x + 1\n# f(3) = 4\n\ndef g(s):\n    return s[::-1]\n# g('ab') = 'ba'\n\n"


def make_requests(count: int = 14) -> list[Request]:
    """Prompts as the execution task makes them: same shots, few programs, several calls each."""
    rng = random.Random(1)
    programs = [
        "def a(x, y):\n    total = 0\n    for i in range(x):\n        total += y * i\n    return total\n",
        "def b(s):\n    return [c for c in s if c.isdigit()] or None\n",
        "def c(p):\n    return p\n",
    ]
    return [
        Request(key=f"{i}", prompt=SHOTS + programs[i % 3] + f"# {rng.randint(0, 10 ** (i % 7))} =")
        for i in range(count)
    ]


def plain_texts(loaded: LoadedModel, requests: Sequence[Request], budget: int) -> dict[str, str]:
    """The reference: one prompt after another through ``model.generate``."""
    import torch

    texts = {}
    for request in requests:
        ids = torch.tensor([loaded.encode(request.prompt)])
        output = loaded.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=budget,
            eos_token_id=sorted(loaded.end_ids),
            pad_token_id=0,
        )
        said = output[0, ids.shape[1] :].tolist()
        if said[-1] in loaded.end_ids:
            said = said[:-1]
        texts[request.key] = loaded.tokenizer.decode(said, clean_up_tokenization_spaces=False)
    return texts


def load64(folder: Path) -> LoadedModel:
    return load_model(str(folder), device="cpu", dtype="float64")


@pytest.mark.parametrize(
    ("kind", "sharing"), [("llama", True), ("qwen2", True), ("gemma3", False), ("mamba", False)]
)
def test_texts_equal_plain_generate(
    make_model_folder: Callable[..., Path], kind: str, sharing: bool
) -> None:
    loaded = load64(make_model_folder(kind))
    requests = make_requests()
    expected = plain_texts(loaded, requests, 24)
    assert len(set(expected.values())) > 3  # the models do say different things
    for budget in (None, 400, 1):  # one batch, several, each prompt alone
        generator = HFGenerator(loaded, token_budget=budget)
        got = {c.key: c for c in generator.generate(requests, max_new_tokens=24, stop=())}
        assert {key: c.text for key, c in got.items()} == expected
        assert generator.identity["decoding"]["prefix_sharing"] is sharing
        assert (generator.stats["computed_tokens"] < generator.stats["prompt_tokens"]) is sharing
        assert all(c.completion_tokens == 24 for c in got.values() if c.finish is Finish.LENGTH)
