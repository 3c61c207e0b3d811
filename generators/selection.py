"""Which of a program's calls become traces: coverage first, then different outputs and sizes.

Called by :mod:`generators.programs`. Pure functions on what is known of each call; nothing is
run here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Facts", "choose", "varied_count"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What decides about one call.

    Attributes:
        output: Literal text of its value.
        call_chars: Length of the call's text.
        branches: Branch outcomes it reached.
    """

    output: str
    call_chars: int
    branches: frozenset[int]


def choose(calls: Sequence[Facts], count: int, *, beside: Sequence[str] = ()) -> list[int]:
    """Choose up to ``count`` calls so that at most half of all have one output.

    One after the other: the call that reaches most branch outcomes that none before it reached,
    then one with the rarest output, then one whose output and call have the rarest sizes, then
    the first. Where the outputs do not vary enough, fewer are chosen; where there is nothing
    beside them, a single call always may.

    Args:
        calls: The calls to choose from, in a fixed order.
        count: How many are wanted.
        beside: Outputs of calls that stay in any case.

    Returns:
        Indices into ``calls``, in the order chosen.
    """
    most = _most(count + len(beside))
    covered: set[int] = set()
    outputs = Counter(beside)
    sizes: Counter[tuple[int, int]] = Counter()
    size = [_size(call) for call in calls]
    left = dict(enumerate(calls))
    chosen: list[int] = []
    while left and len(chosen) < count:
        best = min(
            left,
            key=lambda i: (
                -len(left[i].branches - covered),
                outputs[left[i].output],
                sizes[size[i]],
                i,
            ),
        )
        call = left.pop(best)
        if outputs[call.output] >= most:
            continue
        chosen.append(best)
        covered |= call.branches
        outputs[call.output] += 1
        sizes[size[best]] += 1
    return _balanced(calls, chosen, outputs)


def _most(total: int) -> int:
    """Return how many of so many calls may have one output."""
    return max(1, total // 2)


def _size(call: Facts) -> tuple[int, int]:
    """Return the orders of magnitude, in powers of two, of the output's and the call's length."""
    return len(call.output).bit_length(), call.call_chars.bit_length()


def _balanced(calls: Sequence[Facts], chosen: list[int], outputs: Counter[str]) -> list[int]:
    """Leave out the last calls of an output that more than half of all share."""
    surplus, common = _surplus(outputs)
    for index in reversed(chosen):
        if surplus > 0 and calls[index].output == common:
            chosen = [i for i in chosen if i != index]
            surplus -= 1
    return chosen


def _surplus(outputs: Counter[str]) -> tuple[int, str]:
    """Return how many calls of the most common output there are too many, and that output."""
    ((common, times),) = outputs.most_common(1) or [("", 0)]
    return max(0, times - max(1, outputs.total() - times)), common


def varied_count(outputs: Sequence[str], count: int, *, beside: Sequence[str] = ()) -> int:
    """Return how many of ``count`` wanted calls :func:`choose` finds among these outputs."""
    most = _most(count + len(beside))
    fixed = Counter(beside)
    room = {
        output: max(0, min(times, most - fixed[output]))
        for output, times in Counter(outputs).items()
    }
    capped = min(count, sum(room.values()))
    surplus, common = _surplus(fixed + Counter(room))
    return min(capped, sum(room.values()) - min(surplus, room.get(common, 0)))
