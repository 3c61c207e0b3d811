"""The catalog: its entries, and names that are none of them."""

from __future__ import annotations

import pytest

from generators.errors import ModelError
from probe.models import catalog
from probe.models.catalog import find_entry


def test_unknown_name() -> None:
    with pytest.raises(ModelError, match=r"no model named 'x'.*smollm2-135m"):
        find_entry("x")


def test_catalog_is_complete() -> None:
    names = [entry.name for entry in catalog.CATALOG]
    assert names == ["smollm2-135m", "gemma3-270m", "qwen2.5-coder-1.5b"]
    for entry in catalog.CATALOG:
        assert len(entry.wheels.sha256) == 64
        assert all("==" in requirement for requirement in entry.wheels.requirements)
        assert entry.must_accept == entry.licence.startswith("Gemma")
