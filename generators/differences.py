"""Where two JSON documents differ, for messages.

Called by all that compares what is stored with what is asked for, or with what comes out again.
"""

from __future__ import annotations

from typing import Any

from generators.jsonl import canonical_json

__all__ = ["first_difference"]


def first_difference(ours: Any, theirs: Any, path: str = "") -> str | None:
    """Return the first field in which two JSON values differ, as ``name: ours -> theirs``."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            here = f"{path}.{key}" if path else key
            found = first_difference(ours.get(key), theirs.get(key), here)
            if found:
                return found
        return None
    if ours == theirs:
        return None
    return f"{path}: {_shortened(ours)} -> {_shortened(theirs)}"


def _shortened(value: Any) -> str:
    text = canonical_json(value)
    return text if len(text) <= 80 else text[:77] + "..."
