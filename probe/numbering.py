"""Programs with numbered lines, for prompts that speak of lines.

Called by :mod:`probe.step_prompts` and :mod:`probe.scratchpad`.
"""

from __future__ import annotations

from generators.records import Trace

__all__ = ["numbered_program"]


def numbered_program(trace: Trace) -> str:
    """Return a trace's program with its line numbers, and its set-up code without any.

    Numbers count as in recordings, from the first line of ``code``; blank lines around the
    program are left out.
    """
    lines = trace.code.split("\n")
    said = [number for number, line in enumerate(lines, 1) if line.strip()]
    width = len(str(said[-1]))
    shown = range(said[0], said[-1] + 1)
    text = "\n".join(f"{number:>{width}}  {lines[number - 1]}".rstrip() for number in shown)
    setup = trace.setup.strip()
    return f"{text}\n\n{setup}" if setup else text
