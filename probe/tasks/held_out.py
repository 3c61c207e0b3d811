"""Which calls of a program a model is asked about and which are shown beside them.

Called by the grid and, for its prompts, by fine-tuning. The choice depends on the seed and on the
traces' own names alone.

Source: paper, section 6: one call held out (L) or two (R), and in prompts with tests the other
two asserts (L) or one of them (R) shown. Which of the three are held out is not public: here the
last ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from generators.jsonl import sha256_text
from generators.records import Origin, Trace
from probe.prompts import Asked

__all__ = ["Held", "Inputs", "Setting", "hold_out", "with_tests"]


class Setting(StrEnum):
    """How many calls of a program are held out."""

    L = "L"
    """One call; prompts with tests show two others."""
    R = "R"
    """Two calls, right only if both are; prompts with tests show one other."""


class Inputs(StrEnum):
    """Where held-out calls come from."""

    PUBLIC = "public"
    """Asserts of the data set, which a model may have seen."""
    FRESH = "fresh"
    """Generated calls of the same programs, in no public data set, with the same tests shown."""


_HELD_OUT = {Setting.L: 1, Setting.R: 2}
_SHOWN = {Setting.L: 2, Setting.R: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One program's part in a cell.

    Attributes:
        traces: The calls to predict.
        tests: The asserts that prompts with tests show; fewer than the setting says for a
            program that has few different ones.
    """

    traces: tuple[Trace, ...]
    tests: tuple[Trace, ...]


def hold_out(traces: Sequence[Trace], setting: Setting, inputs: Inputs, *, seed: int) -> list[Held]:
    """Choose the calls of each program.

    Fresh calls are chosen so that the types of their outputs are as even as the programs allow.

    Args:
        traces: Traces of whole programs.
        setting: How many calls are held out.
        inputs: Where they come from.
        seed: Seed of the choice among generated calls.

    Returns:
        One entry a program, in file order; programs without enough calls are left out, but one
        assert is enough for a program that has no other.
    """
    programs: dict[tuple[str, int], list[Trace]] = {}
    for trace in traces:
        if not trace.raises:
            programs.setdefault((trace.source, trace.task_id), []).append(trace)
    count = _HELD_OUT[setting]
    fresh = _fresh(programs, count, seed) if inputs is Inputs.FRESH else {}
    found = []
    for name, own in programs.items():
        asserts = [trace for trace in own if trace.origin is Origin.ASSERT]
        held = fresh.get(name, []) if inputs is Inputs.FRESH else asserts[-count:]
        if held and (inputs is Inputs.PUBLIC or len(held) == count):
            tests = asserts[: -count or None][: _SHOWN[setting]]
            found.append(Held(traces=tuple(held), tests=tuple(tests)))
    return found


def with_tests(trace: Trace, program: Sequence[Trace], setting: Setting) -> Asked:
    """Return any call of a program with the tests to show beside it: its first other asserts.

    Args:
        trace: The call.
        program: All traces of its program.
        setting: Says how many.
    """
    others = [t for t in program if t.origin is Origin.ASSERT and t.trace_id != trace.trace_id]
    return Asked(trace=trace, tests=tuple(others[: _SHOWN[setting]]))


def _fresh(
    programs: dict[tuple[str, int], list[Trace]], count: int, seed: int
) -> dict[tuple[str, int], list[Trace]]:
    """Choose generated calls, programs in a random order, always a type that is rare so far."""

    def rank(*parts: object) -> str:
        return sha256_text("\0".join(map(str, (seed, "fresh", *parts))))

    types: Counter[str] = Counter()
    chosen: dict[tuple[str, int], list[Trace]] = {}
    for name in sorted(programs, key=lambda name: rank(*name)):
        left = [trace for trace in programs[name] if trace.origin is Origin.GENERATED]
        chosen[name] = []
        for _ in range(min(count, len(left))):
            best = min(left, key=lambda t: (types[t.output_type], rank(t.source, t.trace_id)))
            left.remove(best)
            types[best.output_type] += 1
            chosen[name].append(best)
    return chosen
