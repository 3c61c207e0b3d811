"""The kinds of feedback givers, by name. Imports nothing, for the command line."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Giver"]


class Giver(StrEnum):
    """The kinds of feedback givers."""

    EXECUTION = "execution"
    """One sentence made from the first test that fails."""
    MODEL = "model"
    """A model sees program and outcome and writes a sentence."""
    RECORDED = "recorded"
    """What a file says, of whatever author."""
    HUMAN = "human"
    """A person at the terminal types a sentence."""
