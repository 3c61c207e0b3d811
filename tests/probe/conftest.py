"""Small real inputs: traces, and tiny models of every architecture, with a trained tokenizer."""

from __future__ import annotations

import importlib.util
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.records import SAMPLE_SCHEMA, Split
from probe.checksums import write_checksums
from probe.config import MakeTracesConfig
from probe.manifest import identity_sha256
from probe.models.quiet import quiet_transformers
from probe.runs import MANIFEST, RESULTS, RESULTS_SCHEMA, SAMPLES
from probe.tasks.kinds import TASK_KINDS
from probe.tasks.traces import make_traces

ModelFactory = Callable[..., Path]

_COMMON: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.35,
}


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Runs a command as a process of its own: the ``Probe`` of ``warm.py``."""
    spec = importlib.util.spec_from_file_location("warm", Path(__file__).with_name("warm.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.Probe(tmp_path_factory.mktemp("warm"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def reseal() -> Callable[[Path], None]:
    """Make the hashes of an edited run those of its files, so that what comes later is reached."""

    def make(run: Path) -> None:
        manifest = json.loads((run / MANIFEST).read_text())
        manifest["identity_sha256"] = identity_sha256(manifest["identity"])
        jsonl.write_json(run / MANIFEST, manifest)
        if (run / SAMPLES).exists():
            results = json.loads((run / RESULTS).read_text())
            results["samples_sha256"] = jsonl.sha256_file(run / SAMPLES)
            jsonl.write_json(run / RESULTS, results)
        write_checksums(run)

    return make


@pytest.fixture(scope="session")
def remake(reseal: Callable[[Path], None]) -> Callable[[Path, list[dict[str, Any]]], None]:
    """Write other samples of a run, and every number and hash that follows from them."""

    def make(run: Path, rows: list[dict[str, Any]]) -> None:
        task = jsonl.read_json(run / RESULTS, RESULTS_SCHEMA)["task"]
        jsonl.write(run / SAMPLES, jsonl.read_header(run / SAMPLES, SAMPLE_SCHEMA), rows)
        results = TASK_KINDS[task].results(rows)
        jsonl.write_json(run / RESULTS, jsonl.header(RESULTS_SCHEMA, **results))
        reseal(run)

    return make


@pytest.fixture(scope="session")
def tiny_traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Traces of eight embedded test programs, asserts and two generated calls each."""
    path = tmp_path_factory.mktemp("tiny") / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=2, limit=8, out=path))
    return path


@pytest.fixture(scope="session")
def recorded_traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Traces with line events of 24 embedded test programs, with calls that raise."""
    path = tmp_path_factory.mktemp("recorded") / "test.jsonl"
    make_traces(
        MakeTracesConfig(
            source="basics",
            split=Split.TEST,
            inputs=6,
            limit=24,
            keep_exceptions=True,
            trace_lines=True,
            out=path,
        )
    )
    return path


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
        special_tokens=["<s>", "<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(_corpus(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
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
    windows = {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
    more: dict[str, dict[str, Any]] = {
        "llama": {},
        "qwen2": {},
        "qwen3": {"head_dim": 8},
        "phi3": {},
        "olmo2": {},
        "starcoder2": {},
        "gpt_neox": {},
        "mistral": {"sliding_window": 16},
        "gemma2": {"head_dim": 8, "sliding_window": 16, "query_pre_attn_scalar": 8, **windows},
        "gemma3_text": {"head_dim": 8, "sliding_window": 16, "query_pre_attn_scalar": 8, **windows},
        "gpt_oss": {
            "head_dim": 8,
            "sliding_window": 16,
            "num_local_experts": 2,
            "num_experts_per_tok": 1,
            "rope_parameters": {"rope_theta": 1e4},
            **windows,
        },
    }
    kind = {"gemma3": "gemma3_text"}.get(kind, kind)
    if kind in more:
        return transformers.AutoConfig.for_model(kind, **{**more[kind], **common})
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
        model.save_pretrained(target, save_embedding_layers=False)
        return target

    return make
