"""Tiny models, a tiny tokenizer and tiny examples; run as a script, a run that kills itself.

``python tiny.py OUT`` fine-tunes the toy model into OUT and prints the adapter's hash; with
``--kill-after STEP`` it sends itself SIGKILL right after that many steps.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from probe.models.load import LoadedModel
from probe.training.dataset import Example
from probe.training.finetune import FinetuneResult, finetune
from probe.training.settings import FinetuneSettings

SIZES: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
GEMMA: dict[str, Any] = {
    "head_dim": 8,
    "sliding_window": 9,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    "final_logit_softcapping": 3.0,
}


def make_examples(groups: int, per_group: int, *, first: int = 0) -> list[Example]:
    examples = []
    for group in range(first, first + groups):
        rng = random.Random(group)
        a, b = rng.randrange(1, 9), rng.randrange(1, 9)
        code = f"def f{group}(x):\n    y = x * {a}\n    return y + {b}\n"
        for x in range(per_group):
            prompt = f"{code}\nassert f{group}({x}) =="
            examples.append(Example(group=f"task/{group}", prompt=prompt, target=f" {x * a + b}\n"))
    return examples


@cache
def make_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZES["vocab_size"],
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([e.prompt + e.target for e in make_examples(8, 3)], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    fast: Any = PreTrainedTokenizerFast
    wrapped: PreTrainedTokenizerFast = fast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<s>"
    )
    return wrapped


def make_model(architecture: str, dtype: torch.dtype = torch.float64) -> Any:
    name, _, attention = architecture.partition("-")
    attention = attention or "sdpa"
    torch.manual_seed(1)
    kind: Any
    config: Any
    if name == "llama":
        kind, config = LlamaForCausalLM, LlamaConfig(**SIZES)
    elif name == "qwen2":
        kind, config = Qwen2ForCausalLM, Qwen2Config(**SIZES)
    else:
        kind, config = Gemma3ForCausalLM, Gemma3TextConfig(**SIZES, **GEMMA)
    model = kind._from_config(config, attn_implementation=attention)
    with torch.no_grad():  # larger weights than the usual ones: attention has to matter
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(std=0.2)
    return model.to(dtype)


def make_loaded(
    architecture: str = "llama",
    dtype: torch.dtype = torch.float32,
    *,
    tokenizer: Any = None,
    context_length: int | None = None,
) -> LoadedModel:
    model = make_model(architecture, dtype).eval()
    model.name_or_path = model.config._name_or_path = "tiny"
    return LoadedModel(
        model=model,
        tokenizer=tokenizer or make_tokenizer(),
        device="cpu",
        dtype=str(dtype).removeprefix("torch."),
        name="tiny",
        identity={"spec": "tiny", "architecture": architecture},
        end_ids=frozenset({1}),
        context_length=context_length,
    )


def make_settings(out: Path, **changes: Any) -> FinetuneSettings:
    settings = FinetuneSettings(
        model="tiny",
        out=out,
        rank=4,
        alpha=8,
        learning_rate=1e-2,
        max_steps=9,
        items_per_step=7,
        row_tokens=128,
        max_length=128,
        eval_every=4,
        save_every=3,
    )
    return replace(settings, **changes)


def run(out: Path, *, progress: Any = None, **changes: Any) -> FinetuneResult:
    """Fine-tune the tiny model of an ``architecture``; other changes are settings."""
    architecture = changes.pop("architecture", "llama")
    return finetune(
        make_settings(out, **changes),
        make_examples(6, 4),
        make_examples(2, 3, first=50),
        load=lambda: make_loaded(architecture),
        progress=progress,
    )


class FakeProgress:
    """Records what it is told; kills the process after so many steps of training."""

    def __init__(self, kill_after: int | None = None) -> None:
        self.labels: list[str] = []
        self.done: list[int] = []
        self.totals: list[int | None] = []
        self._kill_after = kill_after

    def start(self, label: str, total: int | None) -> None:
        self.labels.append(label)
        self.totals.append(total)
        self.done.append(0)

    def advance(self, n: int = 1) -> None:
        self.done[-1] += n
        steps = sum(
            done
            for label, done in zip(self.labels, self.done, strict=True)
            if label.startswith("training")
        )
        if self._kill_after is not None and steps >= self._kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    def finish(self) -> None:
        pass


def main() -> None:
    from probe.training.launched import is_main_process

    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--kill-after", type=int)
    parser.add_argument("--dropout", type=float, default=0.1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    result = run(
        options.out,
        dropout=options.dropout,
        device="cpu",
        progress=FakeProgress(options.kill_after),
    )
    if is_main_process():
        sys.stdout.write(result.adapter_sha256)


if __name__ == "__main__":
    main()
