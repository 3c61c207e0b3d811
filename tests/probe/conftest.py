"""Small real inputs that several tests of the measuring side share."""

from __future__ import annotations

from pathlib import Path

import pytest

from generators.records import Split
from probe.config import MakeTracesConfig
from probe.tasks.traces import make_traces


@pytest.fixture(scope="session")
def tiny_traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Traces of eight embedded test programs, asserts and two generated calls each."""
    path = tmp_path_factory.mktemp("tiny") / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=2, limit=8, out=path))
    return path
