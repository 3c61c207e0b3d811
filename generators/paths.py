"""Where the project keeps what it fetched: the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_dir"]


def cache_dir() -> Path:
    """Return the cache folder: ``PROBE_CACHE_DIR``, or the platform's user cache."""
    named = os.environ.get("PROBE_CACHE_DIR")
    if named:
        return Path(named).expanduser()
    import platformdirs  # only needed without the variable

    return Path(platformdirs.user_cache_dir("execution-probe"))
