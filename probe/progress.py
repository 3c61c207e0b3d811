"""The progress display of the command line: rich bars on stderr."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

__all__ = ["Bars"]

_LINE_EVERY = 0.1  # share of a task between two lines where there is no terminal


class Bars:
    """Shows one bar a task on a terminal, and a line now and then elsewhere.

    A context manager; implements :class:`generators.progress.Progress`.
    """

    def __init__(self) -> None:
        """Show on stderr, as it is now."""
        console = self._console = Console(stderr=True)
        self._bars = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._label = ""
        self._total: int | None = None
        self._count = 0
        self._said = 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def start(self, label: str, total: int | None) -> None:
        """Begin a bar."""
        self._label, self._total, self._count, self._said = label, total, 0, 0
        self._task = self._bars.add_task(label, total=total)
        if not self._console.is_terminal:
            self._console.print(f"{label} ..." if total is None else f"{label}: 0/{total}")

    def advance(self, n: int = 1) -> None:
        """Move the bar."""
        self._count += n
        if self._task is not None:
            self._bars.advance(self._task, n)
        if not self._console.is_terminal and self._total:
            step = int(self._count / self._total / _LINE_EVERY)
            if step > self._said:
                self._said = step
                self._console.print(f"{self._label}: {self._count}/{self._total}")

    def finish(self) -> None:
        """End the bar."""
        if self._task is not None:
            self._bars.stop_task(self._task)
            self._task = None
