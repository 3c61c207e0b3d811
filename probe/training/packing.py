"""Items packed into rows: what items share is computed once, every item sees only itself.

A row is one forward pass. Its items are merged into a prefix tree: a token that several items
begin with up to there (the text before every program, the program, the name of the function in its
calls) stands in the row once. The tree is laid out depth first, so that whatever follows a token
in any item lies in one stretch behind it. Which tokens see one another is thus said by one number
a token, the end of that stretch; :mod:`probe.training.attention` turns it into attention,
:mod:`probe.training.forward` into losses. No torch here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from probe.training.dataset import Item

__all__ = ["Row", "make_row", "pack"]


@dataclass(slots=True, kw_only=True)
class Row:
    """One forward pass; the first three lists have one entry per token.

    Attributes:
        tokens: Token ids, the tree in depth-first order.
        positions: Position of the token in its items.
        ends: Index after the last token that sees this one: token ``i`` sees token ``j`` if and
            only if ``j <= i < ends[j]``.
        supervised: Indices of the tokens whose next token is to be learned, one per label; an
            index stands here once for every item that shares the token and learns there.
        labels: The token ids to be learned there.
        items: The items, in the order of their labels.
    """

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    supervised: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)


def make_row(items: Sequence[Item]) -> Row:
    """Merge items into one row; their order does not matter."""
    row = Row()
    path: list[int] = []  # the row's indices of the last item's tokens
    last: Sequence[int] = ()
    for item in sorted(items, key=lambda item: (_given(item), item.target)):
        sequence = _given(item)
        shared = _common(last, sequence)
        _close(row, path[shared:])
        del path[shared:]
        start = len(row.tokens)
        row.tokens += sequence[shared:]
        row.positions += range(shared, len(sequence))
        row.ends += [0] * (len(sequence) - shared)
        path += range(start, len(row.tokens))
        row.supervised += path[len(item.prompt) - 1 :]
        row.labels += item.target
        row.items.append(item)
        last = sequence
    _close(row, path)
    return row


def _close(row: Row, indices: Sequence[int]) -> None:
    for index in indices:
        row.ends[index] = len(row.tokens)


def _given(item: Item) -> tuple[int, ...]:
    """The tokens that go into the model: the last of the target is only learned."""
    return item.prompt + item.target[:-1]


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def pack(items: Sequence[Item], row_tokens: int, *, at_least: int = 1) -> list[Row]:
    """Pack items into rows of at most ``row_tokens`` tokens.

    The items of a program stay together unless they do not fit into one row; an item longer than
    ``row_tokens`` has a row of its own.

    Args:
        items: The items, in any order.
        row_tokens: Most tokens of a row.
        at_least: Number of rows to aim for, so that several processes have something to do.
    """
    rows = _fill(items, row_tokens)
    if len(rows) < at_least:
        rows = _fill(items, math.ceil(sum(len(row.tokens) for row in rows) / at_least))
    return rows


def _fill(items: Sequence[Item], row_tokens: int) -> list[Row]:
    rows: list[tuple[int, list[Item]]] = []
    for group in _by_group(items):
        for size, part in _cut(group, row_tokens):
            place = next((i for i, row in enumerate(rows) if row[0] + size <= row_tokens), None)
            if place is None:
                rows.append((size, part))
            else:
                rows[place] = (rows[place][0] + size, rows[place][1] + part)
    return [make_row(part) for _, part in rows]


def _by_group(items: Sequence[Item]) -> list[list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    return list(groups.values())


def _cut(items: Sequence[Item], row_tokens: int) -> list[tuple[int, list[Item]]]:
    """Cut a program's items into parts that fit, each with the size of its tree."""
    parts: list[tuple[int, list[Item]]] = []
    last: Sequence[int] = ()
    for item in sorted(items, key=_given):
        sequence = _given(item)
        more = len(sequence) - _common(last, sequence)
        last = sequence
        if parts and parts[-1][0] + more <= row_tokens:
            parts[-1] = (parts[-1][0] + more, [*parts[-1][1], item])
        else:
            parts.append((len(sequence), [item]))
    return parts
