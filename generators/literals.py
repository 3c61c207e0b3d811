"""Values as literal Python text and back, exact types kept; and the equality policies.

Writing is done by :mod:`generators.encoding`, whose names are public here. Evaluating text is
never part of it: parsing walks the syntax tree.
"""

from __future__ import annotations

import ast
import threading
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from generators.encoding import MAX_DEPTH, to_literal, type_name
from generators.errors import LiteralError

__all__ = [
    "MAX_DEPTH",
    "PARSING",
    "EqualityPolicy",
    "canonical_text",
    "equal",
    "exact_equal",
    "from_literal",
    "parse_node",
    "to_literal",
    "type_name",
]

# CPython counts the depth of its tree builder once per interpreter: two threads that parse at
# the same time can end in "SystemError: AST constructor recursion depth mismatch".
PARSING = threading.Lock()


class EqualityPolicy(StrEnum):
    """Named rules for "the same value"; stored with every score.

    ``python_eq`` is Python's ``==`` (asserts); ``exact`` wants the same type and value at
    every level, with nan equal to nan; ``exact_text`` compares stripped texts.
    """

    PYTHON_EQ = "python_eq"
    EXACT = "exact"
    EXACT_TEXT = "exact_text"


def from_literal(text: str) -> Any:
    """Return the value of a literal text, with its exact types.

    Accepts what :func:`to_literal` writes and every spelling of such literals that Python
    accepts (other quotes, spaces, implicit string concatenation, digit separators).

    Raises:
        LiteralError: ``text`` is no such literal. Nothing in it is ever called.
    """
    try:
        with PARSING:
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise LiteralError(f"not a literal: {_short(text)} ({type(error).__name__})") from None
    try:
        return parse_node(tree.body)
    except RecursionError:
        raise LiteralError(f"not a literal: {_short(text)} (nested too deeply)") from None


def canonical_text(text: str) -> str:
    """Return the canonical spelling of a literal text.

    Raises:
        LiteralError: ``text`` is no literal.
    """
    return to_literal(from_literal(text))


def parse_node(node: ast.expr) -> Any:
    """Return the value of a literal's syntax tree.

    Raises:
        LiteralError: The tree is not that of a literal.
    """
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.List(elts=items):
            return [parse_node(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple([parse_node(item) for item in items])
        case ast.Set(elts=items):
            return _hashed(set, [parse_node(item) for item in items])
        case ast.Dict(keys=keys, values=values) if None not in keys:
            pairs = [(parse_node(k), parse_node(v)) for k, v in zip(keys, values, strict=True) if k]
            return _hashed(dict, pairs)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            return _signed(sign, parse_node(operand))
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            return _complex(op, parse_node(left), parse_node(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _constructed(name, [parse_node(arg) for arg in args])
        case _:
            raise LiteralError(f"not a literal: {_short(ast.unparse(node))}")


def _hashed(kind: type[Any], items: list[Any]) -> Any:
    try:
        return kind(items)
    except TypeError as error:
        raise LiteralError(f"not a literal: {error}") from None


def _signed(sign: ast.unaryop, value: Any) -> Any:
    if type(value) not in (int, float, complex):
        raise LiteralError(f"not a literal: a sign before {type(value).__name__}")
    return -value if isinstance(sign, ast.USub) else +value


def _complex(op: ast.operator, left: Any, right: Any) -> complex:
    if type(left) not in (int, float) or type(right) is not complex:
        raise LiteralError("not a literal: an operation between values")
    return complex(left + right if isinstance(op, ast.Add) else left - right)


def _constructed(name: str, args: list[Any]) -> Any:
    match name, args:
        case "set", []:
            return set()
        case "frozenset", []:
            return frozenset()
        case "frozenset", [set() | list() | tuple() as items]:
            return _hashed(frozenset, list(items))
        case "float", [str() as text] if text.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
            return float(text)
        case "complex", [str() as text]:
            try:
                return complex(text)
            except ValueError:
                raise LiteralError(f"not a literal: complex({_short(text)})") from None
        case "Decimal", [str() as text]:
            try:
                return _quiet(Decimal(text))
            except ArithmeticError:
                raise LiteralError(f"not a literal: Decimal({_short(text)})") from None
        case "Fraction", [int() as numerator, int() as denominator] if denominator:
            return Fraction(numerator, denominator)
        case _:
            raise LiteralError(f"not a literal: a call of {name!r}")


def _quiet(value: Decimal) -> Decimal:
    if value.is_snan():
        raise LiteralError("not a literal: a signalling nan, which cannot be compared")
    return value


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "...")


def exact_equal(left: Any, right: Any) -> bool:
    """Tell whether two literal values have the same types and values at every level.

    Order counts in lists and tuples, not in sets and dicts; nan equals nan; ``0.0`` and
    ``-0.0`` differ.
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(exact_equal, left, right))
    if isinstance(left, set | frozenset):
        # Texts keep apart what hashing does not: {1} and {True}.
        return to_literal(left) == to_literal(right)
    if isinstance(left, dict):
        ours = {to_literal(key): item for key, item in left.items()}
        theirs = {to_literal(key): item for key, item in right.items()}
        return ours.keys() == theirs.keys() and all(
            exact_equal(item, theirs[key]) for key, item in ours.items()
        )
    if isinstance(left, float | complex | Decimal):
        return repr(left) == repr(right)
    return bool(left == right)


def equal(policy: EqualityPolicy, left: str, right: str) -> bool:
    """Compare two literal texts under a named policy.

    Args:
        policy: The rule.
        left: Literal text; for ``EXACT_TEXT`` any text.
        right: Literal text; for ``EXACT_TEXT`` any text.

    Raises:
        LiteralError: A text is no literal and the policy needs values.
    """
    if policy is EqualityPolicy.EXACT_TEXT:
        return left.strip() == right.strip()
    ours, theirs = from_literal(left), from_literal(right)
    if policy is EqualityPolicy.EXACT:
        return exact_equal(ours, theirs)
    return bool(ours == theirs)
