"""What came of verifying, and how it is told.

Made by :mod:`probe.verify`, told by the command line. Nothing is checked here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Verification", "verify_lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was recomputed and what came out.

    Attributes:
        path: The run or report.
        differences: One line for each stored value that is not the recomputed one.
        checked: What was recomputed.
        unchecked: What could not be, and why.
    """

    path: Path
    differences: tuple[str, ...]
    checked: tuple[str, ...]
    unchecked: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything that could be recomputed came out as stored."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return the verification as a JSON object."""
        return {
            "ok": self.ok,
            "path": self.path.name,
            "differences": list(self.differences),
            "checked": list(self.checked),
            "unchecked": list(self.unchecked),
        }


def verify_lines(found: Sequence[Verification]) -> list[str]:
    """Return what the command prints: each part, then what was not checked in several of them."""
    several = Counter(text for part in found for text in part.unchecked)
    lines = []
    for part in found:
        lines.append(f"{'ok  ' if part.ok else 'FAIL'} {part.path}: {', '.join(part.checked)}")
        lines += [f"     differs: {text}" for text in part.differences]
        lines += [f"     not checked: {text}" for text in part.unchecked if several[text] == 1]
    lines += [f"not checked in {n} of {len(found)}: {text}" for text, n in several.items() if n > 1]
    return lines
