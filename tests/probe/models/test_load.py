"""From what a user types to a model: folders, hub ids, adapters, devices; one clear line if not."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.errors import ModelError, RunError
from generators.jsonl import sha256_file
from generators.progress import Quiet
from probe.checksums import write_checksums
from probe.models import load
from probe.models.catalog import Via
from probe.models.load import choose_device, choose_dtype, load_model


def test_folder(llama_folder: Path) -> None:
    loaded = load_model(str(llama_folder), device="cpu")
    weights = {"model.safetensors": sha256_file(llama_folder / "model.safetensors")}
    assert loaded.identity == {
        "spec": str(llama_folder),
        "name": "tiny-llama",
        "obtained": "folder",
        "origin": {},
        "weights": weights,
        "adapter": None,
        "parameters": loaded.model.num_parameters(),
        "dtype": "float32",
        "device": "cpu",
        "end_tokens": ["<|endoftext|>"],
        "context_length": 256,
    }
    json.dumps(loaded.identity)
    assert not loaded.model.training
    assert str(next(loaded.model.parameters()).dtype) == "torch.float32"


def test_loading_draws_no_foreign_bars(llama_folder: Path, capfd: Any) -> None:
    load_model(str(llama_folder), device="cpu")
    assert capfd.readouterr() == ("", "")


def test_quiet_is_over_afterwards(llama_folder: Path) -> None:
    from tqdm import std
    from transformers.utils import logging as chatter

    before = (chatter.get_verbosity(), std.tqdm.__init__)
    load_model(str(llama_folder), device="cpu")
    assert (chatter.get_verbosity(), std.tqdm.__init__) == before


def test_an_adapter_names_its_base_without_this_machines_path(llama_folder: Path) -> None:
    assert load_model(str(llama_folder), device="cpu").model.name_or_path == "tiny-llama"


@pytest.mark.parametrize(
    "spec", ["smollm3", "http://127.0.0.1:8000/v1#model", "/no/such/folder", "./no", "a/b/c", ""]
)
def test_unknown_model(spec: str) -> None:
    with pytest.raises(
        ModelError, match=r"catalog name .smollm2-135m.*local folder.*hub id"
    ) as caught:
        load_model(spec)
    assert "\n" not in str(caught.value)


def test_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_model(str(tmp_path))


@pytest.mark.parametrize("damage", ["config", "weights", "tokenizer", "kind"])
def test_broken_folder(llama_folder: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(llama_folder, folder)
    if damage == "config":
        (folder / "config.json").write_text("{")
    elif damage == "weights":
        (folder / "model.safetensors").write_bytes(b"junk" * 10)
    elif damage == "tokenizer":
        (folder / "tokenizer.json").write_text("{")
    else:
        (folder / "config.json").write_text('{"model_type": "never_heard_of"}')
    with pytest.raises(ModelError, match="cannot load the model broken: ") as caught:
        load_model(str(folder), device="cpu")
    assert "\n" not in str(caught.value)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    there = {"cuda": False, "mps": False}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there["cuda"])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: there["mps"])
    assert choose_device() == "cpu"
    there["mps"] = True
    assert choose_device() == "mps"
    there["cuda"] = True
    assert choose_device() == "cuda"
    assert choose_device("cuda:1") == "cuda:1"
    for wrong in ("cuda:2", "tpu", "cpu:0", "cuda:x"):
        with pytest.raises(ModelError, match="device"):
            choose_device(wrong)
    there["cuda"] = False
    with pytest.raises(ModelError, match="no device 'cuda' on this machine"):
        choose_device("cuda")


def test_dtypes(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert choose_dtype("auto", "cpu") == "float32"
    assert choose_dtype("auto", "mps") == "float16"
    assert choose_dtype("float64", "cpu") == "float64"
    for supported, expected in ((True, "bfloat16"), (False, "float16")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda there=supported: there)
        assert choose_dtype("auto", "cuda:0") == expected
    with pytest.raises(ModelError, match="unknown dtype 'int8'"):
        choose_dtype("int8", "cpu")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    return tmp_path / "hf"


def test_hub_id_then_offline_copy(
    llama_folder: Path,
    make_hub: Callable[..., str],
    hub_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", make_hub({"some/model": llama_folder}))
    loaded = load_model("some/model", device="cpu")
    assert loaded.identity["obtained"] == "hub"
    assert loaded.identity["origin"] == {"repository": "some/model", "revision": "c" * 40}
    assert loaded.identity["weights"] == {
        "model.safetensors": sha256_file(llama_folder / "model.safetensors")
    }
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with caplog.at_level(logging.WARNING):
        assert load_model("some/model", device="cpu").identity == loaded.identity
    assert "using the copy in the hub cache" in caplog.text


def test_hub_id_that_nobody_has(
    llama_folder: Path, make_hub: Callable[..., str], hub_cache: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", make_hub({"some/model": llama_folder}))
    with pytest.raises(ModelError, match="cannot get other/model from the hub: there is no such"):
        load_model("other/model", device="cpu")
    monkeypatch.setenv("HF_ENDPOINT", make_hub({"some/model": llama_folder}, gated=True))
    with pytest.raises(ModelError, match="terms are not accepted"):
        load_model("some/model", device="cpu")


def test_adapter_from_its_folder_or_its_run(
    llama_folder: Path, make_adapter: Callable[..., Path]
) -> None:
    import torch

    adapter = make_adapter(llama_folder)
    sha256 = sha256_file(adapter / "adapter_model.safetensors")
    plain, direct, by_run = (
        load_model(str(llama_folder), adapter=path, device="cpu")
        for path in (None, adapter, adapter.parent)
    )
    assert direct.identity["adapter"] == {"name": "adapter", "sha256": sha256}
    assert by_run.identity["adapter"] == {"name": adapter.parent.name, "sha256": sha256}
    assert direct.identity["parameters"] == plain.identity["parameters"]
    ids = torch.tensor([plain.encode("def f")])
    with torch.inference_mode():
        tuned = direct.model(ids).logits
        torch.testing.assert_close(by_run.model(ids).logits, tuned, rtol=0, atol=0)
        assert not torch.allclose(plain.model(ids).logits, tuned, atol=1e-3)


def test_no_adapter_there(llama_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no adapter in"):
        load_model(str(llama_folder), adapter=tmp_path, device="cpu")


def test_adapter_of_another_structure(
    llama_folder: Path,
    make_model_folder: Callable[..., Path],
    make_adapter: Callable[..., Path],
) -> None:
    wide = make_model_folder("llama", hidden_size=48)
    deep = make_model_folder("llama", num_hidden_layers=4)
    for other, message in ((wide, "cannot put the adapter"), (deep, "another structure")):
        with pytest.raises(ModelError, match=message) as caught:
            load_model(str(llama_folder), adapter=make_adapter(other), device="cpu")
        assert "\n" not in str(caught.value)


def test_adapter_with_another_base_name_is_told(
    llama_folder: Path, make_adapter: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    adapter = make_adapter(llama_folder, base_name="org/other")
    with caplog.at_level(logging.WARNING):
        load_model(str(llama_folder), adapter=adapter, device="cpu")
    assert "names org/other as its base, not tiny-llama" in caplog.text


def test_adapter_trained_on_other_weights_is_refused(
    llama_folder: Path, make_adapter: Callable[..., Path]
) -> None:
    run = make_adapter(llama_folder).parent
    weights = load_model(str(llama_folder), device="cpu").identity["weights"]
    model = {"name": "m", "obtained": "hub", "weights": weights}
    manifest = {"identity": {"model": model}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    load_model(str(llama_folder), adapter=run, device="cpu")
    model["weights"] = {"model.safetensors": "0" * 64}
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="other weights than those of tiny-llama here: on m"):
        load_model(str(llama_folder), adapter=run, device="cpu")


def test_an_adapter_that_was_changed_in_its_run_is_refused(
    llama_folder: Path, make_adapter: Callable[..., Path]
) -> None:
    adapter = make_adapter(llama_folder)
    write_checksums(adapter.parent)
    load_model(str(llama_folder), adapter=adapter.parent, device="cpu")
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 99}))
    with pytest.raises(RunError, match=r"adapter/adapter_config\.json has another hash"):
        load_model(str(llama_folder), adapter=adapter.parent, device="cpu")


def test_broken_adapter(llama_folder: Path, make_adapter: Callable[..., Path]) -> None:
    adapter = make_adapter(llama_folder)
    (adapter / "adapter_model.safetensors").write_bytes(b"junk")
    with pytest.raises(ModelError, match="cannot put the adapter"):
        load_model(str(llama_folder), adapter=adapter, device="cpu")
    (adapter / "adapter_config.json").write_text("[]")
    with pytest.raises(ModelError, match="is broken"):
        load_model(str(llama_folder), adapter=adapter, device="cpu")


def test_importing_the_generator_imports_no_torch() -> None:
    import subprocess

    code = "import sys, probe.models.generate, probe.models.fake; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_catalog_models_parameters_are_counted_as_the_catalog_does(
    llama_folder: Path, monkeypatch: Any
) -> None:
    """A quantised file may hold an output layer of its own where the model shares the embedding."""
    here = load.locate_model(
        str(llama_folder), via=Via.AUTO, accept_licence=False, progress=Quiet()
    )
    monkeypatch.setattr(load, "locate_model", lambda *_, **__: replace(here, parameters=7))
    assert load_model(str(llama_folder), device="cpu").identity["parameters"] == 7
