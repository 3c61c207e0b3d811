"""Shapes after a function's type hints: what it takes beside what the examples show.

Called by :mod:`generators.inputs`. Hints are read from the program's text, nothing is executed;
one that names no literal type says nothing.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from generators.errors import LiteralError
from generators.literals import PARSING, parse_node
from generators.shaping.drawing import Plan
from generators.shaping.inference import infer
from generators.shaping.shapes import (
    Either,
    Flag,
    Items,
    Pool,
    Real,
    Record,
    Shape,
    Table,
    Text,
    Whole,
)

__all__ = ["hinted_shapes", "novel", "widened"]

_SIZES = (0, 5)
_SCALARS: dict[str, Shape] = {
    "int": Whole(ranges=((0, 10), (-10, -1), (0, 100))),
    "float": Real(units=Whole(ranges=((0, 100), (-100, -1), (0, 10_000))), decimals=2),
    "bool": Flag(),
    "str": infer(["abc", "Hello world", "", "a1"]),
    "bytes": infer([b"abc", b""]),
    "None": Pool(values=(None,)),
}
_CONTAINERS: dict[str, type] = {
    **dict.fromkeys(("list", "List", "Sequence", "Iterable", "Collection"), list),
    **dict.fromkeys(("MutableSequence", "Container"), list),
    **dict.fromkeys(("tuple", "Tuple"), tuple),
    **dict.fromkeys(("set", "Set", "AbstractSet", "MutableSet"), set),
    **dict.fromkeys(("frozenset", "FrozenSet"), frozenset),
    **dict.fromkeys(("dict", "Dict", "Mapping", "MutableMapping"), dict),
}
_ANY = _SCALARS["int"]  # what a container without further words holds


def hinted_shapes(code: str, name: str) -> tuple[Shape | None, ...]:
    """Return the shape that each positional parameter of a function is hinted to have.

    Args:
        code: The program.
        name: The function, defined at the top level.

    Returns:
        ``None`` for a parameter without a hint or with one that says nothing; no shapes at all
        if there is no such function.
    """
    try:
        with PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found: tuple[Shape | None, ...] = ()
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            parameters = [*node.args.posonlyargs, *node.args.args]
            found = tuple(_shape(parameter.annotation) for parameter in parameters)
    return found


def _shape(hint: ast.expr | None) -> Shape | None:
    match hint:
        case ast.Constant(value=None):
            return _SCALARS["None"]
        case ast.Constant(value=str(text)):
            return _quoted(text)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _SCALARS.get(name) or _container(name, [])
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _either([left, right])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inside):
            parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            return _subscripted(name, parts)
    return None


def _quoted(text: str) -> Shape | None:
    try:
        with PARSING:
            return _shape(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        return None


def _subscripted(name: str, parts: list[ast.expr]) -> Shape | None:
    if name == "Literal":
        try:
            return Pool(values=tuple(parse_node(part) for part in parts))
        except LiteralError:
            return None
    if name == "Optional":
        return _either([*parts, ast.Constant(value=None)])
    if name == "Union":
        return _either(parts)
    if name in ("Annotated", "Final"):
        return _shape(parts[0])
    return _container(name, parts)


def _either(hints: Iterable[ast.expr]) -> Shape | None:
    options: list[Shape] = []
    for hint in hints:
        shape = _shape(hint)
        if shape is None:
            return None
        options += shape.options if isinstance(shape, Either) else [shape]
    return Either(options=tuple(options))


def _container(name: str, parts: list[ast.expr]) -> Shape | None:
    kind = _CONTAINERS.get(name)
    if kind is None:
        return None
    endless = bool(parts) and isinstance(parts[-1], ast.Constant) and parts[-1].value is ...
    inner = [_shape(part) for part in (parts[:-1] if endless else parts)]
    shapes = [shape for shape in inner if shape is not None]
    if len(shapes) < len(inner):
        return None
    if kind is dict:
        key, value = shapes if len(shapes) == 2 else (_SCALARS["str"], _ANY)
        return Table(key=key, value=value, sizes=_SIZES)
    if kind is tuple and shapes and not endless:
        return Record(kind=tuple, places=tuple(shapes))
    element = shapes[0] if shapes else _ANY
    return Items(kind=kind, element=element, sizes=_SIZES, repeats=kind in (list, tuple))


def novel(shape: Shape, values: Sequence[Any]) -> bool:
    """Tell whether a shape, at any depth, has values of a type that none of ``values`` has."""
    match shape:
        case Either(options=options):
            return any(novel(option, values) for option in options)
        case Items(kind=kind, element=element):
            held: list[Any] = [value for value in values if type(value) is kind]
            return novel(element, [item for value in held for item in value])
        case Record(kind=kind, places=places):
            held = [value for value in values if type(value) is kind]
            rows = [value for value in held if len(value) == len(places)]
            columns = list(zip(*rows, strict=True)) or [()] * len(places)
            return any(map(novel, places, columns))
        case Table(key=key, value=value):
            tables = [table for table in values if type(table) is dict]
            keys = [item for table in tables for item in table]
            return novel(key, keys) or novel(value, [v for t in tables for v in t.values()])
        case Pool(values=pool):
            return not all(any(v == p and type(v) is type(p) for v in values) for p in pool)
    return not any(type(value) is _type_of(shape) for value in values)


def _type_of(shape: Shape) -> type:
    match shape:
        case Text(binary=binary):
            return bytes if binary else str
        case Real():
            return float
        case Flag():
            return bool
    return int


def widened(plans: Sequence[Plan], hints: Sequence[Shape | None]) -> tuple[Plan, ...]:
    """Return plans for what the hints allow and the examples do not show, one per make.

    Args:
        plans: Plans after the examples.
        hints: The shape that each parameter is hinted to have.
    """
    found = []
    for plan in {id(plan): plan for plan in plans}.values():
        columns = list(zip(*plan.rows, strict=True))
        new = {
            i: hint
            for i, (hint, column) in enumerate(zip(hints, columns, strict=False))
            if hint is not None and novel(hint, column)
        }
        if new:
            shapes = [
                Either(options=(shape, new[i])) if i in new else shape
                for i, shape in enumerate(plan.shapes)
            ]
            free = [r for r in plan.relations if r.position not in new and r.source not in new]
            found.append(replace(plan, shapes=tuple(shapes), relations=tuple(free)))
    return tuple(found)
