"""Changes that keep what a program means: other spellings of the same.

Each function finds the places in a program where one kind of change is proved to be harmless, and
yields the edits of each. Renamings stand in :mod:`generators.perturb.names`. Whether the changed
program really gives the same is found out by running it; a proof here is the reason to try.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from generators.perturb.branches import conditionals, negation, swapped
from generators.perturb.effects import Effects, walk_all
from generators.perturb.parsed import Edit, Parsed

__all__ = [
    "negated_branches",
    "negated_comparisons",
    "spelled_assignments",
    "statement_orders",
    "turned_comparisons",
]

_TURNED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", ">"),
    ast.LtE: ("<=", ">="),
    ast.Gt: (">", "<"),
    ast.GtE: (">=", "<="),
    ast.Eq: ("==", "=="),
    ast.NotEq: ("!=", "!="),
}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
_TIGHTER_THAN_PLUS = (ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_ATOMS = (ast.Name, ast.Constant, ast.Call, ast.Subscript, ast.Attribute, ast.List, ast.Dict)


def turned_comparisons(parsed: Parsed) -> Iterator[list[Edit]]:
    """``a < b`` is ``b > a``, where evaluating one side does nothing to the other."""
    effects = Effects(parsed)
    for node in parsed.nodes:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _TURNED:
                sides = (left, right)
                fixed = any(isinstance(side, ast.Constant) for side in sides)
                pure = all(map(effects.pure, sides)) and not all(map(effects.iterates, sides))
                sign, turned = _TURNED[type(op)]
                place = parsed.between(left, right, sign)
                if effects.provable and (fixed or pure) and place:
                    start, end = parsed.span(node)
                    before, after = parsed.text[start : place[0]], parsed.text[place[1] : end]
                    gaps = before[len(before.rstrip()) :], after[: -len(after.lstrip())]
                    yield [
                        (start, place[0], after.strip() + gaps[0]),
                        (*place, turned),
                        (place[1], end, gaps[1] + before.strip()),
                    ]


def negated_comparisons(parsed: Parsed) -> Iterator[list[Edit]]:
    """``a == b`` is ``not a != b``."""
    if not Effects(parsed).provable:
        return
    for node in parsed.nodes:
        match node:
            case ast.Compare(ops=[ast.Eq() | ast.NotEq()]):
                opposite = negation(parsed, node)
                if opposite:
                    start, end = parsed.span(node)
                    opened, closed = ("not ", "") if parsed.takes_not(node) else ("(not ", ")")
                    yield [(start, start, opened), *opposite, (end, end, closed)]


def spelled_assignments(parsed: Parsed) -> Iterator[list[Edit]]:
    """``x += y`` is ``x = x + y`` and the other way round, for numbers and texts."""
    effects = Effects(parsed)
    for node in parsed.nodes:
        match node:
            case ast.AugAssign(target=ast.Name(id=name), op=op) if type(op) in _OPERATORS:
                if name in effects.scalars(parsed.scope(node)):
                    yield from _in_full(parsed, node, name, _OPERATORS[type(op)])
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.BinOp(left=ast.Name(id=left), op=op) as value,
            ) if left == name and type(op) in _OPERATORS:
                if name in effects.scalars(parsed.scope(node)):
                    yield from _in_short(parsed, node, value, _OPERATORS[type(op)])


def _in_full(parsed: Parsed, node: ast.AugAssign, name: str, sign: str) -> Iterator[list[Edit]]:
    place = parsed.between(node.target, node.value, re.escape(f"{sign}="))
    if place:
        start, end = parsed.span(node)
        gap = " " if parsed.text[place[0] - 1] == " " else ""
        right = parsed.text[place[1] : end].strip()
        tight = (
            sign in "+-"
            and isinstance(node.value, ast.BinOp)
            and type(node.value.op) in _TIGHTER_THAN_PLUS
        )
        bare = right == parsed.source(node.value) and not isinstance(node.value, _ATOMS)
        right = f"({right})" if bare and not tight else right
        yield [(start, end, f"{name}{gap}={gap}{name}{gap}{sign}{gap}{right}")]


def _in_short(
    parsed: Parsed, node: ast.Assign, value: ast.BinOp, sign: str
) -> Iterator[list[Edit]]:
    left, (_, end) = parsed.span(value.left)[1], parsed.span(value)
    rest = parsed.text[left:end].strip()
    if rest.startswith(sign):
        name, right = parsed.source(value.left), rest.removeprefix(sign).strip()
        gap = " " if parsed.text[parsed.span(node.targets[0])[1]] == " " else ""
        yield [(*parsed.span(node), f"{name}{gap}{sign}={gap}{right}")]


def negated_branches(parsed: Parsed) -> Iterator[list[Edit]]:
    """``if a: x else: y`` is ``if not a: y else: x``."""
    for node in conditionals(parsed):
        test, branches = negation(parsed, node.test), swapped(parsed, node)
        if test and branches:
            yield [*test, *branches]


def statement_orders(parsed: Parsed) -> Iterator[list[Edit]]:
    """Two assignments that follow each other change places, where neither can tell."""
    effects = Effects(parsed)
    for one, other in parsed.adjacent():
        close = other.lineno == (one.end_lineno or 0) + 1
        whole = parsed.alone_on_lines(one) and parsed.alone_on_lines(other)
        if whole and close and _independent(parsed, effects, one, other):
            spans = [parsed.of_lines(s.lineno, s.end_lineno or s.lineno) for s in (one, other)]
            texts = [parsed.text[start:end] for start, end in spans]
            yield [(*spans[0], texts[1]), (*spans[1], texts[0])]


def _independent(parsed: Parsed, effects: Effects, one: ast.stmt, other: ast.stmt) -> bool:
    """Tell whether two assignments write only names, each none that the other reads or writes."""
    pair = (one, other)
    if not all(_plain_assignment(parsed, effects, statement) for statement in pair):
        return False
    if all(map(effects.iterates, pair)):
        return False
    written = [_names(s, ast.Store) for s in pair]
    read = [_names(s, ast.Load) for s in pair]
    touched = (written[0] & (read[1] | written[1])) | (written[1] & read[0])
    return not touched


def _plain_assignment(parsed: Parsed, effects: Effects, statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(targets=targets, value=value):
            simple = all(
                isinstance(part, ast.Name | ast.Tuple | ast.List | ast.expr_context)
                for part in walk_all(*targets)
            )
            return simple and effects.pure(value)
        case ast.AugAssign(target=ast.Name(id=name), value=value):
            return effects.pure(value) and name in effects.scalars(parsed.scope(statement))
    return False


def _names(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, context)
    }
