"""The tree of shared prefixes: every prompt once, every prefix true, nothing worthless."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from probe.models.prefixes import PrefixNode, prefix_tree

PROMPTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), max_size=12)


def walk(node: PrefixNode) -> Iterator[PrefixNode]:
    yield node
    for child in node.children:
        yield from walk(child)


@given(prompts=PROMPTS, minimum=st.integers(1, 4))
def test_tree(prompts: list[list[int]], minimum: int) -> None:
    tree = prefix_tree(prompts, minimum=minimum)
    nodes = list(walk(tree))
    assert sorted(row for node in nodes for row in node.rows) == list(range(len(prompts)))
    for node in nodes:
        prefix = prompts[node.row][: node.end] if prompts else []
        for child in node.children:
            assert child.start == node.end
            assert child.end - child.start >= minimum
            assert prompts[child.row][: node.end] == prefix
            assert sum(len(below.rows) for below in walk(child)) > 1
        for row in node.rows:
            assert prompts[row][: node.end] == prefix
            assert len(prompts[row]) > node.end


@given(prompts=PROMPTS)
def test_no_sharing(prompts: list[list[int]]) -> None:
    tree = prefix_tree(prompts, minimum=None)
    assert sorted(tree.rows) == list(range(len(prompts)))
    assert not tree.children


def test_shots_then_programs() -> None:
    shots, first, second = [1] * 40, [2] * 50, [3] * 60
    prompts = [[*shots, *first, 7], [*shots, *second, 8], [*shots, *first, 9], [*shots, *second, 5]]
    prompts.append([*shots, 4])
    tree = prefix_tree(prompts)
    (common,) = tree.children
    assert (common.start, common.end, common.rows) == (0, 40, [4])
    assert sorted((c.start, c.end, sorted(c.rows)) for c in common.children) == [
        (40, 90, [0, 2]),
        (40, 100, [1, 3]),
    ]
