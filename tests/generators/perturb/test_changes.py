"""Each kind of change on programs that show it; and the programs that it leaves alone."""

from __future__ import annotations

import pytest

from generators.perturb.kinds import Family, Kind, change_between
from generators.perturb.parsed import edited
from generators.perturb.places import Changes, Surroundings
from generators.perturb.roles import Vocabulary


def bodies(kind: Kind, body: str) -> set[str]:
    """All changed bodies of ``def f(a, b, items): ...``."""
    head = "def f(a, b, items):\n"
    code = head + "".join(f"    {line}\n" for line in body.split("\n"))
    found = Changes(code, Surroundings(fixed=frozenset({"f"}))).of(kind)
    return {
        "\n".join(line.removeprefix("    ") for line in one.code[len(head) :].split("\n")).strip()
        for one in found
    }


def renamed(kind: Kind, code: str, **around: object) -> list[str]:
    surroundings = Surroundings(**{"fixed": frozenset({"f"}), **around})  # type: ignore[arg-type]
    return [one.code for one in Changes(code, surroundings).of(kind)]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (Kind.TURNED_COMPARISON, "return a < b", {"return b > a"}),
        (Kind.TURNED_COMPARISON, "return(a)>=len(items)", {"return len(items)<=(a)"}),
        (Kind.TURNED_COMPARISON, "return items.pop() == 3", {"return 3 == items.pop()"}),
        (Kind.NEGATED_COMPARISON, "return a == b", {"return not a != b"}),
        (Kind.NEGATED_COMPARISON, "return 1 + (a != b)", {"return 1 + (not a == b)"}),
        (Kind.NEGATED_COMPARISON, "return (a == b) + 1", {"return (not a != b) + 1"}),
        (Kind.NEGATED_COMPARISON, "return -a == b in items", set()),
        (Kind.SPELLED_ASSIGNMENT, "n = 0\nn += a - b", {"n = 0\nn = n + (a - b)"}),
        (Kind.SPELLED_ASSIGNMENT, "n=0\nn+=a*b # sum\nreturn n", {"n=0\nn=n+a*b # sum\nreturn n"}),
        (Kind.SPELLED_ASSIGNMENT, "n = ''\nn = n + str(a)", {"n = ''\nn += str(a)"}),
        (Kind.NEGATED_BRANCHES, "return a if b else 0", {"return 0 if not b else a"}),
        (Kind.NEGATED_BRANCHES, "return a if a is b else 0", {"return 0 if a is not b else a"}),
        (
            Kind.NEGATED_BRANCHES,
            "if a and b:\n    # both\n    a = 1\n    b = 2\nelse:\n    pass  # no",
            {"if not (a and b):\n    pass  # no\nelse:\n    # both\n    a = 1\n    b = 2"},
        ),
        (
            Kind.NEGATED_BRANCHES,
            "if a: return 1\nelif(not b): return 2\nelse: return 3",
            {"if a: return 1\nelif(b): return 3\nelse: return 2"},
        ),
        (Kind.BRANCH, "if a < b: return 1\nelse: return 2", {"if a < b: return 2\nelse: return 1"}),
        (Kind.BRANCH, "return a if b else (1 if a else 2)", {
            "return (1 if a else 2) if b else a",
            "return a if b else (2 if a else 1)",
        }),
        (Kind.STATEMENT_ORDER, "x = a  # one\ny = b\nreturn x", {"y = b\nx = a  # one\nreturn x"}),
        (
            Kind.WHILE_LOOP,
            "for i in range(1, len(items)):\n    a += items[i]\nreturn a",
            set(),  # a may be a list, and its own item
        ),
        (
            Kind.WHILE_LOOP,
            "n = 0\nfor i in range(a, 0, -2):\n    n += items[i]\nreturn n",
            {"n = 0\ni = a\nwhile i > 0:\n    n += items[i]\n    i -= 2\nreturn n"},
        ),
        (Kind.OPERATOR, "return a + b", {"return a - b"}),
        (Kind.OPERATOR, "return a and b and items", {"return a or b or items"}),
        (Kind.OPERATOR, "a **= 2", {"a *= 2"}),
        (Kind.OPERATOR, "return 'x' + a", set()),
        (Kind.CONSTANT, "return 0x1F + 7", {"return 0x1F + 8", "return 0x1F + 6"}),
        (Kind.CONSTANT, "return 1.50", {"return 2.50", "return 0.50"}),
        (Kind.CONSTANT, "return True", {"return False"}),
        (Kind.CONSTANT, "return 'yes'", {"return 'yet'"}),
        (Kind.CONSTANT, "return f'{a} 7'", set()),
        (Kind.CONSTANT, "return items[1:2]", set()),
        (Kind.COMPARISON, "return a < b <= 3", {"return a > b <= 3", "return a < b >= 3"}),
        (Kind.COMPARISON, "return a not in items", {"return a in items"}),
        (Kind.BOUNDARY, "return a < b", {"return a <= b"}),
        (Kind.BOUNDARY, "return items[a-1]", {"return items[a]", "return items[a-2]"}),
        (Kind.BOUNDARY, "return items[-1]", {"return items[0]", "return items[-2]"}),
        (Kind.BOUNDARY, "return items[:a]", {"return items[:a + 1]", "return items[:a - 1]"}),
        (Kind.BOUNDARY, "return range(a*b)", {"return range(a*b+1)", "return range(a*b-1)"}),
        (Kind.BOUNDARY, "return items['a']", set()),
    ],
)  # fmt: skip
def test_each_kind(kind: Kind, before: str, after: set[str]) -> None:
    assert bodies(kind, before) == after


