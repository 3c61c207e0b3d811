"""Changes of what a program means: one operator, constant, comparison, bound or branch is another.

Each function yields the edits of every place where one kind of change can be made. Whether the
program still ends well, and gives something else, is found out by running it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from generators.perturb.branches import conditionals, swapped
from generators.perturb.parsed import Edit, Parsed

__all__ = ["boundaries", "branches", "comparisons", "constants", "operators"]

_OPERATORS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "%"),
    ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}
_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", ">"),
    ast.LtE: ("<=", ">="),
    ast.Gt: (">", "<"),
    ast.GtE: (">=", "<="),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: (r"is\b", "is not"),
    ast.IsNot: (r"is\s+not\b", "is"),
    ast.In: (r"in\b", "not in"),
    ast.NotIn: (r"not\s+in\b", "in"),
}
_BOUNDARIES: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
}
_PLAIN_NUMBER = re.compile(r"\d+(\.\d+)?")


def operators(parsed: Parsed) -> Iterator[list[Edit]]:
    """``+`` becomes ``-``, ``*`` becomes ``+``, ``and`` becomes ``or`` ..."""
    for node in parsed.nodes:
        match node:
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                if not _joins_texts(left) and not _joins_texts(right):
                    sign, other = _OPERATORS[type(op)]
                    yield from _put(parsed, left, right, re.escape(sign), other)
            case ast.AugAssign(target=left, op=op, value=right) if type(op) in _OPERATORS:
                if not _joins_texts(right):
                    sign, other = _OPERATORS[type(op)]
                    yield from _put(parsed, left, right, re.escape(sign), other)
            case ast.BoolOp(op=op, values=values):
                word, other = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                places = [parsed.between(*pair, rf"\b{word}\b") for pair in pairwise(values)]
                if all(places):
                    yield [(*place, other) for place in places if place]


def _joins_texts(node: ast.AST) -> bool:
    """Tell whether an operand is a text or a list, for which there is no other operator."""
    match node:
        case ast.Constant(value=str() | bytes()) | ast.List() | ast.Tuple() | ast.ListComp():
            return True
        case ast.Call(func=ast.Name(id="str" | "list" | "tuple")) | ast.JoinedStr():
            return True
    return False


def comparisons(parsed: Parsed) -> Iterator[list[Edit]]:
    """``<`` becomes ``>``, ``==`` becomes ``!=``, ``in`` becomes ``not in`` ..."""
    yield from _compared(parsed, _COMPARISONS)


def _compared(
    parsed: Parsed, table: dict[type[ast.cmpop], tuple[str, str]]
) -> Iterator[list[Edit]]:
    for node in parsed.nodes:
        if isinstance(node, ast.Compare) and not _asks_for_main(node):
            sides = pairwise([node.left, *node.comparators])
            for op, (left, right) in zip(node.ops, sides, strict=True):
                if type(op) in table:
                    yield from _put(parsed, left, right, *table[type(op)])


def _asks_for_main(node: ast.Compare) -> bool:
    return isinstance(node.left, ast.Name) and node.left.id == "__name__"


def _put(
    parsed: Parsed, left: ast.AST, right: ast.AST, pattern: str, other: str
) -> Iterator[list[Edit]]:
    place = parsed.between(left, right, pattern)
    if place:
        yield [(*place, other)]


def constants(parsed: Parsed) -> Iterator[list[Edit]]:
    """``n`` becomes ``n + 1`` or ``n - 1``, ``True`` becomes ``False``, a text another one.

    Constants of bounds and indices are left to :func:`boundaries`.
    """
    bounds = {part for bound in _bounds(parsed) for part in ast.walk(bound)}
    for node in parsed.nodes:
        if isinstance(node, ast.Constant) and node not in bounds:
            for text in _other_constants(parsed, node):
                yield [(*parsed.span(node), text)]


def _other_constants(parsed: Parsed, node: ast.Constant) -> list[str]:
    text, value = parsed.source(node), node.value
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int | float) and _PLAIN_NUMBER.fullmatch(text):
        whole, dot, rest = text.partition(".")
        return [f"{int(whole) + by}{dot}{rest}" for by in (1, -1) if int(whole) + by >= 0]
    if isinstance(value, str) and text[0] in "'\"" and not text.startswith(('"""', "'''")):
        return _other_texts(text)
    return []


