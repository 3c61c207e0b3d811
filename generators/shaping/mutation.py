"""Small changes to the arguments of a call that was worth keeping.

Chance rarely hits what a program tests for twice: a palindrome, a sum of 180, one word. A call
that did is a better start for the next one. The changes here are those that such properties
often survive, or are just lost by: one value renamed everywhere, all numbers scaled or shifted,
a little moved from one number to another, one element dropped, doubled or swapped.

Called by :mod:`generators.inputs`. Works on literal values; all choices come from a
:class:`~generators.shaping.chooser.Chooser`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from generators.literals import exact_equal, to_literal
from generators.shaping.chooser import Chooser

__all__ = ["atoms", "mutated", "with_constant"]

MAX_STEP = 10
MAX_REAL = 1e12
_NESTED = (list, tuple, set, frozenset, dict)


def mutated(chooser: Chooser, row: tuple[Any, ...], spare: Sequence[Any]) -> tuple[Any, ...]:
    """Return the arguments with one small change, or as they are where none fits.

    Args:
        chooser: Makes the choices.
        row: The arguments.
        spare: Scalars to put in now and then: of the examples, of the program's text.
    """
    match chooser.below(8):
        case 0:
            return _renamed(chooser, row, spare)
        case 1:
            step, factor = _step(chooser), 2 + chooser.below(2)
            shift = chooser.chance(2)
            return _replaced(
                row, lambda atom: _calculated(atom, step if shift else 0, 1 if shift else factor)
            )
        case 2:
            return _moved(chooser, row)
    at = chooser.below(len(row))
    return (*row[:at], _edited(chooser, row[at], spare), *row[at + 1 :])


def atoms(value: Any) -> list[Any]:
    """Return the scalars inside a value, at any depth, in a fixed order."""
    if not isinstance(value, _NESTED):
        return [value]
    return [atom for item in _items(value) for atom in atoms(item)]


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [part for pair in value.items() for part in pair]
    return sorted(value, key=to_literal) if isinstance(value, set | frozenset) else list(value)


def _mapped_atoms(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a value with each scalar in it changed."""
    if isinstance(value, dict):
        return {
            _mapped_atoms(key, change): _mapped_atoms(item, change) for key, item in value.items()
        }
    if isinstance(value, _NESTED):
        return type(value)([_mapped_atoms(item, change) for item in _items(value)])
    return change(value)


def _replaced(row: tuple[Any, ...], change: Callable[[Any], Any]) -> tuple[Any, ...]:
    changed: tuple[Any, ...] = _mapped_atoms(row, change)
    return changed


def _calculated(atom: Any, step: int, factor: int) -> Any:
    return atom * factor + step if type(atom) in (int, float) else atom


def _renamed(chooser: Chooser, row: tuple[Any, ...], spare: Sequence[Any]) -> tuple[Any, ...]:
    """Replace one scalar, or one character of texts, by another wherever it stands."""
    found = atoms(row)
    if not found:
        return row
    old = chooser.pick(found)
    if isinstance(old, str) and old and chooser.chance(2):
        texts = "".join(atom for atom in [*found, *spare] if isinstance(atom, str))
        before, after = chooser.pick(old), chooser.pick(texts)
        return _replaced(
            row, lambda atom: atom.replace(before, after) if isinstance(atom, str) else atom
        )
    new = _edited(chooser, old, spare)
    return _replaced(row, lambda atom: new if exact_equal(atom, old) else atom)


def _moved(chooser: Chooser, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Take something from one whole number and add it to another."""
    places = [i for i, atom in enumerate(atoms(row)) if type(atom) is int]
    if len(places) < 2:
        return row
    step = 1 + chooser.below(MAX_STEP)
    giver, taker = chooser.shuffled(places)[:2]
    counter = iter(range(len(atoms(row))))

    def change(atom: Any) -> Any:
        place = next(counter)
        return atom - step if place == giver else atom + step if place == taker else atom

    return _replaced(row, change)


def _edited(chooser: Chooser, value: Any, spare: Sequence[Any]) -> Any:
    """Return a value with one change somewhere in it."""
    similar = [item for item in spare if type(item) is type(value)]
    if similar and chooser.chance(4):
        return chooser.pick(similar)
    match value:
        case bool():
            return not value
        case int():
            return _number(chooser, value)
        case float() if abs(value) < MAX_REAL:
            return float(_number(chooser, value))
        case str() | list() | tuple():
            return _sequence(chooser, value, spare)
        case set() | frozenset() | dict() if value:
            return _collection(chooser, value, spare)
    return value


def _number(chooser: Chooser, value: Any) -> Any:
    """Return another number; one that is not negative does not become so."""
    new = _any_number(chooser, value)
    return abs(new) if value >= 0 else new


def _any_number(chooser: Chooser, value: Any) -> Any:
    match chooser.below(6):
        case 0:
            return value * 2
        case 1:
            return value // 2
        case 2:
            return chooser.below(MAX_STEP)
        case 3:
            digits = chooser.shuffled(str(abs(int(value))))
            return int("".join(digits))
    return value + _step(chooser)


def _step(chooser: Chooser) -> int:
    step = 1 + chooser.below(3 if chooser.chance(2) else MAX_STEP)
    return -step if chooser.chance(2) else step


def _sequence(chooser: Chooser, value: Any, spare: Sequence[Any]) -> Any:
    items = list(value)
    if not items:
        return value
    at, other = chooser.below(len(items)), chooser.below(len(items))
    match chooser.below(8):
        case 0:
            del items[at]
        case 1:
            items.insert(at, items[other])
        case 2:
            items[at], items[other] = items[other], items[at]
        case 3:
            items[at] = items[other]
        case 4:
            items = items[::-1] if chooser.chance(2) else items[at:] + items[:at]
        case 5:
            items = items + items if len(items) < MAX_STEP else items[: len(items) // 2]
        case _ if isinstance(value, str):
            texts = "".join(item for item in spare if isinstance(item, str)) or value
            items[at] = chooser.pick(texts)
        case _:
            items[at] = _edited(chooser, items[at], spare)
    return "".join(items) if isinstance(value, str) else type(value)(items)


def _collection(chooser: Chooser, value: Any, spare: Sequence[Any]) -> Any:
    if isinstance(value, dict):
        pairs = [list(pair) for pair in value.items()]
        at = chooser.below(len(pairs))
        if chooser.chance(3):
            del pairs[at]
        else:
            place = 0 if chooser.chance(3) else 1
            other = chooser.pick(pairs)[place]
            pairs[at][place] = (
                other if chooser.chance(2) else _edited(chooser, pairs[at][place], spare)
            )
        return {key: item for key, item in pairs}  # noqa: C416 (a list of lists)
    items = _items(value)
    at = chooser.below(len(items))
    if chooser.chance(3):
        del items[at]
    else:
        items[at] = _edited(chooser, items[at], spare)
    return type(value)(items)


def with_constant(
    chooser: Chooser, row: tuple[Any, ...], constants: Sequence[Any]
) -> tuple[Any, ...]:
    """Return the arguments with one scalar replaced by a constant of its type, if there is one."""
    kinds = {type(constant) for constant in constants}
    places = [i for i, atom in enumerate(atoms(row)) if type(atom) in kinds]
    if not places:
        return row
    place, counter = chooser.pick(places), iter(range(len(atoms(row))))

    def change(atom: Any) -> Any:
        if next(counter) != place:
            return atom
        return chooser.pick([c for c in constants if type(c) is type(atom)])

    return _replaced(row, change)
