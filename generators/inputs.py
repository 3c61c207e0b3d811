"""New calls of a program, made up after the pattern of its example calls.

Called by :mod:`generators.tracing`. What the examples have in common is found in
:mod:`generators.shaping`; here it becomes a hypothesis strategy. Calls are drawn from it
through hypothesis' entry for fuzzers, which turns given bytes into one example: a hash of (seed,
task id, attempt) supplies the bytes, so a call depends on nothing else. (The usual test runner
is slower, mixes in constants that it finds in whatever modules are loaded, and keeps files in
the working directory.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from hypothesis import Verbosity, given, settings
from hypothesis import strategies as st

from generators.calls import literal_arguments, render_call
from generators.errors import LiteralError
from generators.literals import exact_equal
from generators.records import Call, Origin
from generators.shaping.chooser import Chooser
from generators.shaping.drawing import Plan, draw_arguments, draw_value
from generators.shaping.inference import infer, profiles
from generators.shaping.relations import Relation, find_relations
from generators.shaping.shapes import Either, Pool, Shape

__all__ = ["arguments", "generate_calls", "iterate_calls", "values"]

MAX_MISSES = 60
BUFFER_BYTES = 8192
Draw = Callable[[st.SearchStrategy[int]], int]


def generate_calls(examples: Sequence[Call], *, count: int, seed: int, task_id: int) -> list[Call]:
    """Return up to ``count`` new calls in the manner of ``examples``.

    Args:
        examples: Calls of one program; those with arguments that are no literals are passed over.
        count: How many calls are wanted; there are fewer if the space of inputs is small.
        seed: Seed of the run.
        task_id: Task of the program; calls of different tasks are independent.

    Returns:
        Distinct calls, none of them an example. A greater ``count`` only adds calls at the end.
    """
    return list(islice(iterate_calls(examples, seed=seed, task_id=task_id), count))


def iterate_calls(examples: Sequence[Call], *, seed: int, task_id: int) -> Iterator[Call]:
    """Yield the calls of :func:`generate_calls` one by one, until no new ones are found."""
    found = [(call.entry_point, literal_arguments(call)) for call in examples]
    known = [(name, row) for name, row in found if row and _rendered(name, row)]
    if not known:
        return
    name = known[0][0]
    rows = [row for other, row in known if other == name]
    drawn: list[tuple[Any, ...]] = []

    @settings(database=None, deadline=None, verbosity=Verbosity.quiet)
    @given(arguments(rows))
    def collect(row: tuple[Any, ...]) -> None:
        drawn.append(row)

    handle: Any = collect  # the decorator's attribute has no type
    draw_one = handle.hypothesis.fuzz_one_input
    seen = {render_call(name, row) for row in rows}
    misses = attempt = 0
    while misses < MAX_MISSES:
        material = hashlib.shake_256(f"{seed}/{task_id}/{attempt}".encode())
        draw_one(material.digest(BUFFER_BYTES))
        attempt += 1
        text = _rendered(name, drawn.pop()) if drawn else None
        if text is None or text in seen:
            misses += 1
            continue
        misses = 0
        seen.add(text)
        yield Call(entry_point=name, text=text, origin=Origin.GENERATED)


def _rendered(name: str, row: tuple[Any, ...]) -> str | None:
    try:
        return render_call(name, row)
    except LiteralError:  # an int that outgrew what literals can hold
        return None


def values(examples: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for values that look like all of the example values."""
    return _values(infer(examples))


def arguments(rows: Sequence[tuple[Any, ...]]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return a strategy for the arguments of a call like the example calls.

    Args:
        rows: The arguments of each example call; calls of one make share a plan.
    """
    plans: list[Plan] = []
    for arity in dict.fromkeys(len(row) for row in rows):
        same = [row for row in rows if len(row) == arity]
        relations = tuple(find_relations(same))
        fixed = _fixed_positions(same, relations)
        for group in profiles(same):
            shapes = tuple(
                _mostly(column[0], infer(column)) if i in fixed else infer(column, alone=arity == 1)
                for i, column in enumerate(zip(*group, strict=True))
            )
            plan = Plan(rows=tuple(group), shapes=shapes, relations=relations)
            plans += [plan] * len(group)
    return _arguments(tuple(plans))


def _fixed_positions(rows: Sequence[tuple[Any, ...]], relations: Sequence[Relation]) -> set[int]:
    """Return the scalar arguments that no example varies, while it varies others."""
    columns = list(zip(*rows, strict=True))
    tied = {relation.position for relation in relations if not relation.tie.startswith("often")}
    same = {i for i, c in enumerate(columns) if all(exact_equal(c[0], value) for value in c)}
    if len(rows) < 2 or len(same) == len(columns):
        return set()
    return {i for i in same - tied if isinstance(columns[i][0], int | float | str)}


def _mostly(value: Any, shape: Shape) -> Shape:
    constant = Pool(values=(value,))
    return Either(options=(constant, constant, shape))


def _chooser(draw: Draw) -> Chooser:
    return Chooser(lambda low, high: draw(st.integers(low, high)))


@st.composite
def _values(draw: Draw, shape: Shape) -> Any:
    return draw_value(_chooser(draw), shape)


@st.composite
def _arguments(draw: Draw, plans: tuple[Plan, ...]) -> tuple[Any, ...]:
    chooser = _chooser(draw)
    return draw_arguments(chooser, chooser.pick(plans))
