"""Names of sets of runs: what tells them apart, or numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from probe.report.labels import set_titles

FACTS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3), min_size=2, max_size=4)


def test_a_set_alone_needs_no_name() -> None:
    assert set_titles([["500 problems", "greedy"]]) == [""]


def test_sets_are_named_by_what_they_do_not_share() -> None:
    sets = [["500 problems", "1 sample", "greedy"], ["500 problems", "10 samples", "drawn"]]
    assert set_titles(sets) == [": 1 sample, greedy", ": 10 samples, drawn"]


def test_numbers_stand_where_facts_tell_too_little() -> None:
    numbers = [" (set 1)", " (set 2)"]
    assert set_titles([["greedy"], ["greedy"]]) == numbers
    assert set_titles([["greedy"], ["greedy", "more"]]) == numbers


@given(FACTS)
def test_no_two_sets_have_one_name(facts: list[list[str]]) -> None:
    assert len(set(set_titles(facts))) == len(facts)
