"""Other names for a program's own variables and helpers: neutral, misleading, each other's.

A name is changed wherever it stands, in all scopes at once, so that nothing is caught by another
scope's name. Names that a call, set-up code or a keyword may depend on stay, and so do those of
classes, imports and builtins; a program that looks at its own names keeps all of them. Called by
:mod:`generators.perturb.places`.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import random
import re
import symtable
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from generators.perturb.effects import bound_names
from generators.perturb.parsed import Edit, Parsed, own_nodes, quiet_parsing
from generators.perturb.roles import Vocabulary, roles

__all__ = [
    "Places",
    "identifiers",
    "misleading",
    "neutral",
    "occurrences",
    "renaming_edits",
    "swapped_names",
]

Places = dict[str, list[tuple[int, int]]]
"""Names in the order of the text, each with where it begins and ends whenever it comes."""

_SELF_AWARE = {"eval", "exec", "locals", "globals", "vars", "dir", "inspect", "getattr", "setattr"}
_SELF_AWARE |= {"__dict__", "__code__", "format_map", "sys"}
_FIXED = {"self", "cls", "_"}


def identifiers(*texts: str) -> set[str]:
    """Return the words of texts that may be names."""
    return {word for text in texts for word in re.findall(r"[^\W\d]\w*", text)}


def occurrences(parsed: Parsed, fixed: AbstractSet[str]) -> Places:
    """Return the names that may be changed, and where each stands.

    Args:
        parsed: The program.
        fixed: Names that have to stay.
    """
    if identifiers(parsed.text) & _SELF_AWARE:
        return {}
    places: Places = {}
    free = bound_names(parsed.tree) - fixed - _unchangeable(parsed)
    for node in ast.walk(parsed.tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                start = parsed.offset(node.lineno, node.col_offset)
            case ast.FunctionDef(name=name):
                begin = parsed.span(node)[0]
                head = re.match(r"(?:async\s+)?def\s+", parsed.text[begin:])
                start = begin + head.end() if head else begin
            case _:
                continue
        if name in free:
            places.setdefault(name, []).append((start, start + len(name)))
    sound = {
        name: sorted(spans)
        for name, spans in places.items()
        if all(parsed.text[start:end] == name for start, end in spans)
    }
    return dict(sorted(sound.items(), key=lambda entry: entry[1]))


def _unchangeable(parsed: Parsed) -> set[str]:
    """Return the names that are bound or used in a way that is not followed here."""
    found = set(_FIXED) | _builtins_used(parsed)
    parameters = {node.arg for node in ast.walk(parsed.tree) if isinstance(node, ast.arg)}
    for node in ast.walk(parsed.tree):
        match node:
            case ast.ClassDef():
                found |= {node.name} | bound_names(ast.Module(body=node.body, type_ignores=[]))
            case ast.alias():
                found.add((node.asname or node.name).partition(".")[0])
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                found.update(names)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                found.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                found.add(name)
            case ast.keyword(arg=str(name)) if name in parameters:
                found.add(name)
            case ast.AsyncFunctionDef():
                found.add(node.name)
            case ast.JoinedStr():
                found |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return found | {name for name in bound_names(parsed.tree) if name.startswith("__")}


def _builtins_used(parsed: Parsed) -> set[str]:
    """Return the builtins' names that stand for the builtin in some scope."""
    with quiet_parsing():
        top = symtable.symtable(parsed.text, "program", "exec")
    module = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned()}
    found: set[str] = set()
    waiting = [top]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        found |= {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_global() and not symbol.is_assigned()
        }
    return (found - module) & set(dir(builtins))


def _functions(parsed: Parsed) -> set[str]:
    return {node.name for node in ast.walk(parsed.tree) if isinstance(node, ast.FunctionDef)}


def _taken(parsed: Parsed, fixed: AbstractSet[str]) -> set[str]:
    return identifiers(parsed.text) | fixed | set(dir(builtins)) | set(keyword.kwlist)


def neutral(parsed: Parsed, places: Places, fixed: AbstractSet[str]) -> dict[str, str]:
    """Return names that say nothing: ``v1``, ``v2`` ... for variables, ``f1`` ... for helpers."""
    taken, functions = _taken(parsed, fixed), _functions(parsed)
    fresh = {letter: _numbered(letter, taken) for letter in "fv"}
    return {name: next(fresh["f" if name in functions else "v"]) for name in places}


def _numbered(letter: str, taken: AbstractSet[str]) -> Iterator[str]:
    number = 1
    while True:
        if f"{letter}{number}" not in taken:
            yield f"{letter}{number}"
        number += 1


def misleading(
    parsed: Parsed,
    places: Places,
    fixed: AbstractSet[str],
    vocabulary: Vocabulary,
    rng: random.Random,
) -> dict[str, str]:
    """Return names that other programs use for another kind of thing than this one does.

    A name for which the vocabulary has none is left as it is.
    """
    taken = _taken(parsed, fixed)
    own = roles(parsed)
    found: dict[str, str] = {}
    for name in places:
        choice = vocabulary.for_other_things(own.get(name, frozenset()), taken)
        if choice:
            found[name] = rng.choice(choice)
            taken.add(found[name])
    return found


def swapped_names(parsed: Parsed, places: Places, rng: random.Random) -> dict[str, str]:
    """Return each variable's name for another variable of the same function; none keeps its own."""
    functions = _functions(parsed)
    found: dict[str, str] = {}
    for scope in ast.walk(parsed.tree):
        if not isinstance(scope, ast.FunctionDef):
            continue
        own = {node.arg for node in ast.walk(scope.args) if isinstance(node, ast.arg)}
        own |= {
            node.id
            for node in own_nodes(scope)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        group = [name for name in places if name in own - functions - set(found)]
        found |= _turned_round(group, rng)
    return found


def _turned_round(group: Sequence[str], rng: random.Random) -> dict[str, str]:
    if len(group) < 2:
        return {}
    order = rng.sample(group, len(group))
    return dict(zip(order, order[1:] + order[:1], strict=True))


def renaming_edits(places: Places, new: dict[str, str]) -> list[Edit]:
    """Return the edits that give names others wherever they stand."""
    return [(*span, new[name]) for name, spans in places.items() if name in new for span in spans]
