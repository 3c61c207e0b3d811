"""Trivial baselines for questions about steps: what can be had without following the program.

Called by :mod:`probe.tasks.steps.derive`, which stores every guess beside the model's answer in
the same sample. A guess may use the question, the answers in the program's other calls, and how
often each answer comes in other programs; which kind is guessed at by which baselines says
:data:`probe.tasks.steps.kinds.KINDS`.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from generators.errors import LiteralError
from generators.literals import PARSING, parse_node
from probe.tasks.steps.places import Place

__all__ = ["GUESSES", "Known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a guess may use: everything but the call that is asked about.

    Attributes:
        others: The places of the program's other calls, in the order in which they are asked for
            advice.
        elsewhere: How often each answer comes in other programs.
    """

    others: Sequence[Place]
    elsewhere: Counter[str]


def _line_plus_one(place: Place, _: Known) -> str:
    return str(place.line + 1)


def _always_true(_: Place, __: Known) -> str:
    return "True"


def _value_before(place: Place, _: Known) -> str:
    return place.before


def _first_length(place: Place, _: Known) -> str:
    """The length of the call's first argument that has one."""
    with PARSING:
        call = ast.parse(place.trace.call, mode="eval").body
    for argument in call.args if isinstance(call, ast.Call) else ():
        try:
            value = parse_node(argument)
        except LiteralError:
            continue
        if hasattr(value, "__len__"):
            return str(len(value))
    return ""


def _frequent_successor(place: Place, known: Known) -> str:
    return _most(Counter(other.answer for other in known.others if other.line == place.line))


def _majority(_: Place, known: Known) -> str:
    return _most(known.elsewhere)


def _other_call(place: Place, known: Known) -> str:
    """The answer to the same question in another call, or to one as near to it as there is."""
    near = [o for o in known.others if (o.line, o.name) == (place.line, place.name)]
    if not near:
        return ""
    call = [other for other in near if other.trace is near[0].trace]
    return min(call, key=lambda other: (abs(other.time - place.time), other.time)).answer


def _most(counts: Counter[str]) -> str:
    return min(counts, key=lambda answer: (-counts[answer], answer)) if counts else ""


GUESSES: Mapping[str, Callable[[Place, Known], str]] = {
    "line_plus_one": _line_plus_one,
    "frequent_successor": _frequent_successor,
    "always_true": _always_true,
    "majority": _majority,
    "other_call": _other_call,
    "value_before": _value_before,
    "first_length": _first_length,
}
"""The trivial baselines by name; an empty text where one has nothing to say."""
