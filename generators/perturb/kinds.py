"""The kinds of changes and the records of one: what is changed, where, and into what.

Called by every module of this package and by the tasks that ask about changed programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Change", "Changed", "Family", "Kind", "change_between"]


class Family(StrEnum):
    """What a change does to the meaning of a program."""

    PRESERVING = "preserving"
    CHANGING = "changing"


class Kind(StrEnum):
    """How a program is changed."""

    NEUTRAL_NAMES = "neutral_names"
    """Variables and helpers are called v1, v2 ..., f1 ..."""
    MISLEADING_NAMES = "misleading_names"
    """They have names that other programs use for another kind of thing."""
    SWAPPED_NAMES = "swapped_names"
    """The variables have each other's names."""
    STATEMENT_ORDER = "statement_order"
    """Two neighbouring statements that do not depend on each other change places."""
    TURNED_COMPARISON = "turned_comparison"
    """``a < b`` is ``b > a``."""
    NEGATED_COMPARISON = "negated_comparison"
    """``a == b`` is ``not a != b``."""
    SPELLED_ASSIGNMENT = "spelled_assignment"
    """``x += y`` is ``x = x + y``, or the other way round."""
    NEGATED_BRANCHES = "negated_branches"
    """The condition is negated, and its two branches change places."""
    WHILE_LOOP = "while_loop"
    """``for i in range(n)`` is a ``while`` loop."""
    OPERATOR = "operator"
    """``+`` becomes ``-``, ``and`` becomes ``or`` ..."""
    CONSTANT = "constant"
    """A number becomes one more or less; ``True`` becomes ``False``; a text another one."""
    COMPARISON = "comparison"
    """``<`` becomes ``>``, ``==`` becomes ``!=`` ..."""
    BOUNDARY = "boundary"
    """``<`` becomes ``<=``; a bound of a range, an index or a slice becomes one more or less."""
    BRANCH = "branch"
    """The two branches of a condition change places."""

    @property
    def family(self) -> Family:
        """Whether programs changed so mean the same."""
        return Family.CHANGING if self in _CHANGING else Family.PRESERVING

    @property
    def renames(self) -> bool:
        """Whether nothing but names is changed."""
        return self in (Kind.NEUTRAL_NAMES, Kind.MISLEADING_NAMES, Kind.SWAPPED_NAMES)


_CHANGING = {Kind.OPERATOR, Kind.CONSTANT, Kind.COMPARISON, Kind.BOUNDARY, Kind.BRANCH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Where a program was changed, and what.

    Attributes:
        line: The first line that is changed, from 1.
        before: The lines of the original that are no longer there; for new names, the old ones,
            with commas between.
        after: The lines that stand there instead; for new names, these, in the same order.
    """

    line: int
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A changed program."""

    kind: Kind
    change: Change
    code: str


def change_between(before: str, after: str) -> Change:
    """Return the change from one text to another, in whole lines."""
    old, new = before.split("\n"), after.split("\n")
    least = min(len(old), len(new))
    head = next((i for i in range(least) if old[i] != new[i]), least)
    tail = next((i for i in range(least - head) if old[-1 - i] != new[-1 - i]), least - head)
    return Change(
        line=head + 1,
        before="\n".join(old[head : len(old) - tail]),
        after="\n".join(new[head : len(new) - tail]),
    )
