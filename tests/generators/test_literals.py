"""Values and their texts: round trips, widening, refusals, equality policies."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from generators.errors import LiteralError
from generators.literals import (
    MAX_DEPTH,
    EqualityPolicy,
    canonical_text,
    equal,
    exact_equal,
    from_literal,
    to_literal,
    type_name,
)

HASHABLE_ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(allow_nan=False, allow_infinity=False),
    st.text(st.characters()),
    st.binary(),
    st.decimals().filter(lambda value: not value.is_snan()),
    st.fractions(),
)
HASHABLE = st.recursive(
    HASHABLE_ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(tuple), st.frozensets(inner, max_size=4)
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.sets(HASHABLE, max_size=4),
        st.dictionaries(HASHABLE, inner, max_size=4),
    ),
    max_leaves=12,
)

Point = namedtuple("Point", "x y")


class Colour(IntEnum):
    RED = 3


class Word(StrEnum):
    YES = "yes"


class LoudInt(int):
    def __repr__(self) -> str:
        return "666"

    def __str__(self) -> str:
        return "666"

    def __pos__(self) -> int:
        return 666


class LoudText(str):
    def __repr__(self) -> str:
        return "'forged'"

    def __str__(self) -> str:
        return "forged"


class LoudList(list[Any]):
    def __iter__(self) -> Any:
        return iter([666])

    def __len__(self) -> int:
        return 1


class EqualToAll(int):
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True


class LyingMeta(type):
    def __eq__(cls, other: object) -> bool:
        return True

    def __hash__(cls) -> int:
        return hash(int)

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        return "int"


class Liar(metaclass=LyingMeta):
    def __repr__(self) -> str:
        return "42"


@given(VALUES)
@example(complex(1, -0.0))
@example(complex(-0.0, 1))
@example(complex(-0.0, -0.0))
@example({float("nan"), float("inf"), -0.0})
@example("\ud800\x00'\"\\")
@example((((),),))
def test_text_and_value_are_each_other(value: Any) -> None:
    text = to_literal(value)
    back = from_literal(text)
    assert exact_equal(back, value)
    assert to_literal(back) == text
    assert equal(EqualityPolicy.EXACT, text, text)
    assert type_name(value) == type(back).__name__


@given(VALUES)
def test_python_reads_the_text_as_the_same_value(value: Any) -> None:
    names = {"Decimal": Decimal, "Fraction": Fraction}
    assert exact_equal(eval(to_literal(value), names), value)


@given(st.text(), st.sampled_from(["{}", "[{}]", "float('{}')", "Decimal('{}')", "{{{}: 1}}"]))
@example("9" * 5000, "{}")
@example("-" * 50_000 + "1", "{}")
@example("(" * 50_000, "{}")
@example("1+" * 50_000 + "1j", "{}")
@example("__import__('os')", "{}")
@example("sNaN", "Decimal('{}')")
@example("f'{1}'", "{}")
@example("*a", "[{}]")
def test_any_text_is_a_literal_or_refused(inner: str, frame: str) -> None:
    text = frame.format(inner)
    try:
        value = from_literal(text)
    except LiteralError:
        return
    if not isinstance(value, int) or abs(value) < 10**4000:
        assert exact_equal(from_literal(canonical_text(text)), value)


@pytest.mark.parametrize(
    ("value", "text", "name"),
    [
        (Counter("aab"), "{'a': 2, 'b': 1}", "dict"),
        (defaultdict(int, {1: 2}), "{1: 2}", "dict"),
        (OrderedDict(b=1, a=2), "{'b': 1, 'a': 2}", "dict"),
        (Point(1, [2]), "(1, [2])", "tuple"),
        (Colour.RED, "3", "int"),
        (Word.YES, "'yes'", "str"),
        ({1: 0, 2: 0}.keys(), "{1, 2}", "set"),
        (bytearray(b"ab"), "b'ab'", "bytes"),
        ([Colour.RED, (Word.YES,)], "[3, ('yes',)]", "list"),
    ],
    ids=lambda value: type(value).__qualname__,
)
def test_values_are_widened_to_the_builtin_they_equal(value: Any, text: str, name: str) -> None:
    assert to_literal(value) == text
    assert value == from_literal(text)
    assert type_name(value) == name


def test_a_reordered_dict_keeps_its_own_order() -> None:
    value = OrderedDict(a=1, b=2)
    value.move_to_end("a")
    assert to_literal(value) == "{'b': 2, 'a': 1}"


def test_no_method_of_a_subclass_is_called() -> None:
    assert to_literal([LoudInt(5), LoudText("true"), LoudList([1, 2])]) == "[5, 'true', [1, 2]]"


@pytest.mark.parametrize(
    "value",
    [EqualToAll(3), Liar(), object(), range(3), iter([]), deque([1]), UserDict(a=1), len, Enum],
    ids=lambda value: type(value).__qualname__,
)
def test_values_without_a_literal_are_refused(value: object) -> None:
    with pytest.raises(LiteralError, match="has no literal"):
        to_literal([value])


def test_the_message_names_the_true_class() -> None:
    with pytest.raises(LiteralError, match="type Liar has no"):
        to_literal(Liar())


@pytest.mark.parametrize(
    "value",
    [10**4400, complex("nan"), complex("inf"), Decimal("sNaN"), "x" * 101, [0] * 101],
    ids=["int", "nan", "inf", "sNaN", "str", "list"],
)
def test_values_out_of_bounds_are_refused(value: object) -> None:
    with pytest.raises(LiteralError):
        to_literal(value, max_chars=100)


@given(VALUES, st.integers(0, 40))
def test_no_text_is_longer_than_asked_for(value: object, most: int) -> None:
    whole = to_literal(value)
    try:
        assert to_literal(value, max_chars=most) == whole
        assert len(whole) <= most
    except LiteralError:
        assert len(whole) > most


def test_values_that_hold_themselves_are_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(LiteralError, match="refers to itself"):
        to_literal(loop)
    deep: Any = 0
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(LiteralError, match="nested too deeply"):
        to_literal(deep)


def test_shared_parts_cannot_blow_the_text_up() -> None:
    value: Any = 0
    for _ in range(60):
        value = [value, value]
    with pytest.raises(LiteralError, match="too long"):
        to_literal(value, max_chars=1000)


@pytest.mark.parametrize(
    ("policy", "left", "right", "same"),
    [
        (EqualityPolicy.PYTHON_EQ, "1", "True", True),
        (EqualityPolicy.PYTHON_EQ, "1.0", "1", True),
        (EqualityPolicy.PYTHON_EQ, "[1]", "(1,)", False),
        (EqualityPolicy.PYTHON_EQ, "float('nan')", "float('nan')", False),
        (EqualityPolicy.PYTHON_EQ, "Decimal('NaN')", "1", False),
        (EqualityPolicy.EXACT, "1", "True", False),
        (EqualityPolicy.EXACT, "{1}", "{True}", False),
        (EqualityPolicy.EXACT, "{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", True),
        (EqualityPolicy.EXACT, "float('nan')", "float('nan')", True),
        (EqualityPolicy.EXACT, "0.0", "-0.0", False),
        (EqualityPolicy.EXACT_TEXT, " 1", "1 ", True),
        (EqualityPolicy.EXACT_TEXT, "'a'", '"a"', False),
    ],
)
def test_policies(policy: EqualityPolicy, left: str, right: str, same: bool) -> None:
    assert equal(policy, left, right) is same


def test_parsing_is_safe_in_threads() -> None:
    errors: list[BaseException] = []

    def parse() -> None:
        try:
            for i in range(300):
                assert from_literal(f"[[{i}], ({i},), {{{i}: 'a'}}]")[0] == [i]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=parse) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
