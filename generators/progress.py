"""How long-running functions tell a caller how far they are.

The command line hands in a display; libraries and tests hand in nothing.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Quiet"]


class Progress(Protocol):
    """A display of one task after another."""

    def start(self, label: str, total: int | None) -> None:
        """Begin a task of ``total`` units (``None`` if not known)."""

    def advance(self, n: int = 1) -> None:
        """Report ``n`` more units of the current task as done."""

    def finish(self) -> None:
        """End the current task."""


class Quiet:
    """A progress display that shows nothing."""

    def start(self, label: str, total: int | None) -> None:
        """Show nothing."""

    def advance(self, n: int = 1) -> None:
        """Show nothing."""

    def finish(self) -> None:
        """Show nothing."""
