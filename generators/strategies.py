"""Hypothesis strategies for values and arguments that look like given examples.

For property tests of one's own: what a strategy finds is shrunk, replayed and shown by hypothesis.
:mod:`generators.inputs` draws from the same plans by itself, thirty times faster, as it needs
none of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from generators.shaping.chooser import Chooser
from generators.shaping.drawing import Plan, draw_arguments, draw_value
from generators.shaping.inference import infer
from generators.shaping.planning import make_plans
from generators.shaping.shapes import Shape

__all__ = ["arguments", "values"]

Draw = Callable[[st.SearchStrategy[int]], int]


def values(examples: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for values that look like all of the example values."""
    return _values(infer(examples))


def arguments(rows: Sequence[tuple[Any, ...]]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return a strategy for the arguments of a call like the example calls.

    Args:
        rows: The arguments of each example call; calls of one make share a plan.
    """
    return _arguments(make_plans(rows))


def _chooser(draw: Draw) -> Chooser:
    return Chooser(between=lambda low, high: draw(st.integers(low, high)))


@st.composite
def _values(draw: Draw, shape: Shape) -> Any:
    return draw_value(_chooser(draw), shape)


@st.composite
def _arguments(draw: Draw, plans: tuple[Plan, ...]) -> tuple[Any, ...]:
    chooser = _chooser(draw)
    return draw_arguments(chooser, chooser.pick(plans))
