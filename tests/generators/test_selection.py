"""Choosing calls: coverage first, then variety, never mostly one output."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from generators.selection import Facts, choose, varied_count


def make_facts(output: str, *branches: int, chars: int = 8) -> Facts:
    return Facts(output=output, call_chars=chars, branches=frozenset(branches))


FACTS = st.builds(
    Facts,
    output=st.sampled_from("abcd"),
    call_chars=st.integers(1, 40),
    branches=st.frozensets(st.integers(0, 6), max_size=4),
)


def test_calls_that_reach_new_branches_come_first() -> None:
    calls = [make_facts("a", 1), make_facts("b", 1), make_facts("c", 1, 2, 3), make_facts("d", 4)]
    assert choose(calls, 3) == [2, 3, 0]


def test_then_rare_outputs_then_rare_sizes() -> None:
    calls = [
        make_facts("a"),
        make_facts("a", chars=100),
        make_facts("b"),
        make_facts("c", chars=30),
        make_facts("a"),
    ]
    assert choose(calls, 4) == [0, 3, 2, 1]


def test_a_single_output_gives_a_single_call() -> None:
    assert choose([make_facts("a", i) for i in range(9)], 5) == [0]
    assert choose([], 5) == []


def test_what_stays_in_any_case_counts() -> None:
    calls = [make_facts(output) for output in "aabbc"]
    assert choose(calls, 4, beside=["a", "a", "a"]) == [2, 4, 3]
    assert choose([make_facts("a")], 4, beside=["a"]) == []


@given(
    st.lists(FACTS, max_size=30),
    st.integers(1, 12),
    st.lists(st.sampled_from("abcde"), max_size=4),
)
def test_at_most_half_share_an_output(calls: list[Facts], count: int, beside: list[str]) -> None:
    chosen = choose(calls, count, beside=beside)
    assert len(chosen) == len(set(chosen)) <= count
    outputs = Counter(beside) + Counter(calls[i].output for i in chosen)
    common = outputs.most_common(1)[0][0] if outputs else ""
    if chosen and outputs.total() > 1 and beside.count(common) < outputs[common]:
        assert outputs[common] <= max(1, outputs.total() / 2)
    assert len(chosen) == varied_count([call.output for call in calls], count, beside=beside)


@given(st.lists(FACTS, max_size=30), st.integers(1, 12))
def test_no_single_call_covers_more_than_the_first_chosen(calls: list[Facts], count: int) -> None:
    most = max((len(call.branches) for call in calls), default=0)
    chosen = choose(calls, count)
    if chosen:
        assert len(calls[chosen[0]].branches) == most
