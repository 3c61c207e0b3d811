"""Peers live in environments of their own, never in the product's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from generators.paths import cache_dir

__all__ = ["peer_python"]


def peer_python(name: str, packages: Sequence[str], given: Path | None = None) -> Path:
    """Return a Python that has a peer's packages, made in the cache if need be."""
    if given:
        return given
    folder = cache_dir() / "benchmarks" / name
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists() or ready.read_text() != " ".join(packages):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
        ready.write_text(" ".join(packages))
    return python
