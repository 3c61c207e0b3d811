"""Preconditions: found where failures lie beyond what goes well, and only there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.shaping.lessons import Lessons


def taught(rows: list[tuple[Any, ...]], sound: Callable[..., bool]) -> Lessons:
    lessons = Lessons()
    for row in rows:
        lessons.add(row, sound=sound(*row))
    return lessons


@pytest.mark.parametrize(
    ("rows", "sound", "bad", "good"),
    [
        ([(n,) for n in range(-5, 6)], lambda n: n > 0, (-3,), (4,)),
        ([(n,) for n in range(30)], lambda n: n < 20, (99,), (12,)),
        ([([0] * n,) for n in range(8)], lambda x: len(x) >= 4, ([],), ([1, 2, 3, 4, 5],)),
        ([(i, [1] * 4) for i in range(9)], lambda i, x: i < len(x), (5, [1] * 2), (1, [1] * 3)),
        ([(i, j) for i in range(4) for j in range(4)], lambda i, j: i > j, (1, 3), (3, 1)),
        ([([n - 3, 9],) for n in range(8)], lambda x: min(x) >= 0, ([4, -2],), ([3, 3],)),
        ([(n, [1, 2, 3]) for n in range(9)], lambda n, x: n in x, (8, [1, 2]), (2, [2, 5])),
        ([(c, "abc") for c in "abcxyz"], lambda c, s: c in s, ("z", "ab"), ("a", "ba")),
    ],
    ids=["sign", "ceiling", "size", "index", "order", "least", "member", "letter"],
)
def test_what_separates_failures_is_learned(
    rows: list[tuple[Any, ...]],
    sound: Callable[..., bool],
    bad: tuple[Any, ...],
    good: tuple[Any, ...],
) -> None:
    lessons = taught(rows, sound)
    assert lessons.refuse(bad)
    assert not lessons.refuse(good)


def test_few_failures_teach_nothing() -> None:
    assert not taught([(5,), (-1,), (-2,)], lambda n: n > 0).refuse((-9,))


def test_failures_alone_teach_nothing() -> None:
    assert not taught([(n,) for n in range(9)], lambda n: False).refuse((3,))


def test_a_contradicted_bound_is_given_up() -> None:
    lessons = taught([(n,) for n in range(-5, 6)], lambda n: n > 0)
    assert lessons.refuse((-4,))
    lessons.add((-9,), sound=True)
    assert not lessons.refuse((-4,))


@given(
    st.lists(
        st.tuples(
            st.integers() | st.floats() | st.text(max_size=3),
            st.lists(st.integers(-9, 9)) | st.dictionaries(st.text(max_size=2), st.none()),
        ),
        max_size=25,
    ),
    st.data(),
)
def test_what_went_well_is_never_refused(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    lessons = Lessons()
    good = []
    for row in rows:
        sound = data.draw(st.booleans())
        lessons.add(row, sound=sound)
        good += [row] if sound else []
    assert not any(lessons.refuse(row) for row in good)