def _other_texts(text: str) -> list[str]:
    """Return a quoted text with its last letter or digit changed; an empty one gets a space."""
    quote, inside = text[0], text[1:-1]
    if not inside:
        return [f"{quote} {quote}"]
    if "\\" in inside or quote in inside:
        return []
    if inside.isspace():
        return [f"{quote}-{quote}"]
    place = max((i for i, c in enumerate(inside) if c.isascii() and c.isalnum()), default=None)
    if place is None:
        other = "+" if inside[-1] != "+" else "-"
        return [f"{quote}{inside[:-1]}{other}{quote}"]
    return [f"{quote}{inside[:place]}{_next_letter(inside[place])}{inside[place + 1 :]}{quote}"]


def _next_letter(letter: str) -> str:
    last = {"z": "y", "Z": "Y", "9": "8"}
    return last.get(letter, chr(ord(letter) + 1))


def boundaries(parsed: Parsed) -> Iterator[list[Edit]]:
    """``<`` becomes ``<=``; bounds of ranges and slices and indices become one more or less."""
    yield from _compared(parsed, _BOUNDARIES)
    for bound in _bounds(parsed):
        for by in (1, -1):
            yield [(*parsed.span(bound), _shifted(parsed, bound, by))]


def _bounds(parsed: Parsed) -> Iterator[ast.expr]:
    """Yield what a range begins or ends with, what an index is, and what a slice goes by."""
    for node in parsed.nodes:
        match node:
            case ast.Call(func=ast.Name(id="range"), args=args):
                yield from (arg for arg in args[:2] if not isinstance(arg, ast.Starred))
            case ast.Slice(lower=lower, upper=upper):
                yield from (bound for bound in (lower, upper) if bound)
            case ast.Subscript(slice=index) if _may_be_number(index):
                yield index


def _may_be_number(index: ast.expr) -> bool:
    match index:
        case ast.Constant(value=value):
            return type(value) is int
        case ast.UnaryOp(operand=ast.Constant(value=value)):
            return type(value) is int
    return isinstance(index, ast.Name | ast.BinOp)


def _shifted(parsed: Parsed, node: ast.expr, by: int) -> str:
    """Return a number's text one higher or lower, in the spelling that fits it."""
    text = parsed.source(node)
    gap = " " if parsed.spaced else ""
    match node:
        case ast.Constant(value=int() as value):
            return str(value + by)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return str(by - value)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=ast.Constant(value=value)):
            if type(value) is int:
                total = (value if isinstance(op, ast.Add) else -value) + by
                start, _ = parsed.span(node)
                kept = parsed.text[start : parsed.span(left)[1]]
                if kept.count("(") == kept.count(")"):
                    return f"{kept}{_sign(total, gap)}"
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr() | ast.BitXor() | ast.LShift() | ast.RShift()):
            return f"({text}){_sign(by, gap)}"
    loose = ast.Compare | ast.BoolOp | ast.IfExp | ast.Lambda | ast.NamedExpr
    return f"({text}){_sign(by, gap)}" if isinstance(node, loose) else f"{text}{_sign(by, gap)}"


def _sign(number: int, gap: str) -> str:
    if number == 0:
        return ""
    return f"{gap}{'+' if number > 0 else '-'}{gap}{abs(number)}"


def branches(parsed: Parsed) -> Iterator[list[Edit]]:
    """``if a: x else: y`` becomes ``if a: y else: x``."""
    for node in conditionals(parsed):
        found = swapped(parsed, node)
        if found:
            yield found
