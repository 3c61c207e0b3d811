"""Tiny real models on disk: random weights, a trained tokenizer, every architecture we decode."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probe.models.quiet import quiet_transformers

ModelFactory = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tiny matrices gain nothing from threads, and test workers share the cores."""
    import torch

    torch.set_num_threads(1)


_COMMON: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.35,
}


def _corpus() -> list[str]:
    rng = random.Random(0)
    lines = []
    for _ in range(200):
        a, b = rng.randint(0, 999), rng.randint(0, 99)
        lines.append(
            f"def f(x, y):\n    return x + y * {a}\n# f({a}, {b}) = [{a + b}, 'na\u00efve']\n"
        )
    return lines


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Any:
    """A byte-level BPE tokenizer with start and end tokens that it does not add by itself."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(_corpus(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )


def _config(kind: str, tokenizer: Any, options: dict[str, Any]) -> Any:
    import transformers

    common = {
        **_COMMON,
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **options,
    }
    if kind == "llama":
        return transformers.LlamaConfig(**common)
    if kind == "qwen2":
        return transformers.Qwen2Config(**common)
    if kind == "gemma3":
        return transformers.Gemma3TextConfig(
            **{"head_dim": 8, "sliding_window": 16, "query_pre_attn_scalar": 8, **common},
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        )
    if kind == "mamba":
        return transformers.MambaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            state_size=4,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            initializer_range=0.5,
        )
    raise ValueError(kind)


@pytest.fixture(scope="session")
def make_model_folder(
    tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Any
) -> ModelFactory:
    """Make a model folder: ``make_model_folder("llama", seed=0, **config)``."""

    def make(kind: str, *, seed: int = 0, **options: Any) -> Path:
        import torch
        from transformers import AutoModelForCausalLM

        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(_config(kind, tiny_tokenizer, options))
        folder = tmp_path_factory.mktemp(kind) / f"tiny-{kind}"
        model.save_pretrained(folder)
        tiny_tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def llama_folder(make_model_folder: ModelFactory) -> Path:
    """A tiny Llama."""
    return make_model_folder("llama")


@pytest.fixture(scope="session")
def make_adapter(tmp_path_factory: pytest.TempPathFactory) -> ModelFactory:
    """Make a LoRA adapter whose weights are not zero: ``make_adapter(model_folder)``."""

    def make(folder: Path, *, base_name: str = "tiny-llama", seed: int = 0) -> Path:
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        torch.manual_seed(seed)
        with quiet_transformers():
            base = AutoModelForCausalLM.from_pretrained(folder)
            base.name_or_path = base.config._name_or_path = base_name
            model = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear"))
        for name, weights in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weights, std=0.5)
        target = tmp_path_factory.mktemp("run") / "adapter"
        model.save_pretrained(target)
        return target

    return make


@pytest.fixture(scope="session")
def tiny_metaspace() -> Any:
    """A tokenizer in the manner of sentencepiece: a word carries the space before it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["\u2581f", "\u2581=", "\u2581x", "\u2581y", "<unk>"]
    backend = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>")
    )
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")
