"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the real MBPP; tests that need it are skipped without it."""
    named = os.environ.get("PROBE_DATA_DIR")
    if not named:
        pytest.skip("PROBE_DATA_DIR is not set")
    return Path(named).resolve()
