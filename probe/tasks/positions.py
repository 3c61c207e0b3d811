"""Where in an execution prompt states are read.

Called by the task that probes representations, and by the configs and options that name positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from probe.prompts import EXECUTION_V1

__all__ = ["Position", "position_ends"]


class Position(StrEnum):
    """A token of the prompt."""

    PROGRAM = "program"
    """The last of the program: the call is not read yet, so what is there is the same for all
    calls."""
    CALL = "call"
    """The last of the call."""
    LAST = "last"
    """The last of the prompt, from which the model would go on."""


def position_ends(prompt: str, call: str, positions: Sequence[Position]) -> list[int]:
    """Return after how many characters of a prompt each position ends.

    Args:
        prompt: A prompt in the template ``EXECUTION_V1``.
        call: The call that it asks about.
        positions: Which are wanted.
    """
    after = {
        Position.PROGRAM: EXECUTION_V1.item.rpartition("{code}")[2].format(call=call),
        Position.CALL: EXECUTION_V1.item.rpartition("{call}")[2],
        Position.LAST: "",
    }
    return [len(prompt.removesuffix(after[position])) for position in positions]
