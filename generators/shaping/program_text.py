"""What a program's own text says about its inputs: the constants that it compares with.

Called by :mod:`generators.inputs`. Nothing is executed.
"""

from __future__ import annotations

import ast
import warnings
from typing import Any

from generators.literals import PARSING

__all__ = ["constants"]

MAX_NUMBER = 1e7
MAX_CHARS = 30
_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def constants(code: str) -> tuple[Any, ...]:
    """Return the constants in a program, with the numbers next to each; none if it is no Python.

    Docstrings are no constants. A number below zero is only next to one that arguments are
    ordered against: elsewhere it is more often a loop without end.
    """
    try:
        with PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    bare = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    bounds = {
        id(side)
        for node in nodes
        if isinstance(node, ast.Compare) and any(isinstance(op, _ORDERS) for op in node.ops)
        for side in (node.left, *node.comparators)
    }
    found: dict[tuple[str, Any], Any] = {}
    for node in nodes:
        near: list[Any] = []
        if isinstance(node, ast.Constant) and id(node) not in bare:
            near = _nearby(node.value, below_zero=id(node) in bounds)
        elif id(node) in bounds:
            near = _nearby(_negative(node), below_zero=True)
        found |= {(type(value).__name__, value): value for value in near}
    return tuple(found.values())


def _negative(node: ast.AST) -> int | float | None:
    """Return the number that a minus sign and a constant stand for."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    return None


def _nearby(value: object, *, below_zero: bool) -> list[Any]:
    if type(value) is int and abs(value) <= MAX_NUMBER:
        near = [value, value - 1, value + 1]
        return near if below_zero else [number for number in near if number >= 0]
    if type(value) is float and abs(value) <= MAX_NUMBER:
        step = 10.0 ** -len(repr(value).partition(".")[2])
        return [value, round(value - step, 9), round(value + step, 9)] if below_zero else [value]
    if type(value) is str and 0 < len(value) <= MAX_CHARS:
        return [value]
    return []
