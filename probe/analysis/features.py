"""What can be counted in a problem and in its reference solution, as numbers.

Called by ``probe analyse`` for the question which problems are hard. A feature is a plain count,
so that a reader can check it; none of them looks at what a model wrote.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from generators.calls import literal_arguments, parse_assert
from generators.errors import LiteralError
from generators.literals import PARSING, from_literal
from generators.records import Problem

__all__ = ["FEATURES", "problem_features"]

_CONDITIONS = re.compile(
    r"\b(and|or|not|no|only|without|except|unless|if|each|every|all|any|both|same|first|last|"
    r"consecutive|distinct|unique|minimum|maximum|smallest|largest|nth|given)\b"
)
_TYPES = ("int", "float", "str", "bool", "list", "tuple", "dict", "set")
_LOOPS = (ast.For, ast.While, ast.comprehension)
_BRANCHES = (ast.If, ast.IfExp, ast.match_case, ast.BoolOp)

FEATURES = (
    "words in the statement",
    "different words in the statement",
    "condition words in the statement",
    "numbers in the statement",
    "arguments of the function",
    "characters of the tests",
    "lines of the reference",
    "syntax nodes of the reference",
    "branches of the reference",
    "loops of the reference",
    "deepest nesting of the reference",
    "calls in the reference",
    "different names called",
    "imports of the reference",
    "functions defined",
    "reference calls itself",
    *(f"takes {kind}" for kind in _TYPES),
    *(f"returns {kind}" for kind in _TYPES),
)
"""Names of the features, in order."""


def problem_features(problem: Problem) -> dict[str, float]:
    """Return the features of a problem by name, in the order of :data:`FEATURES`."""
    words = re.findall(r"[a-z0-9]+", problem.text.lower())
    calls = [call for test in problem.test_list if (call := parse_assert(test))]
    arguments = [found for call in calls if (found := literal_arguments(call)) is not None]
    taken = {_kind(value) for found in arguments for value in found}
    given = {_kind(value) for call in calls for value in _expected(call.expected)}
    values = [
        len(words),
        len(set(words)),
        len(_CONDITIONS.findall(problem.text.lower())),
        sum(word.isdigit() for word in words),
        max(map(len, arguments), default=0),
        sum(map(len, problem.test_list)),
        sum(bool(line.strip()) for line in problem.code.splitlines()),
        *_of_code(problem.code),
        *(kind in taken for kind in _TYPES),
        *(kind in given for kind in _TYPES),
    ]
    return dict(zip(FEATURES, map(float, values), strict=True))


def _expected(text: str | None) -> Iterator[Any]:
    try:
        if text is not None:
            yield from_literal(text)
    except LiteralError:
        return


def _kind(value: Any) -> str:
    kind = type(value).__name__
    return {"frozenset": "set"}.get(kind, kind)


def _of_code(code: str) -> list[float]:
    try:
        with PARSING:
            tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return [0.0] * 9
    nodes = list(ast.walk(tree))
    called = [name for node in nodes if isinstance(node, ast.Call) for name in _name(node.func)]
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    return [
        float(count)
        for count in (
            len(nodes),
            sum(isinstance(node, _BRANCHES) for node in nodes),
            sum(isinstance(node, _LOOPS) for node in nodes),
            _depth(tree),
            len(called),
            len(set(called)),
            sum(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes),
            len(defined),
            bool(defined & set(called)),
        )
    ]


def _name(function: ast.expr) -> list[str]:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return [name]
    return []


def _depth(node: ast.AST, depth: int = 0) -> int:
    """Return how deep branches and loops stand in each other."""
    here = depth + isinstance(node, ast.If | ast.For | ast.While | ast.comprehension)
    return max([here, *(_depth(child, here) for child in ast.iter_child_nodes(node))])
