"""``probe make-traces``: from a config to a trace file and its summary."""

from __future__ import annotations

__all__ = ["make_traces"]
