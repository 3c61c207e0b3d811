"""The tiny models and examples of ``tiny.py`` for the tests of this folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The module ``tiny.py``, which is also a script."""
    path = Path(__file__).with_name("tiny.py")
    spec = importlib.util.spec_from_file_location("training_tiny", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny tensors on several threads, in several test processes, wait more than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
