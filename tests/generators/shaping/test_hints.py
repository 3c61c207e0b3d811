"""Type hints: read from the text, used where they allow more than the examples show."""

from __future__ import annotations

from typing import Any

import pytest

from generators.calls import literal_arguments, parse_assert
from generators.inputs import CallSource
from generators.shaping.hints import hinted_shapes, novel


def drawn(code: str, *tests: str, count: int = 120) -> list[tuple[Any, ...]]:
    examples = [call for test in tests if (call := parse_assert(f"assert {test}"))]
    source = CallSource(examples, code=code, seed=0, task_id=1)
    return [literal_arguments(call) or () for call in source.draw(count)]


def kinds(rows: list[tuple[Any, ...]], place: int = 0) -> set[str]:
    return {type(row[place]).__name__ for row in rows}


@pytest.mark.parametrize(
    ("hint", "example", "wanted"),
    [
        ("Optional[int]", "3", {"int", "NoneType"}),
        ("int | None", "3", {"int", "NoneType"}),
        ("typing.Union[int, str]", "3", {"int", "str"}),
        ("'int | str'", "3", {"int", "str"}),
        ("float", "3", {"int", "float"}),
        ("bool | list[int]", "True", {"bool", "list"}),
        ("Literal['a', 3]", "'a'", {"str", "int"}),
        ("dict[str, int] | tuple[int, ...]", "(1, 2)", {"dict", "tuple"}),
        ("Annotated[bytes | int, 'x']", "1", {"bytes", "int"}),
        ("frozenset[int] | set[int]", "{1}", {"frozenset", "set"}),
        ("list[int]", "[1]", {"list"}),
    ],
)
def test_types_that_no_example_shows_come_up(hint: str, example: str, wanted: set[str]) -> None:
    code = f"def f(x: {hint}):\n    return x\n"
    assert kinds(drawn(code, f"f({example}) == 1")) == wanted


@pytest.mark.parametrize(
    ("hint", "example", "inner"),
    [
        ("list[int | None]", "[1, 2, 3]", {"int", "NoneType"}),
        ("list[int]", "[]", {"int"}),
        ("Sequence[str]", "[]", {"str"}),
        ("tuple[int | str, bool]", "(1, True)", {"int", "str", "bool"}),
        ("dict[str, float | int]", "{'a': 1}", {"str"}),
    ],
)
def test_so_do_those_inside_of_containers(hint: str, example: str, inner: set[str]) -> None:
    code = f"def f(x: {hint}, y):\n    return x\n"
    rows = drawn(code, f"f({example}, 1) == 1", f"f({example}, 5) == 1")
    assert {type(item).__name__ for row in rows for item in row[0]} == inner
    assert kinds(rows, 1) == {"int"}


def test_hints_stand_in_for_examples_that_are_no_literals() -> None:
    code = "def f(x: list[int], word: str, flag: bool):\n    return x\n"
    rows = drawn(code, "f(make(), 'a', True) == 1")
    assert len(rows) == 120
    assert {tuple(type(value) for value in row) for row in rows} == {(list, str, bool)}


@pytest.mark.parametrize(
    "code",
    [
        "def f(x: list[int], node: Node):\n    pass",
        "def f(x, y: int):\n    pass",
        "def g(x: int):\n    pass",
        "def f(x: Literal[name]):\n    pass",
        "def f(x: Union[int, Node]):\n    pass",
        "def f(x: 'not python('):\n    pass",
        "def f(x: list[Node]):\n    pass",
        "def f(",
        "",
    ],
)
def test_where_hints_say_too_little_there_is_nothing(code: str) -> None:
    assert drawn(code, "f(make(), 1) == 1") == []


def test_without_news_calls_are_those_without_hints() -> None:
    hinted = "def f(x: list[int], n: int) -> int:\n    return x[n]\n"
    tests = ("f([1, 2], 0) == 1", "f([3, 5, 7], 2) == 1")
    assert drawn(hinted, *tests) == drawn("def f(x, n):\n    return x[n]\n", *tests)


def test_what_is_new() -> None:
    (shape,) = hinted_shapes("def f(x: dict[str, list[int | None]]):\n    pass", "f")
    assert shape
    assert novel(shape, [{"a": [1]}])
    assert novel(shape, [{}])
    assert not novel(shape, [{"a": [1]}, {"b": [None]}])
