"""Which prompts begin alike: a tree of shared token prefixes.

Called by :mod:`probe.models.generate`, which computes each shared prefix once. Pure Python on
token ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

__all__ = ["MIN_SHARED", "PrefixNode", "prefix_tree"]

MIN_SHARED = 32
"""Fewest tokens for which computing a prefix apart is worth a forward pass."""


@dataclass(slots=True)
class PrefixNode:
    """A prefix that all prompts below begin with.

    Attributes:
        row: Index of one of these prompts; the prefix is its first ``end`` tokens.
        start: Length of the parent's prefix.
        end: Length of this prefix.
        rows: Prompts that share nothing worthwhile beyond this prefix.
        children: Longer prefixes that several prompts share.
    """

    row: int
    start: int
    end: int
    rows: list[int] = field(default_factory=list)
    children: list[PrefixNode] = field(default_factory=list)


def prefix_tree(
    prompts: Sequence[Sequence[int]], *, minimum: int | None = MIN_SHARED
) -> PrefixNode:
    """Return the tree of shared prefixes, its root the empty one.

    Each prompt is in ``rows`` of exactly one node and has at least one token beyond its prefix.

    Args:
        prompts: Token ids of each prompt, none empty.
        minimum: Fewest tokens that a node adds to its parent; ``None`` makes no nodes.
    """
    root = PrefixNode(row=0, start=0, end=0)
    order = sorted(range(len(prompts)), key=lambda row: list(prompts[row]))
    if minimum is None:
        root.rows = order
    elif order:
        _place(root, order, prompts, minimum)
    return root


def _place(
    node: PrefixNode, rows: list[int], prompts: Sequence[Sequence[int]], minimum: int
) -> None:
    """Put sorted ``rows``, which share the prefix of ``node``, below ``node``."""
    shared = _common(prompts[rows[0]], prompts[rows[-1]])
    usable = min(shared, len(prompts[rows[0]]) - 1)
    if len(rows) == 1 or shared == len(prompts[rows[-1]]):  # one, or all the same
        if len(rows) == 1 or usable - node.end < minimum:
            node.rows.extend(rows)
        else:
            node.children.append(PrefixNode(rows[0], node.end, usable, rows=rows))
        return
    if usable - node.end >= minimum:
        child = PrefixNode(row=rows[0], start=node.end, end=usable)
        node.children.append(child)
        node = child

    def next_token(row: int) -> int:
        return prompts[row][shared] if len(prompts[row]) > shared else -1

    for _, part in groupby(rows, key=next_token):
        _place(node, list(part), prompts, minimum)


def _common(first: Sequence[int], last: Sequence[int]) -> int:
    """Return how many tokens two prompts share at their beginning."""
    count = 0
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        count += 1
    return count
