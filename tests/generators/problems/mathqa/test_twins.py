"""Near-copies: the three relations, the groups, and the figures of the published files."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generators.problems.mathqa.records import MathProblem, MathSplit
from generators.problems.mathqa.source import load_mathqa
from generators.problems.mathqa.twins import (
    NEAR_COPIES,
    Relation,
    key,
    shared,
    template_groups,
    twin_report,
)

DEV, TEST = MathSplit.DEV, MathSplit.TEST
OF_TWO = {"linear_formula": "add(n0,n1)"}


def keys(problem: MathProblem) -> dict[Relation, str]:
    return {relation: key(problem, relation) for relation in Relation}


def alike(one: MathProblem, other: MathProblem) -> set[Relation]:
    ours, theirs = keys(one), keys(other)
    return {relation for relation in Relation if ours[relation] == theirs[relation]}


def test_other_numbers_in_the_same_question(make_problem: Any) -> None:
    other = make_problem(
        1,
        Problem="What is 5 % of 200?",
        options="b ) 10",
        linear_formula="multiply(n0,n1)|divide(#0,const_100)",
    )
    assert alike(make_problem(), make_problem(2)) == set(Relation)
    assert alike(make_problem(), make_problem(3, Problem="what is 30 % of 1,000 ?")) == set(
        Relation
    )
    assert "number" in key(make_problem(), Relation.QUESTION)
    assert alike(make_problem(4, Problem="20 more than 280", **OF_TWO), make_problem()) == set()
    assert Relation.FORMULA not in alike(make_problem(), other)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("add(n0,n1)", "add(n3,n2)", True),
        ("add(n0,n1)", "add(n0,n0)", False),
        ("multiply(n1,const_3)", "multiply(n0,const_100)", True),
        ("multiply(const_3,const_3)", "multiply(const_3,const_4)", False),
        ("multiply(n0,const_3)", "multiply(const_3,n0)", False),
        ("add(n0,n1)|add(#0,n0)", "add(n1,n0)|add(#0,n1)", True),
        ("add(n0,n1)|add(#0,n0)", "add(n1,n0)|add(#0,n0)", False),
        ("add(n0,n1)|negate(n0)|add(#0,#1)", "add(n0,n1)|negate(n0)|add(#1,#0)", False),
        ("add(n0,n1)", "subtract(n0,n1)", False),
    ],
)
def test_templates(make_problem: Any, left: str, right: str, same: bool) -> None:
    ours, theirs = (replace(make_problem(), dsl=dsl) for dsl in (left, right))
    assert (key(ours, Relation.TEMPLATE) == key(theirs, Relation.TEMPLATE)) is same


def test_groups_join_both_relations(make_problem: Any) -> None:
    percent = {"Problem": "take 20 percent of 1500"}
    problems = [
        make_problem(0),
        make_problem(1, Problem="20 more than 280", **OF_TWO),
        make_problem(2, **percent),  # the template of 0
        make_problem(
            3, **percent, linear_formula="divide(n0,const_100)|multiply(#0,n1)|multiply(#1,const_1)"
        ),
    ]  # the question of 2
    assert template_groups(problems) == [[0, 2, 3], [1]]
    assert template_groups(problems, [Relation.QUESTION]) == [[0], [1], [2, 3]]
    assert template_groups(problems, [Relation.FORMULA]) == [[0, 2], [1], [3]]
    assert template_groups(problems, []) == [[0], [1], [2], [3]]
    assert template_groups([]) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(picks=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_groups_are_a_division_that_no_relation_crosses(make_problem: Any, picks: Any) -> None:
    words = ("of", "from", "out of", "in", "by")
    extra = "|multiply(#1,const_1)|add(#2,const_0)|add(#3,const_0)|add(#4,const_0)"
    dsl = "divide(n0,const_100)|multiply(n1,#0)"
    problems = [
        replace(
            make_problem(index, Problem=f"20 {words[word]} 1500"),
            dsl="|".join([dsl, *extra.split("|")[1 : steps + 1]]),
        )
        for index, (word, steps) in enumerate(picks)
    ]
    groups = template_groups(problems)
    assert sorted(itertools.chain(*groups)) == list(range(len(problems)))
    assert groups == sorted(map(sorted, groups))
    place = {index: number for number, group in enumerate(groups) for index in group}
    for one, other in itertools.combinations(range(len(problems)), 2):
        if alike(problems[one], problems[other]) & set(NEAR_COPIES):
            assert place[one] == place[other]


def test_the_report_counts_problems_with_a_twin(make_problem: Any) -> None:
    other = {"Problem": "20 more than 280", **OF_TWO}
    problems = [
        make_problem(0, DEV),
        make_problem(1, DEV, Problem="what is 30 % of 1,000 ?"),
        make_problem(2, DEV, **other),
        make_problem(0, TEST, Problem="take 20 percent of 1500"),
    ]
    report = twin_report(problems)
    assert report["question"] == {
        "within": {"dev": 2, "test": 0},
        "across": {"dev": {"test": 0}, "test": {"dev": 0}},
    }
    assert (
        report["formula"]
        == report["template"]
        == {
            "within": {"dev": 2, "test": 0},
            "across": {"dev": {"test": 2}, "test": {"dev": 1}},
        }
    )
    assert report["groups"] == {"count": 2, "largest": 3}
    assert shared(problems[3:], problems[:3], Relation.FORMULA) == problems[3:]
    assert shared(problems[3:], problems[:3], Relation.QUESTION) == []


def test_overlap_of_the_published_files(data_dir: Path) -> None:
    dev, test = (load_mathqa(split, data_dir=data_dir).problems for split in (DEV, TEST))
    assert len(shared(test, dev, Relation.FORMULA)) == 987
    assert len(shared(test, dev, Relation.QUESTION)) == 730
    assert round(987 / len(test), 2) == 0.52
    assert round(730 / len(test), 2) == 0.39
    sizes = [len(group) for group in template_groups([*dev, *test])]
    assert sum(sizes) == 4_705
    assert max(sizes) < 100  # no group swallows the rest: splits by group are possible
