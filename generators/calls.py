"""Asserts and calls as syntax: splitting ``assert call(...) == literal`` into its two sides.

Called by the trace generators (which calls to run), by grading (what the sandbox may see and
what only the parent compares) and by the few-shot prompts. Nothing is executed here.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable

from generators.errors import LiteralError
from generators.literals import PARSING, parse_node, to_literal
from generators.records import Call, Origin

__all__ = ["entry_point", "literal_arguments", "parse_assert", "render_call"]


@functools.lru_cache(maxsize=8192)
def parse_assert(text: str) -> Call | None:
    """Split an assert of the form ``assert name(...) == literal`` (cached).

    The expected side is kept as canonical literal text. Returns ``None`` for any other
    assert: such a one has to run inside the sandbox as a whole.
    """
    try:
        with PARSING:
            body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError):
        return None
    match body:
        case [
            ast.Assert(
                test=ast.Compare(
                    left=ast.Call(func=ast.Name(id=name)) as call,
                    ops=[ast.Eq()],
                    comparators=[right],
                )
            )
        ]:
            try:
                expected = to_literal(parse_node(right))
            except LiteralError:
                return None
            return Call(
                entry_point=name, text=ast.unparse(call), origin=Origin.ASSERT, expected=expected
            )
    return None


def entry_point(tests: Iterable[str]) -> str | None:
    """Return the function that the tests call: the first name called on an assert's left side."""
    for test in tests:
        call = parse_assert(test)
        if call is not None:
            return call.entry_point
    return None


def literal_arguments(call: Call) -> tuple[object, ...] | None:
    """Return the positional arguments of a call, or ``None`` where one is no literal."""
    with PARSING:
        tree = ast.parse(call.text, mode="eval").body
    if not isinstance(tree, ast.Call) or tree.keywords:
        return None
    try:
        return tuple(parse_node(argument) for argument in tree.args)
    except LiteralError:
        return None


def render_call(name: str, arguments: Iterable[object]) -> str:
    """Return the canonical text of a call with literal arguments.

    Raises:
        LiteralError: An argument has no literal.
    """
    return f"{name}({', '.join(to_literal(argument) for argument in arguments)})"
