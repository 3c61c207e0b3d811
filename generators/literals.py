"""Values as literal Python text and back, exact types kept; and the equality policies.

The text of a value is its ``repr`` made canonical: sets are sorted, non-finite floats are
written ``float('nan')``, ``float('inf')`` and ``float('-inf')``, the empty set ``set()``.
``Counter``, ``OrderedDict`` and ``defaultdict`` are *widened* to the ``dict`` they compare
equal to.

Runs on both sides of the sandbox's border, so it imports only the standard library and
:mod:`generators.errors`. Evaluating text is never part of it: parsing walks the syntax tree.
"""

from __future__ import annotations

import ast
import math
import threading
from collections import Counter, OrderedDict, defaultdict
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

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

MAX_DEPTH = 64
MAX_INT_DIGITS = 4300
# CPython counts the depth of its tree builder once per interpreter: two threads that parse at
# the same time can end in "SystemError: AST constructor recursion depth mismatch".
PARSING = threading.Lock()
_WIDENED = (Counter, OrderedDict, defaultdict)
_ATOMS = (int, bool, str, bytes, complex, type(None))


class EqualityPolicy(StrEnum):
    """Named rules for "the same value"; stored with every score.

    ``python_eq`` is Python's ``==`` (asserts); ``exact`` wants the same type and value at
    every level, with nan equal to nan; ``exact_text`` compares stripped texts.
    """

    PYTHON_EQ = "python_eq"
    EXACT = "exact"
    EXACT_TEXT = "exact_text"


def type_name(value: object) -> str:
    """Return the name of the type that :func:`to_literal` writes for ``value``."""
    return "dict" if type(value) in _WIDENED else type(value).__name__


def to_literal(value: object, *, max_chars: int | None = None) -> str:
    """Return the canonical literal text of ``value``.

    Args:
        value: None, bool, int, float, complex, str, bytes, Decimal, Fraction, or list,
            tuple, set, frozenset, dict of such, or a dict subclass of ``collections``.
        max_chars: Upper bound on the length of the text.

    Raises:
        LiteralError: The value (or one inside it) has no literal, refers to itself, is
            nested deeper than ``MAX_DEPTH`` or its text is longer than ``max_chars``.
    """
    budget = [max_chars if max_chars is not None else -1]
    return _encode(value, 0, budget)


def _spend(text: str, budget: list[int]) -> str:
    if budget[0] >= 0:
        budget[0] -= len(text)
        if budget[0] < 0:
            raise LiteralError("the text of the value is too long")
    return text


def _encode(value: Any, depth: int, budget: list[int]) -> str:
    kind = type(value)
    if depth > MAX_DEPTH:
        raise LiteralError("the value is nested too deeply or refers to itself")
    if kind in _ATOMS:
        if kind is int and value.bit_length() > MAX_INT_DIGITS * 3.3:
            raise LiteralError("the integer is too large")
        if kind is complex and not (math.isfinite(value.real) and math.isfinite(value.imag)):
            raise LiteralError("a complex number that is not finite has no literal")
        if kind in (str, bytes) and budget[0] >= 0 and len(value) > budget[0]:
            raise LiteralError("the text of the value is too long")
        if kind is complex and repr(value).lstrip("(-").startswith("0"):
            return _spend(f"complex('{value}')", budget)  # keeps the sign of a zero
        return _spend(repr(value), budget)
    if kind is float:
        return _spend(repr(value) if math.isfinite(value) else f"float('{value}')", budget)
    if kind is Decimal:
        return _spend(f"Decimal('{value}')", budget)
    if kind is Fraction:
        return _spend(f"Fraction({value.numerator}, {value.denominator})", budget)
    return _encode_container(value, kind, depth + 1, budget)


def _encode_container(value: Any, kind: type, depth: int, budget: list[int]) -> str:
    if kind is list or kind is tuple:
        _spend("," * (len(value) + 1), budget)
        inner = ", ".join([_encode(item, depth, budget) for item in value])
        if kind is list:
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if kind is set or kind is frozenset:
        _spend("," * (len(value) + 1), budget)
        items = sorted([_encode(item, depth, budget) for item in value], key=_set_order)
        inner = f"{{{', '.join(items)}}}" if items else ""
        if kind is frozenset:
            return f"frozenset({inner})"
        return inner or "set()"
    if kind is dict or kind in _WIDENED:
        _spend(",," * (len(value) + 1), budget)
        pairs = [
            f"{_encode(key, depth, budget)}: {_encode(item, depth, budget)}"
            for key, item in value.items()
        ]
        return f"{{{', '.join(pairs)}}}"
    raise LiteralError(f"a value of type {kind.__name__} has no literal")


def _set_order(text: str) -> tuple[int, float, str]:
    """Numbers by size, then everything else by text."""
    try:
        return (0, float(text), text)
    except (ValueError, OverflowError):
        return (1, 0.0, text)


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
                return Decimal(text)
            except ArithmeticError:
                raise LiteralError(f"not a literal: Decimal({_short(text)})") from None
        case "Fraction", [int() as numerator, int() as denominator] if denominator:
            return Fraction(numerator, denominator)
        case _:
            raise LiteralError(f"not a literal: a call of {name!r}")


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
