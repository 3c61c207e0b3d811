"""The canonical literal text of a value: the half of :mod:`generators.literals` that runs inside.

The text is the value's ``repr`` made canonical: sets are sorted, non-finite floats are written
``float('nan')``, ``float('inf')`` and ``float('-inf')``, the empty set ``set()``. A value whose
class inherits its comparison from a builtin (``Counter``, ``OrderedDict``, ``defaultdict``,
named tuples, ``IntEnum``, ``dict_keys``, ``bytearray``) is *widened* to the builtin that it
compares equal to. No method of a value's own class is ever called.

Runs on both sides of the sandbox's border, so it imports only the standard library and
:mod:`generators.errors`; others import these names from :mod:`generators.literals`.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from generators.errors import LiteralError

__all__ = ["MAX_DEPTH", "to_literal", "type_name"]

MAX_DEPTH = 64
_MAX_INT_BITS = 14_190  # 4,300 digits, the most that Python converts from text
_KEYS: type = type({}.keys())
_BASES: tuple[type, ...] = (int, float, complex, str, bytes, tuple, list, set, frozenset, dict)
_FINAL: tuple[type, ...] = (bool, type(None), Decimal, Fraction)
# By identity: a metaclass can claim that its classes equal any other.
_WIDENED: dict[int, type] = {
    **{id(base): base for base in _BASES},
    **{id(kind): dict for kind in (Counter, OrderedDict, defaultdict)},
    id(bytearray): bytes,
    id(_KEYS): set,
}
_WRITTEN: dict[int, type] = _WIDENED | {id(kind): kind for kind in _FINAL}
# Taken from the type of types: a metaclass can also say anything about its classes.
_mro = type.__dict__["__mro__"].__get__
_members = type.__dict__["__dict__"].__get__
_own_name = type.__dict__["__name__"].__get__


def type_name(value: object) -> str:
    """Return the name of the type that :func:`to_literal` writes for ``value``."""
    name: str = _own_name(_written_type(type(value)) or type(value))
    return name


def _written_type(kind: type) -> type | None:
    """Return the type that values of ``kind`` are written as, ``None`` if there is none.

    A subclass is written as its builtin base if it does not define ``==`` by itself.
    """
    written = _WRITTEN.get(id(kind))
    if written is None:
        for ancestor in _mro(kind):
            written = _WIDENED.get(id(ancestor))
            if written is not None or "__eq__" in _members(ancestor):
                break
    return written


def to_literal(value: object, *, max_chars: int | None = None) -> str:
    """Return the canonical literal text of ``value``.

    Args:
        value: None, bool, int, float, complex, str, bytes, Decimal, Fraction, or list,
            tuple, set, frozenset, dict of such, or what compares equal to one of them.
        max_chars: Upper bound on the length of the text.

    Raises:
        LiteralError: The value (or one inside it) has no literal, refers to itself, is
            nested deeper than ``MAX_DEPTH`` or its text is longer than ``max_chars``.
    """
    budget = [max_chars if max_chars is not None else -1]
    text = _encode(value, 0, budget)
    if max_chars is not None and len(text) > max_chars:  # the budget leaves out some separators
        raise LiteralError("the text of the value is too long")
    return text


def _spend(text: str, budget: list[int]) -> str:
    if budget[0] >= 0:
        budget[0] -= len(text)
        if budget[0] < 0:
            raise LiteralError("the text of the value is too long")
    return text


def _encode(value: Any, depth: int, budget: list[int]) -> str:
    kind = type(value)
    written = _written_type(kind)
    if depth > MAX_DEPTH:
        raise LiteralError("the value is nested too deeply or refers to itself")
    if written is None:
        raise LiteralError(f"a value of type {_own_name(kind)} has no literal")
    if written is dict:
        return _encode_dict(value, depth + 1, budget)
    if written in (list, tuple, set, frozenset):
        return _encode_items(value, kind, written, depth + 1, budget)
    if kind is not written:
        value = _plain(value, written)
    return _spend(_atom_text(value, written, budget), budget)


def _plain(value: Any, base: Any) -> Any:
    """Return a plain ``base`` of the same value, past every method of the value's class."""
    if base is bytes:
        return b"".join([value])
    return base.__str__(value) if base is str else base.__pos__(value)


def _atom_text(value: Any, kind: type, budget: list[int]) -> str:
    if kind is int and value.bit_length() > _MAX_INT_BITS:
        raise LiteralError("the integer is too large")
    if kind in (str, bytes) and budget[0] >= 0 and len(value) > budget[0]:
        raise LiteralError("the text of the value is too long")
    if kind is float and not math.isfinite(value):
        return f"float('{value}')"
    if kind is complex:
        return _complex_text(value)
    if kind is Decimal:
        if value.is_snan():
            raise LiteralError("a signalling nan cannot be compared and has no literal")
        return f"Decimal('{value}')"
    if kind is Fraction:
        return f"Fraction({value.numerator}, {value.denominator})"
    return repr(value)


def _complex_text(value: complex) -> str:
    if not (math.isfinite(value.real) and math.isfinite(value.imag)):
        raise LiteralError("a complex number that is not finite has no literal")
    signed_zero = 0.0 in (value.real, value.imag)  # lost when a sum of two parts is evaluated
    return f"complex('{value}')" if signed_zero else repr(value)


def _encode_items(value: Any, kind: type, written: Any, depth: int, budget: list[int]) -> str:
    _spend("," * ((len(value) if kind is _KEYS else written.__len__(value)) + 1), budget)
    values = value if kind is _KEYS else written.__iter__(value)
    items = [_encode(item, depth, budget) for item in values]
    if written is list:
        return f"[{', '.join(items)}]"
    if written is tuple:
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    items.sort(key=_set_order)
    inner = f"{{{', '.join(items)}}}" if items else ""
    if written is frozenset:
        return f"frozenset({inner})"
    return inner or "set()"


def _encode_dict(value: Any, depth: int, budget: list[int]) -> str:
    ordered = any(kind is OrderedDict for kind in _mro(type(value)))  # has an order of its own
    _spend(",," * (dict.__len__(value) + 1), budget)
    pairs = [
        f"{_encode(key, depth, budget)}: {_encode(item, depth, budget)}"
        for key, item in (OrderedDict.items(value) if ordered else dict.items(value))
    ]
    return f"{{{', '.join(pairs)}}}"


def _set_order(text: str) -> tuple[int, float, str]:
    """Numbers by size, then everything else by text."""
    try:
        return (0, float(text), text)
    except (ValueError, OverflowError):
        return (1, 0.0, text)
