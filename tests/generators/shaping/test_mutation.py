"""Small changes to arguments: of the same make, all of them literals."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from generators.inputs import make_chooser
from generators.literals import from_literal, to_literal
from generators.shaping.mutation import atoms, mutated, with_constant

SCALARS = st.integers(-99, 99) | st.booleans() | st.text("abc 1", max_size=5) | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers(0, 9), inner, max_size=3)
        | st.sets(st.integers(0, 9), max_size=4)
    ),
    max_leaves=8,
)
ROWS = st.lists(VALUES, min_size=1, max_size=3).map(tuple)


def changes(row: tuple[Any, ...], spare: tuple[Any, ...] = ()) -> set[str]:
    chooser = make_chooser("x")
    return {to_literal(mutated(chooser, row, [*atoms(row), *spare])) for _ in range(600)}


@given(ROWS, st.integers())
def test_arguments_keep_their_number_and_types(row: tuple[Any, ...], seed: int) -> None:
    chooser = make_chooser(str(seed))
    for _ in range(8):
        changed = mutated(chooser, row, atoms(row))
        assert [type(value) for value in changed] == [type(value) for value in row]
        assert to_literal(from_literal(to_literal(changed))) == to_literal(changed)


@given(st.integers(0, 10**9), st.integers())
def test_numbers_that_are_not_negative_stay_so_alone(number: int, seed: int) -> None:
    chooser = make_chooser(str(seed))
    changed = [mutated(chooser, ([number],), ())[0] for _ in range(8)]
    assert all(item >= -10 for items in changed for item in items)


def test_one_of_each_sort_of_change_comes_up() -> None:
    assert {"([1, 2, 3, 1, 2, 3],)", "([3, 2, 1],)", "([2, 3],)", "([2, 4, 6],)"} <= changes(
        ([1, 2, 3],)
    )
    sums = {sum(from_literal(text)) for text in changes((50, 60, 70))}
    assert 180 in sums
    assert "('xbbx',)" in changes(("abba",), spare=("xyz",))


def test_renaming_reaches_every_place() -> None:
    texts = changes((["red", "green", "red"], "red"))
    assert "(['green', 'green', 'green'], 'green')" in texts


def test_constants_take_the_place_of_their_type() -> None:
    chooser = make_chooser("c")
    rows = {to_literal(with_constant(chooser, (1, ["a"], True), (7, "word"))) for _ in range(40)}
    assert rows == {"(7, ['a'], True)", "(1, ['word'], True)"}
    assert with_constant(chooser, (1.5,), (7, "word")) == (1.5,)


@given(VALUES)
def test_atoms_are_the_scalars_inside(value: Any) -> None:
    found = atoms(value)
    assert not any(isinstance(item, list | tuple | set | dict) for item in found)
    random.Random(0).shuffle(found)
    assert len(atoms([value, value])) == 2 * len(found)
