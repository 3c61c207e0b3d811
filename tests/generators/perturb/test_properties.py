"""What holds of every change: it parses, it is one, it is where it says, and a proof is a proof."""

from __future__ import annotations

import io
import random
import tokenize
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.perturb.kinds import Changed, Family, Kind
from generators.perturb.names import identifiers
from generators.perturb.parsed import quiet_parsing
from generators.perturb.places import Changes, Surroundings
from generators.perturb.roles import Vocabulary
from generators.problems.sources import load_source
from generators.records import Problem
from generators.twins import normalised_code

WORDS = Vocabulary(f"def g{i}(size):\n    word = ''\n    flag = True\n" for i in range(2))
NAMES = ("a", "b", "n", "total")


def tokens(code: str) -> list[tuple[int, str]]:
    return [(t.type, t.string) for t in tokenize.generate_tokens(io.StringIO(code).readline)]


def check(code: str, one: Changed) -> None:
    assert one.code != code
    with quiet_parsing():
        compile(one.code, "changed", "exec")
    assert (normalised_code(one.code) == normalised_code(code)) is one.kind.renames
    change = one.change
    if one.kind.renames:
        new = dict(zip(change.before.split(", "), change.after.split(", "), strict=True))
        assert all(old != name for old, name in new.items())
        differing = [
            (ours, theirs)
            for ours, theirs in zip(tokens(code), tokens(one.code), strict=True)
            if ours != theirs
        ]
        assert {old for (_, old), _ in differing} == set(new)
        assert all(new[ours[1]] == theirs[1] for ours, theirs in differing)
        assert all(ours[0] == theirs[0] == tokenize.NAME for ours, theirs in differing)
        return
    before = change.before.split("\n") if change.before else []
    after = change.after.split("\n")
    lines = code.split("\n")
    place = change.line - 1
    assert lines[place : place + len(before)] == before
    assert "\n".join([*lines[:place], *after, *lines[place + len(before) :]]) == one.code
    comments = [[t for t in tokens(text) if t[0] == tokenize.COMMENT] for text in (code, one.code)]
    assert sorted(comments[0]) == sorted(comments[1])


def all_changes(problem: Problem, vocabulary: Vocabulary) -> list[Changed]:
    around = Surroundings(
        fixed=frozenset(identifiers(problem.test_setup_code, *problem.test_list)),
        vocabulary=vocabulary,
        seed=str(problem.task_id),
    )
    changes = Changes(problem.code, around)
    return [one for kind in Kind for one in changes.of(kind)]


def test_on_embedded_programs() -> None:
    problems = load_source("basics").problems[:70]
    vocabulary = Vocabulary(problem.code for problem in problems)
    kinds = set()
    for problem in problems:
        for one in all_changes(problem, vocabulary):
            check(problem.code, one)
            kinds.add(one.kind)
    assert kinds == set(Kind)


@pytest.mark.slow
def test_on_every_fourth_mbpp_program(data_dir: Any) -> None:
    problems = load_source("mbpp", data_dir=data_dir).problems[::4]
    vocabulary = Vocabulary(problem.code for problem in problems)
    count = 0
    for problem in problems:
        for one in all_changes(problem, vocabulary):
            check(problem.code, one)
            count += 1
    assert count > 3_500


numbers = st.integers(-3, 9).map(str)
atoms = st.one_of(st.sampled_from(NAMES), numbers, st.just("len(items)"), st.just("items[0]"))
sums = st.builds("{} {} {}".format, atoms, st.sampled_from(["+", "-", "*", "//"]), atoms)
values = st.one_of(atoms, sums, sums.map("({})".format), st.just("[]"), st.just("items[:2]"))
tests = st.one_of(
    st.builds(
        "{} {} {}".format, values, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), values
    ),
    st.builds("not {}".format, atoms),
    st.builds("{} and {} < {}".format, atoms, atoms, atoms),
)
assignments = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(NAMES), values),
    st.builds("{} {}= {}".format, st.sampled_from(NAMES), st.sampled_from("+-*"), values),
    st.builds("{0} = {0} + {1}".format, st.sampled_from(NAMES), values),
    st.builds("{} = {} if {} else {}".format, st.sampled_from(NAMES), values, tests, values),
    st.builds("items.append({})".format, atoms),
    st.builds("items[0] = {}".format, atoms),
)


def indented(blocks: list[list[str]]) -> list[str]:
    return [f"    {line}" for block in blocks for line in block]


def compound(inner: st.SearchStrategy[list[list[str]]]) -> st.SearchStrategy[list[str]]:
    conditional = st.builds(
        lambda test, yes, no: [f"if {test}:", *indented(yes), "else:", *indented(no)],
        tests, inner, inner,
    )  # fmt: skip
    loop = st.builds(
        lambda name, stop, body: [f"for {name} in range({stop}):", *indented(body)],
        st.sampled_from(["i", "n"]), st.sampled_from(["3", "len(items)", "a", "1, 4", "4, 0, -2"]),
        inner,
    )  # fmt: skip
    return st.one_of(conditional, loop)


simple = assignments.map(lambda line: [line])
blocks = st.recursive(
    st.lists(simple, min_size=1, max_size=4),
    lambda inner: st.lists(st.one_of(simple, compound(inner)), min_size=1, max_size=4),
    max_leaves=12,
)
programs = blocks.map(
    lambda body: "\n".join(
        [
            "def f(a, b, items):",
            "    n = total = 0",
            *indented(body),
            "    return a, b, n, total, items",
        ]
    )
)


def outcome(code: str, a: int, b: int) -> Any:
    space: dict[str, Any] = {}
    exec(code, space)
    try:
        return repr(space["f"](a, b, [a, b, 5][: abs(b)]))[:10_000]
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
        return "raises"  # which exception comes first is not kept


@settings(max_examples=80)
@given(code=programs, a=st.integers(-2, 4), b=st.integers(-2, 3), seed=st.integers(0, 9))
def test_changes_that_keep_the_meaning_keep_it(code: str, a: int, b: int, seed: int) -> None:
    around = Surroundings(
        fixed=frozenset({"f"}),
        vocabulary=WORDS,
        seed=str(seed),
    )
    gives = outcome(code, a, b)
    changes = Changes(code, around)
    for kind in Kind:
        for one in changes.of(kind):
            check(code, one)
            if kind.family is Family.PRESERVING:
                assert outcome(one.code, a, b) == gives, one.change


@given(
    text=st.text(alphabet="ab \n\t()[]{}:,=<>+-*#'\"\\def if else for in range return", max_size=80)
)
def test_no_text_breaks_them(text: str) -> None:
    rng = random.Random(0)
    for kind in rng.sample(list(Kind), 4):
        for one in Changes(text, Surroundings()).of(kind):
            check(text, one)
