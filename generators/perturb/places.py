"""The changes that a program has room for, of each kind: found, made, and checked as syntax.

Called by :mod:`generators.perturb.running`. Nothing is run here.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from generators.perturb import changing, preserving
from generators.perturb.kinds import Change, Changed, Kind, change_between
from generators.perturb.loops import while_loops
from generators.perturb.names import (
    Places,
    misleading,
    neutral,
    occurrences,
    renaming_edits,
    swapped_names,
)
from generators.perturb.parsed import Edit, Parsed, edited, parse, syntax
from generators.perturb.roles import Vocabulary
from generators.twins import normalised_code

__all__ = ["Changes", "Surroundings"]

_FINDERS: dict[Kind, Callable[[Parsed], Iterator[list[Edit]]]] = {
    Kind.STATEMENT_ORDER: preserving.statement_orders,
    Kind.TURNED_COMPARISON: preserving.turned_comparisons,
    Kind.NEGATED_COMPARISON: preserving.negated_comparisons,
    Kind.SPELLED_ASSIGNMENT: preserving.spelled_assignments,
    Kind.NEGATED_BRANCHES: preserving.negated_branches,
    Kind.WHILE_LOOP: while_loops,
    Kind.OPERATOR: changing.operators,
    Kind.CONSTANT: changing.constants,
    Kind.COMPARISON: changing.comparisons,
    Kind.BOUNDARY: changing.boundaries,
    Kind.BRANCH: changing.branches,
}
_RENAMINGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What changes of names depend on besides the program.

    Attributes:
        fixed: Names that calls and set-up code use; they stay.
        vocabulary: The names that the corpus uses.
        seed: Of the order of changes and of the choice of names.
    """

    fixed: frozenset[str] = frozenset()
    vocabulary: Vocabulary = field(default_factory=lambda: Vocabulary(()))
    seed: str = ""


class Changes:
    """The changes that a program has room for.

    Args:
        code: The program; one that does not parse has none.
        around: What changes of names depend on, and the seed.
    """

    def __init__(self, code: str, around: Surroundings) -> None:
        self._parsed = parse(code)
        self._around = around
        self._plain = normalised_code(code)

    def of(self, kind: Kind) -> Iterator[Changed]:
        """Yield the programs that one change of a kind makes, each once, as the seed orders them.

        Each parses, and its syntax is another one: for changes of names the same but for the
        names, for all others another one whatever the names.
        """
        if self._parsed is None:
            return
        seen = {ast.dump(self._parsed.tree)}
        make = self._renamed if kind.renames else self._edited
        for one in make(self._parsed, kind):
            tree = syntax(one.code)
            dumped = ast.dump(tree) if tree else None
            if dumped is None or dumped in seen:
                continue
            if (normalised_code(one.code) == self._plain) is kind.renames:
                seen.add(dumped)
                yield one

    def _edited(self, parsed: Parsed, kind: Kind) -> Iterator[Changed]:
        found = list(_FINDERS[kind](parsed))
        random.Random(f"{self._around.seed}/{kind}").shuffle(found)
        for edits in found:
            code = edited(parsed.text, edits)
            yield Changed(kind=kind, change=change_between(parsed.text, code), code=code)

    def _renamed(self, parsed: Parsed, kind: Kind) -> Iterator[Changed]:
        places = occurrences(parsed, self._around.fixed)
        for new in self._new_names(parsed, places, kind):
            if new:
                first = min(start for name in new for start, _ in places[name])
                change = Change(
                    line=parsed.text.count("\n", 0, first) + 1,
                    before=", ".join(new),
                    after=", ".join(new.values()),
                )
                code = edited(parsed.text, renaming_edits(places, new))
                yield Changed(kind=kind, change=change, code=code)

    def _new_names(self, parsed: Parsed, places: Places, kind: Kind) -> Iterator[dict[str, str]]:
        around = self._around
        if kind is Kind.NEUTRAL_NAMES:
            yield neutral(parsed, places, around.fixed)
            return
        for turn in range(_RENAMINGS):
            rng = random.Random(f"{around.seed}/{kind}/{turn}")
            if kind is Kind.SWAPPED_NAMES:
                yield swapped_names(parsed, places, rng)
            else:
                yield misleading(parsed, places, around.fixed, around.vocabulary, rng)
