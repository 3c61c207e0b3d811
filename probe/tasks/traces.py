"""``probe make-traces``: from a config to a trace file and its summary."""

from __future__ import annotations

from typing import Any

from generators.problems.sources import load_source
from generators.progress import Progress
from probe.config import MakeTracesConfig

__all__ = ["make_traces"]
