"""What kind of thing a variable is, and which names programs use for which kinds.

Called by :mod:`generators.perturb.names` to choose names that mislead.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from enum import StrEnum

from generators.perturb.parsed import Parsed, parse

__all__ = ["Role", "Vocabulary", "roles"]

_LEAST_LETTERS = 3
_LEAST_PROGRAMS = 2


class Role(StrEnum):
    """A kind of thing that a name may stand for."""

    COUNTER = "counter"
    NUMBER = "number"
    TEXT = "text"
    COLLECTION = "collection"
    FLAG = "flag"
    PARAMETER = "parameter"
    FUNCTION = "function"


def roles(parsed: Parsed) -> dict[str, frozenset[Role]]:
    """Return what can be seen of the kinds of things that a program's names stand for."""
    found: dict[str, set[Role]] = defaultdict(set)
    for name, role in _seen(parsed.tree):
        found[name].add(role)
    return {name: frozenset(kinds) for name, kinds in found.items()}


def _seen(tree: ast.AST) -> Iterator[tuple[str, Role]]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef():
                yield node.name, Role.FUNCTION
            case ast.arg(arg=name):
                yield name, Role.PARAMETER
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"))):
                yield name, Role.COUNTER
            case ast.AugAssign(target=ast.Name(id=name), value=ast.Constant(value=int())):
                yield name, Role.COUNTER
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add() | ast.Sub() | ast.Mult()):
                yield name, Role.NUMBER
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                role = _kind(value)
                if role:
                    yield name, role


def _kind(value: ast.expr) -> Role | None:
    match value:
        case ast.Constant(value=bool()) | ast.Compare() | ast.BoolOp():
            return Role.FLAG
        case ast.Constant(value=int() | float()) | ast.BinOp():
            return Role.NUMBER
        case ast.Constant(value=str()) | ast.JoinedStr():
            return Role.TEXT
        case ast.Call(func=ast.Name(id="len" | "sum" | "int" | "abs" | "round")):
            return Role.NUMBER
        case ast.Call(func=ast.Name(id="str") | ast.Attribute(attr="join" | "replace" | "lower")):
            return Role.TEXT
        case ast.Call(func=ast.Name(id="list" | "dict" | "set" | "sorted" | "tuple")):
            return Role.COLLECTION
        case ast.List() | ast.Dict() | ast.Set() | ast.Tuple() | ast.ListComp() | ast.DictComp():
            return Role.COLLECTION
    return None


class Vocabulary:
    """The names of a corpus, by what they mostly stand for there."""

    def __init__(self, programs: Iterable[str]) -> None:
        """Read the names of ``programs``; each counts once, however often it comes."""
        seen: dict[str, Counter[Role]] = defaultdict(Counter)
        times: Counter[str] = Counter()
        for code in sorted(set(programs)):
            parsed = parse(code)
            if parsed is not None:
                for name, kinds in roles(parsed).items():
                    seen[name].update(kinds)
                    times[name] += 1
        self._kinds = {
            name: frozenset(role for role in kinds if 3 * kinds[role] >= times[name])
            for name, kinds in sorted(seen.items())
            if len(name) >= _LEAST_LETTERS and times[name] >= _LEAST_PROGRAMS
        }

    def for_other_things(self, kinds: AbstractSet[Role], taken: AbstractSet[str]) -> list[str]:
        """Return the names that stand for none of ``kinds`` and are not taken, in a fixed order.

        A helper gets the name of a helper, a variable that of a variable: what else it would be
        could be seen at once. A parameter may get a variable's name.
        """
        function = Role.FUNCTION in kinds
        return [
            name
            for name, theirs in self._kinds.items()
            if name not in taken
            and (Role.FUNCTION in theirs) is function
            and not (theirs & kinds - {Role.FUNCTION})
        ]
