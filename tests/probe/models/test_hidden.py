"""Hidden states of prompts computed together are those of each prompt by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generators.errors import ModelError
from probe.models.hidden import encode_with_places, hidden_states, layer_count
from probe.models.load import LoadedModel, load_model, with_adapter

HEAD = "def f(x, y):\n    return x + y * 12\n" * 4
TEXTS = [
    *(f"{HEAD}# f({a}, {b}) =" for a, b in ((1, 2), (30, 4), (555, 66), (7, 8))),
    f"{HEAD}# f(1, 2) = [3",  # a prompt that goes on where another ends
    "def g(x):\n    return x\n# g(1) =",
    *[f"{HEAD * 2}# f({a}, 0) =" for a in range(3)],
]


def alone(loaded: LoadedModel, ids: list[int], places: list[int], layers: list[int]) -> Any:
    """The reference: one forward pass over one prompt."""
    import torch

    with torch.inference_mode():
        output = loaded.model(input_ids=torch.tensor([ids]), output_hidden_states=True)
    return np.stack(
        [[output.hidden_states[layer][0, place].numpy() for place in places] for layer in layers]
    )


def assert_as_alone(loaded: LoadedModel, texts: list[str], layers: list[int], tokens: int) -> None:
    encoded = [encode_with_places(loaded, text, [9, 40, len(text)][-2:]) for text in texts]
    prompts, places = [ids for ids, _ in encoded], [found for _, found in encoded]
    states = hidden_states(loaded, prompts, places, layers, pass_tokens=tokens)
    assert states.dtype == np.float32
    assert states.shape[:3] == (len(texts), len(layers), 2)
    for row, ids in enumerate(prompts):
        expected = alone(loaded, ids, places[row], layers)
        assert np.abs(states[row] - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("tokens", [1, 40, 4096])
@pytest.mark.parametrize("kind", ["llama", "gemma3", "gpt_neox", "mamba"])
def test_states_are_those_of_single_prompts(
    make_model_folder: Callable[..., Path], kind: str, tokens: int
) -> None:
    loaded = load_model(str(make_model_folder(kind, max_position_embeddings=512)))
    loaded = replace(loaded, context_length=None)
    last = layer_count(loaded)
    assert last == (2 if kind == "mamba" else 3)
    assert_as_alone(loaded, TEXTS, [0, 1, last], tokens)


def test_an_adapter_changes_them(llama_folder: Path, make_adapter: Callable[..., Path]) -> None:
    base = replace(load_model(str(llama_folder)), context_length=None)
    ids = [base.encode(text) for text in TEXTS]
    places = [[len(prompt) - 1] for prompt in ids]
    before = hidden_states(base, ids, places, [0, 3])
    tuned = with_adapter(base, make_adapter(llama_folder))
    assert_as_alone(tuned, TEXTS, [0, 2, 3], 100)
    after = hidden_states(tuned, ids, places, [0, 3])
    assert np.array_equal(before[:, 0], after[:, 0])  # embeddings have no adapter
    assert not np.allclose(before[:, 1], after[:, 1], atol=1e-2)
    tuned.model.unload()
    assert np.array_equal(before, hidden_states(base, ids, places, [0, 3]))


def test_places_are_those_of_the_text(llama_folder: Path) -> None:
    loaded = load_model(str(llama_folder))
    text = "<s>def f(x): return x\n# f(1) ="
    for end in (5, 12, 20, len(text)):
        ids, (place,) = encode_with_places(loaded, text, [end])
        assert loaded.tokenizer.decode(ids[:place]) in text[:end]
        assert len(loaded.tokenizer.decode(ids[: place + 1])) >= end
    plain = text.removeprefix("<s>")
    ids, places = encode_with_places(loaded, plain, [len(plain)])
    assert places == [len(ids) - 1]


def test_a_start_token_moves_the_places(llama_folder: Path) -> None:
    class FakeTokenizer:
        is_fast = True
        bos_token, eos_token, eos_token_id = "<s>", "</s>", 1

        def __call__(self, text: str, *, add_special_tokens: bool, **_: Any) -> dict[str, Any]:
            ids = [ord(letter) for letter in text]
            offsets = [(i, i + 1) for i in range(len(text))]
            return {
                "input_ids": [0, *ids] if add_special_tokens else ids,
                "offset_mapping": offsets,
            }

    loaded = replace(load_model(str(llama_folder)), tokenizer=FakeTokenizer())
    ids, places = encode_with_places(loaded, "abcd", [1, 3, 4])
    assert [chr(ids[place]) for place in places] == ["a", "c", "d"]


def test_a_prompt_beyond_the_context_is_refused(llama_folder: Path) -> None:
    loaded = load_model(str(llama_folder))
    with pytest.raises(ModelError, match="300 tokens and tiny-llama reads 256"):
        hidden_states(loaded, [[5] * 300], [[299]], [1])


def test_states_that_are_not_finite_are_refused(make_model_folder: Callable[..., Path]) -> None:
    import torch

    loaded = load_model(str(make_model_folder("llama")))
    with torch.no_grad():
        loaded.model.get_input_embeddings().weight[7] = float("nan")
    with pytest.raises(ModelError, match="not finite in float32"):
        hidden_states(loaded, [[5, 7]], [[1]], [1])


@pytest.mark.slow
def test_real_states_are_those_of_single_prompts(
    model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBE_CACHE_DIR", str(model_cache))
    loaded = load_model("smollm2-135m", device="cpu")
    assert layer_count(loaded) == 30
    assert_as_alone(loaded, TEXTS, [0, 1, 15, 30], 200)