@pytest.mark.parametrize(
    "body",
    [
        "x = a\ny = x",
        "x = y\ny = b",
        "x = a\nx = b",
        "x = items.pop()\ny = b",
        "x = sum(items)\ny = list(items)",  # an iterator would be used up by the first
        "x, y = items\nz = sum(items)",
        "items[0] = a\nb = items",
        "d = collections.defaultdict(int)\nx = d[1]\ny = len(d)",
        "items += [1]\nb = items",
        "x = f(1, 2, 3)\ny = b",
        "try:\n    x = 1 / a\n    y = 2\nexcept ZeroDivisionError:\n    return y",
        "x = a\n\n# of b\ny = b",
        "x = a; y = b",
    ],
)
def test_statements_that_may_depend_on_each_other_stay(body: str) -> None:
    assert bodies(Kind.STATEMENT_ORDER, body) == set()


@pytest.mark.parametrize(
    "body",
    [
        "for i in range(3):\n    if a: continue\n    b = i",
        "for i in range(3):\n    i = i * 2",
        "for i in range(3):\n    pass\nreturn i",
        "for i in range(len(items)):\n    items.append(i)",
        "for i in range(a):\n    a = a - 1",
        "for i in range(3):\n    pass\nelse:\n    a = 1",
        "for i in range(3):\n    items.append(lambda: i)",
        "for i in range(0, 3, a):\n    b = i",
        "for i in range(3): b = i",
        "for i in range(3):\n    del i",
        "for i in items:\n    b = i",
        "for i in range(3):\n    for i in range(2):\n        b = i\n    b = i",
    ],
)
def test_loops_that_something_else_can_tell_apart_stay(body: str) -> None:
    assert bodies(Kind.WHILE_LOOP, body) == set()


@pytest.mark.parametrize(
    "body",
    [
        "x = []\nx += items",
        "a += 1",
        "x = 0\nx = items\nx += [1]",
        "x = 2\nx *= items",
        "x = 0\nfor x in items:\n    x += a",
        "x = 0\nif (x := items):\n    x += [1]",
    ],
)
def test_assignments_to_what_may_be_a_list_stay(body: str) -> None:
    assert bodies(Kind.SPELLED_ASSIGNMENT, body) == set()


def test_programs_with_operators_of_their_own_are_not_turned_round() -> None:
    code = "class A:\n    def __lt__(self, o): return 1\ndef f(a, b):\n    return a < b or a == b\n"
    for kind in (Kind.TURNED_COMPARISON, Kind.NEGATED_COMPARISON, Kind.STATEMENT_ORDER):
        assert not list(Changes(code, Surroundings()).of(kind))


