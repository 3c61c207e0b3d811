"""Shapes and relations: what generated arguments keep of their examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.calls import render_call
from generators.literals import from_literal, to_literal
from generators.shaping.habits import formed, habits_of
from generators.shaping.inference import infer, order_of, profiles
from generators.shaping.relations import Tie, find_relations
from generators.shaping.shapes import Habit, Order, Pool, Record, Text, Whole
from generators.strategies import arguments, values

scalars = (
    st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.booleans()
    | st.none()
    | st.text("abXY01 .", max_size=8)
    | st.binary(max_size=4)
)
keys = st.integers(-5, 5) | st.text("ab", max_size=3) | st.tuples(st.integers(0, 3))
literals = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
        | st.sets(keys, max_size=3)
        | st.frozensets(st.integers(0, 9), max_size=3)
    ),
    max_leaves=12,
)


def _name(value: object) -> str:
    return "holds" if callable(value) else repr(value)


@given(st.data(), st.integers(1, 3), st.integers(1, 4))
def test_arguments_have_the_types_of_some_example(data: st.DataObject, arity: int, n: int) -> None:
    rows = [data.draw(st.tuples(*[literals] * arity)) for _ in range(n)]
    made = data.draw(arguments(rows))
    assert [type(value) for value in made] in [[type(value) for value in row] for row in rows]
    assert to_literal(from_literal(to_literal(made))) == to_literal(made)


@given(st.data(), st.lists(st.integers(), min_size=1, max_size=5))
def test_ints_keep_their_sign(data: st.DataObject, examples: list[int]) -> None:
    value = data.draw(values(examples))
    assert type(value) is int
    if min(examples) >= 0:
        assert value >= (1 if min(examples) > 0 else 0)
    if max(examples) < 0:
        assert value < 0
    assert abs(value) <= 1.5 * max(map(abs, examples)) + 20


@given(st.data(), st.lists(st.integers(-9999, 9999).map(lambda n: n / 100), min_size=1))
def test_floats_keep_their_decimals(data: st.DataObject, examples: list[float]) -> None:
    value = data.draw(values(examples))
    assert type(value) is float
    assert round(value, 2) == value
    if min(examples) >= 0:
        assert value >= 0
    if all(0 <= n <= 1 for n in examples) and any(0 < n < 1 for n in examples):
        assert value <= 1


@given(st.data(), st.lists(st.text("abcXYZ019 _-", max_size=12), min_size=1, max_size=4))
def test_texts_use_the_examples_alphabet(data: st.DataObject, examples: list[str]) -> None:
    value = data.draw(values(examples))
    seen = set("".join(examples))
    assert {c for c in value if not c.isalnum()} <= seen | {" "}
    for kind in (str.islower, str.isupper, str.isdigit):
        assert not any(map(kind, value)) or any(map(kind, seen))


@given(st.data(), st.lists(st.lists(st.integers(0, 50)), min_size=1, max_size=4))
def test_lists_of_ints_stay_so_and_bounded(data: st.DataObject, examples: list[list[int]]) -> None:
    value = data.draw(values(examples))
    assert type(value) is list
    assert all(type(item) is int and item >= 0 for item in value)
    assert len(value) <= max(12, max(map(len, examples)))
    if all(examples):
        assert value


@given(st.data())
def test_records_keep_their_places(data: st.DataObject) -> None:
    examples = [[("Ann", 3), ("Bo", 14)], [("Cy", 1), ("Di", 2), ("Ed", 30)]]
    for name, number in data.draw(values(examples)):
        assert type(name) is str
        assert type(number) is int


@given(st.data())
def test_dicts_with_fixed_keys_keep_them(data: st.DataObject) -> None:
    examples = [[{"name": "a", "price": 1.5}, {"name": "b", "price": 20.25}]]
    for row in data.draw(values(examples)):
        assert list(row) == ["name", "price"]


@pytest.mark.parametrize(
    ("examples", "holds"),
    [
        ([[1, 4, 9], [2, 3, 30]], lambda v: v == sorted(set(v))),
        ([[1, 4, 4], [2, 3, 30]], lambda v: v == sorted(v)),
        ([[9, 4, 4], [30, 3, 2]], lambda v: v == sorted(v, reverse=True)),
        ([["a", "b", "k"], ["b", "c"]], lambda v: v == sorted(v)),
        ([[[1, 2], [3, 4]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]], lambda v: _widths(v) <= {len(v)}),
        ([[[1, 2, 3]] * 4, [[4, 5, 6], [7, 8, 9]]], lambda v: _widths(v) <= {3}),
        ([[[1, 2], [5, 4]], [[1, 2, 3, 4]] * 3], lambda v: len(_widths(v)) <= 1),
        ([[[1], [2, 3], [4, 5, 6]]], lambda v: [*map(len, v)] == [*range(1, len(v) + 1)]),
        ([[2, 0, 1], [1, 0], [0, 3, 2, 1]], lambda v: sorted(v) == [*range(len(v))]),
        (["12/03/2004", "07/11/1999"], lambda v: [*map(len, v.split("/"))] == [2, 2, 4]),
        (["0110", "1011", "11"], lambda v: set(v) <= set("01")),
        ([["win", "lose", "win"], ["lose"] * 5], lambda v: set(v) <= {"win", "lose"}),
        ([((None, 1, None), 2, (None, 3, None))], lambda v: [len(v), len(v[0])] == [3, 3]),
        ([(1, "a"), (2, "b")], lambda v: [type(i) for i in v] == [int, str]),
        ([b"ab", b"ba"], lambda v: type(v) is bytes),
        ([1 + 2j, 3j], lambda v: v in (1 + 2j, 3j)),
        ([math.inf, 1.0], lambda v: v in (math.inf, 1.0)),
        ([{1, 5}, {2}], lambda v: type(v) is set and all(i > 0 for i in v)),
        ([[], []], lambda v: v == []),
        ([{}], lambda v: v == {}),
    ],
    ids=_name,
)
@settings(max_examples=25)
@given(data=st.data())
def test_patterns_are_kept(
    data: st.DataObject, examples: list[Any], holds: Callable[[Any], bool]
) -> None:
    assert holds(data.draw(values(examples)))


def _widths(rows: Sequence[Sequence[Any]]) -> set[int]:
    return {len(row) for row in rows}


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        ([([1, 5], 2), ([7, 3, 3], 3)], lambda a, n: n == len(a)),
        ([("ab", 1), ("xyz", 2)], lambda a, n: n == len(a) - 1),
        ([([[1, 2], [3, 4], [5, 6]], 2), ([[1, 2, 3]] * 2, 3)], lambda a, n: n == len(a[0])),
        ([([9, 8, 7], 0), ([4, 5], 1)], lambda a, i: 0 <= i < len(a)),
        ([([9, 8, 7], 2), ([4, 5, 6, 7], 1)], lambda a, i: 1 <= i < len(a) or len(a) == 1),
        ([([9, 8, 7], 3), ([4, 5, 6, 7], 1)], lambda a, i: 1 <= i <= len(a)),
        ([([10, 20, 30], [0, 2]), ([40, 50], [1])], lambda a, i: all(j < len(a) for j in i)),
        ([([90, 80, 70], 80), ([40, 50], 40)], lambda a, x: x in a),
        ([("two words", "words"), ("here it is", "it")], lambda a, x: x in a),
        ([([1, 2, 3], [4, 5, 6]), ([1, 9], [2, 2])], lambda a, b: len(a) == len(b)),
        ([("abc", "xyz"), ("de", "fg")], lambda a, b: len(a) == len(b)),
        ([(1, 7), (3, 5), (2, 100)], lambda low, high: low <= high),
    ],
    ids=_name,
)
@settings(max_examples=25)
@given(data=st.data())
def test_ties_between_arguments_are_kept(
    data: st.DataObject, rows: list[tuple[Any, ...]], holds: Callable[..., bool]
) -> None:
    assert holds(*data.draw(arguments(rows)))


def test_an_argument_that_never_varies_mostly_stays() -> None:
    strategy = arguments([("corner", "AaEe"), ("valid", "AaEe"), ("true", "AaEe")])
    seen = []

    @given(strategy)
    def collect(row: tuple[str, str]) -> None:
        seen.append(row[1])

    collect()
    assert seen.count("AaEe") > len(seen) / 3


def test_one_example_shows_no_ties() -> None:
    assert find_relations([([1, 2], 2)]) == []


def test_examples_of_several_makes_are_kept_apart() -> None:
    rows: list[tuple[Any, ...]] = [([1, 2], 1), (["a"], "a"), ([3], 3), ([], 1)]
    assert profiles(rows) == [[([1, 2], 1), ([3], 3), ([], 1)], [(["a"], "a")]]


def test_ties_that_only_some_examples_show() -> None:
    ties = {r.tie for r in find_relations([("abc", "cab"), ("abc", "xyzzy"), ("ab", "ab")])}
    assert ties == {Tie.OFTEN_PERMUTED, Tie.OFTEN_SAME}
    ties = {r.tie for r in find_relations([([1, 2, 3], [3, 9, 9, 8]), ([4], [7, 8])])}
    assert ties == {Tie.OFTEN_SHARING}


def test_few_values_seen_often_are_a_closed_set() -> None:
    assert infer([0, 1, 2, 2, 1, 0, 0, 1, 1, 2, 2, 0], inner=True) == Pool(values=(0, 1, 2))
    assert isinstance(infer([0, 1, 2], inner=True), Whole)


def test_big_numbers_keep_their_order_of_magnitude() -> None:
    shape = infer([2841, 5])
    assert isinstance(shape, Whole)
    assert shape.ranges == ((1, 15), (1420, 4261))


def test_short_steps_are_no_evidence_of_order() -> None:
    assert order_of([[1, 2], [3, 4]]) is Order.ANY
    assert order_of([[1, 2, 3], [3, 4]]) is Order.STRICTLY_RISING
    assert order_of([[1, "a"], [2, 3, 4]]) is Order.ANY


def test_a_record_needs_places_of_different_make() -> None:
    assert isinstance(infer([("a", 1), ("b", 2)]), Record)
    assert not isinstance(infer([(1, 2), (3, 4)]), Record)


def test_words_of_sentences_are_known() -> None:
    shape = infer(["the red fox", "a fox"])
    assert isinstance(shape, Text)
    assert shape.words == ("the", "red", "fox", "a")


@pytest.mark.parametrize(
    ("example", "habit"),
    [
        ("aaa", Habit.UNIFORM),
        ("abcba", Habit.MIRRORED),
        ("zazaza", Habit.PERIODIC),
        ([3, 4, 9], Habit.RISING),
        ([9, 4, 3], Habit.FALLING),
    ],
)
def test_habits_are_found_and_followed(example: Sequence[Any], habit: Habit) -> None:
    assert habit in habits_of([example])
    made = formed(habit, [5, 1, 4, 1, 3, 6])
    assert habit in habits_of([made])
    assert len(made) == 6


def test_being_distinct_is_a_habit_only_beside_repetition() -> None:
    assert Habit.DISTINCT not in habits_of([[1, 7, 2]])
    assert Habit.DISTINCT in habits_of([[1, 7, 2], [1, 1]])
    assert formed(Habit.DISTINCT, [2, 1, 2]) == [2, 1]


def test_what_cannot_be_sorted_is_left_alone() -> None:
    assert formed(Habit.RISING, [1, "a"]) == [1, "a"]
    assert habits_of([[1, "a", 2]]) == ()


@given(st.data())
def test_calls_of_different_arity_are_both_made(data: st.DataObject) -> None:
    made = data.draw(arguments([(1,), (2, "x")]))
    assert render_call("f", made)
    assert [type(value) for value in made] in ([int], [int, str])
