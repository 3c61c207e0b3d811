"""Conditions with two branches: their branches change places, with the condition negated or not.

Called by :mod:`generators.perturb.preserving` and :mod:`generators.perturb.changing`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from generators.perturb.parsed import Edit, Parsed

__all__ = ["Conditional", "conditionals", "negation", "swapped"]

Conditional = ast.If | ast.IfExp

_OPPOSITE: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: (r"is\b", "is not"),
    ast.IsNot: (r"is\s+not\b", "is"),
    ast.In: (r"in\b", "not in"),
    ast.NotIn: (r"not\s+in\b", "in"),
}


def conditionals(parsed: Parsed) -> Iterator[Conditional]:
    """Yield the conditions that have two branches of their own; ``elif`` is no branch."""
    for node in parsed.nodes:
        match node:
            case ast.IfExp():
                yield node
            case ast.If(orelse=[first, *_]) if not _is_elif(parsed, first):
                yield node


def _is_elif(parsed: Parsed, node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and parsed.source(node).startswith("elif")


def swapped(parsed: Parsed, node: Conditional) -> list[Edit] | None:
    """Return the edits that let the branches change places; ``None`` where the text forbids it."""
    if isinstance(node, ast.IfExp):
        return _exchange_values(parsed, node)
    if len(node.body) == len(node.orelse) == 1:
        pair = (node.body[0], node.orelse[0])
        if all(_simple(parsed, statement) for statement in pair):
            return _exchange(parsed, *map(parsed.span, pair))
    return _exchange_blocks(parsed, node)


def _simple(parsed: Parsed, statement: ast.stmt) -> bool:
    """Tell whether a statement is one line, or part of one, that no comment speaks of."""
    one_line = not hasattr(statement, "body") and statement.lineno == statement.end_lineno
    return one_line and "#" not in parsed.lines[statement.lineno - 1]


def _exchange(parsed: Parsed, one: tuple[int, int], other: tuple[int, int]) -> list[Edit]:
    texts = [parsed.text[start:end] for start, end in (one, other)]
    return [(*one, texts[1]), (*other, texts[0])]


def _exchange_values(parsed: Parsed, node: ast.IfExp) -> list[Edit] | None:
    """Exchange the two values of an expression, each with the brackets around it."""
    middle = parsed.between(node.body, node.test, r"\s*\bif\b")
    last = parsed.between(node.test, node.orelse, r"\belse\b\s*")
    if middle is None or last is None:
        return None
    start, end = parsed.span(node)
    yes, no = parsed.text[start : middle[0]], parsed.text[last[1] : end]
    loose = isinstance(node.orelse, ast.IfExp | ast.Lambda) and no == parsed.source(node.orelse)
    return [(start, middle[0], f"({no})" if loose else no), (last[1], end, yes)]


def _exchange_blocks(parsed: Parsed, node: ast.If) -> list[Edit] | None:
    first, second = node.body[0].lineno, node.orelse[0].lineno
    above = range(node.body[-1].end_lineno or 0, second)
    plain = (i for i in above if re.fullmatch(r"\s*else\s*:\s*", parsed.lines[i]))
    middle = next(plain, None)  # counted from 0: the line before ``else``, counted from 1
    head = node.test.end_lineno or 0
    if middle is None or head >= first or "#" in parsed.lines[head - 1]:
        return None
    if not parsed.lines[head - 1].rstrip().endswith(":"):
        return None
    blocks = [
        parsed.of_lines(head + 1, middle),
        parsed.of_lines(middle + 2, node.orelse[-1].end_lineno or second),
    ]
    return _exchange(parsed, *blocks)


def negation(parsed: Parsed, test: ast.expr) -> list[Edit] | None:
    """Return the edits that negate a condition."""
    match test:
        case ast.UnaryOp(op=ast.Not()):
            start, _ = parsed.span(test)
            word = re.match(r"not\b\s*", parsed.source(test))
            return [(start, start + word.end(), "")] if word else None
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPPOSITE:
            pattern, opposite = _OPPOSITE[type(op)]
            place = parsed.between(left, right, pattern)
            return [(*place, opposite)] if place else None
    text = parsed.source(test)
    whole = isinstance(test, ast.BoolOp | ast.IfExp | ast.Lambda | ast.NamedExpr)
    return [(*parsed.span(test), f"not ({text})" if whole else f"not {text}")]