def test_neutral_names_go_through_all_scopes() -> None:
    code = (
        "def help(n): return n\n"
        "def f(n, total=0):\n"
        "    v1 = [help(x) for x in range(n)]  # n numbers\n"
        "    return sum(v1, total)\n"
    )
    assert renamed(Kind.NEUTRAL_NAMES, code, fixed=frozenset({"f", "total"})) == [
        "def f1(v2): return v2\n"
        "def f(v2, total=0):\n"
        "    v3 = [f1(v4) for v4 in range(v2)]  # n numbers\n"
        "    return sum(v3, total)\n"
    ]


@pytest.mark.parametrize(
    "code",
    [
        "import math\ndef f(): return math.pi\n",
        "def f(n): return eval('n')\n",
        "def f():\n    try: return 1\n    except ValueError as e: return str(e)\n",
        "def f(x): return f'{x}'\n",
        "def f(*, key=1): return f(key=key)\n",
        "def f(max): return g()\ndef g(): return max(1, 2)\n",
        "class A:\n    x = 1\ndef f(): return A.x\n",
    ],
)
def test_names_that_something_may_depend_on_stay(code: str) -> None:
    fixed = frozenset({"f", "g"})
    assert not [new for kind in Kind if kind.renames for new in renamed(kind, code, fixed=fixed)]


def test_a_parameter_called_like_a_builtin_is_renamed_where_no_scope_needs_the_builtin() -> None:
    assert renamed(Kind.NEUTRAL_NAMES, "def f(list): return list[0]\n") == [
        "def f(v1): return v1[0]\n"
    ]


def test_swapped_names_are_those_of_one_function_and_none_stays() -> None:
    code = "def f(a, b):\n    c = a - b\n    return c\ndef g(d): return d\n"
    found = renamed(Kind.SWAPPED_NAMES, code, fixed=frozenset({"f", "g"}))
    assert set(found) == {
        "def f(b, c):\n    a = b - c\n    return a\ndef g(d): return d\n",
        "def f(c, a):\n    b = c - a\n    return b\ndef g(d): return d\n",
    }


def test_misleading_names_are_other_programs_names_of_other_things() -> None:
    corpus = [
        f"def g{i}(numbers):\n    total = 0\n    for index in range(9):\n        total += index\n"
        f"    words = []\n    len = 1\n    return total, words\n"
        for i in range(2)
    ]
    code = "def f(a):\n    count = 0\n    for x in a:\n        count += 1\n    return count\n"
    vocabulary = Vocabulary([*corpus, code])
    found = renamed(Kind.MISLEADING_NAMES, code, vocabulary=vocabulary)
    assert found
    for text in found:
        assert "def f(numbers)" not in text  # that would be a parameter's name
        counter = text.split("\n")[1].split("=")[0].strip()
        assert counter in {"words", "numbers"}  # neither a number's nor a builtin's
        assert compile(text, "changed", "exec")


def test_the_seed_decides_the_order_alone() -> None:
    code = "def f(a):\n    return a + 1 + 2 + 3 + 4\n"
    orders = [
        [one.code for one in Changes(code, Surroundings(seed=seed)).of(Kind.CONSTANT)]
        for seed in ("1", "1", "2")
    ]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


@pytest.mark.parametrize("code", ["def f(:\n", "def f(a):\r\n    return a < 1\r\n", "f(" * 300])
def test_what_does_not_parse_or_has_odd_line_ends_has_no_changes(code: str) -> None:
    assert not [one for kind in Kind for one in Changes(code, Surroundings()).of(kind)]


def test_a_renaming_in_disguise_is_no_change() -> None:
    code = "def f():\n    x = 1\n    y = 1\n    return 0\n"
    assert not list(Changes(code, Surroundings()).of(Kind.STATEMENT_ORDER))


def test_change_between_names_the_lines_alone() -> None:
    change = change_between("a\nb\nc\nd", "a\nx\ny\nd")
    assert (change.line, change.before, change.after) == (2, "b\nc", "x\ny")
    longer = change_between("a\na", "a\na\na")
    assert (longer.line, longer.before, longer.after) == (3, "", "a")


def test_words_do_not_run_into_each_other() -> None:
    assert edited("return(a)", [(6, 9, "b")]) == "return b"
    assert edited("(a)if b", [(0, 3, "c")]) == "c if b"


def test_families() -> None:
    changing = {kind.value for kind in Kind if kind.family is Family.CHANGING}
    assert changing == {"operator", "constant", "comparison", "boundary", "branch"}
