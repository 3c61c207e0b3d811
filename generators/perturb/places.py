"""All changes of one kind that a program has room for: found, made, checked as syntax.

Called by :mod:`generators.perturb.running`. Nothing is run here.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from generators.perturb import changing, preserving
from generators.perturb.kinds import Change, Changed, Kind, change_between
from generators.perturb.loops import while_loops
from generators.perturb.names import (
    misleading,
    neutral,
    occurrences,
    renaming_edits,
    swapped_names,
)
from generators.perturb.parsed import Edit, Parsed, edited, parse
from generators.perturb.roles import Vocabulary
from generators.twins import normalised_code

__all__ = ["Surroundings", "changes"]

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


def changes(code: str, kind: Kind, around: Surroundings) -> Iterator[Changed]:
    """Yield the programs that one change of a kind makes of a program, each once.

    Each parses, and its syntax is another one: for changes of names the same but for the names,
    for all others another one whatever the names. A program that does not parse has none. The
    order is drawn by the seed.

    Args:
        code: The program.
        kind: How it is changed.
        around: What changes of names depend on, and the seed.
    """
    parsed = parse(code)
    if parsed is None:
        return
    plain, seen = normalised_code(code), {ast.dump(parsed.tree)}
    for one in _renamed(parsed, kind, around) if kind.renames else _edited(parsed, kind, around):
        changed = parse(one.code)
        syntax = ast.dump(changed.tree) if changed else None
        if syntax and syntax not in seen and (normalised_code(one.code) == plain) is kind.renames:
            yield one
            seen.add(syntax)


def _edited(parsed: Parsed, kind: Kind, around: Surroundings) -> Iterator[Changed]:
    found = list(_FINDERS[kind](parsed))
    random.Random(f"{around.seed}/{kind}").shuffle(found)
    for edits in found:
        code = edited(parsed.text, edits)
        yield Changed(kind=kind, change=change_between(parsed.text, code), code=code)


def _renamed(parsed: Parsed, kind: Kind, around: Surroundings) -> Iterator[Changed]:
    places = occurrences(parsed, around.fixed)
    for new in _new_names(parsed, kind, around):
        if new:
            first = min(start for name in new for start, _ in places[name])
            change = Change(
                line=parsed.text.count("\n", 0, first) + 1,
                before=", ".join(new),
                after=", ".join(new.values()),
            )
            code = edited(parsed.text, renaming_edits(places, new))
            yield Changed(kind=kind, change=change, code=code)


def _new_names(parsed: Parsed, kind: Kind, around: Surroundings) -> Iterable[dict[str, str]]:
    if kind is Kind.NEUTRAL_NAMES:
        return [neutral(parsed, around.fixed)]
    rngs = [random.Random(f"{around.seed}/{kind}/{turn}") for turn in range(_RENAMINGS)]
    if kind is Kind.SWAPPED_NAMES:
        return [swapped_names(parsed, around.fixed, rng) for rng in rngs]
    return [misleading(parsed, around.fixed, around.vocabulary, rng) for rng in rngs]
