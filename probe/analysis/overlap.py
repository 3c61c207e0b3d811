"""How much of a program stands, line by line, in other text: the paper's overlap analysis.

Lines are compared without the blanks around and between their parts; comments and lines that say
too little to tell (fewer than :data:`LEAST` letters and digits, such as ``return x``) are passed
over on both sides. A program with no line left has nothing to match. Called by ``probe overlap``.

Source: paper, section 4.5 (4.7 in the paper's text). Its matching rules are not known in detail;
these are stated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from generators.errors import DataError, unreadable
from generators.records import Problem

__all__ = ["LEAST", "Overlap", "file_lines", "overlaps", "telling_lines"]

LEAST = 8
"""A line with fewer letters and digits than this is in many programs by chance."""

_WORDLIKE = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What of one program stands elsewhere.

    Attributes:
        task_id: The program's task.
        lines: Number of its different lines that tell.
        matched: Those of them that stand elsewhere, in the order of the program.
    """

    task_id: int
    lines: int
    matched: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share of lines matched, 0 to 1; 0 for a program without lines that tell."""
        return len(self.matched) / self.lines if self.lines else 0.0


def telling_lines(text: str) -> list[str]:
    """Return the different lines of a text that tell, normalised, in order."""
    found: dict[str, None] = {}
    for line in text.splitlines():
        plain = "".join(line.split())
        if not plain.startswith("#") and len(_WORDLIKE.findall(plain)) >= LEAST:
            found[plain] = None
    return list(found)


def file_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file, or of all files below a folder, in a fixed order.

    What is no UTF-8 is read with replacement characters; nothing is held in memory.

    Raises:
        DataError: There is no such file, or it cannot be read.
    """
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} has no files")
    for file in files:
        try:
            with file.open(encoding="utf-8", errors="replace") as stream:
                yield from stream
        except OSError as error:
            raise unreadable(file, error) from None


def overlaps(problems: Sequence[Problem], others: Iterable[str]) -> list[Overlap]:
    """Tell of each problem's reference how much of it stands among other lines.

    Args:
        problems: The problems.
        others: Lines of other text, read once.
    """
    lines = {problem.task_id: telling_lines(problem.code) for problem in problems}
    wanted = {line for found in lines.values() for line in found}
    seen: set[str] = set()
    for line in others:
        seen.update(text for text in telling_lines(line) if text in wanted)
    return [
        Overlap(task_id=task, lines=len(found), matched=tuple(x for x in found if x in seen))
        for task, found in lines.items()
    ]
