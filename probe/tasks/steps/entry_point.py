"""What the text of a program says of the lines of its entry point, as questions need it.

Called by the other modules of this package. Only statements of the function itself count, not
those of functions and classes inside it, which run in frames of their own. Nothing is run here.
"""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from generators.literals import PARSING

__all__ = ["EntryPoint", "read_entry_point"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """The lines of a function; numbers count from 1 in the program's code.

    Attributes:
        lines: From ``def`` to the end.
        plain: Lines that hold one statement, or the head of one, and nothing else: only there do
            a reader's steps and the interpreter's agree.
        guarded: Lines inside ``try`` or ``with``, which may end before they are done.
        bodies: Lines of the body, by the line of its ``if``, ``while`` or ``for``.
        conditions: Lines of ``if`` and ``while``.
        loops: Lines of ``for`` and ``while``.
        names: Variables that a line's statement sets or changes in place.
        forgotten: Variables that can vanish: deleted, or bound by ``except``.
        silent: Whether there are statements that the interpreter passes over without a step, such
            as ``global`` or the head of ``while True``.
    """

    lines: range
    plain: frozenset[int]
    guarded: frozenset[int]
    bodies: Mapping[int, range]
    conditions: frozenset[int]
    loops: frozenset[int]
    names: Mapping[int, tuple[str, ...]]
    forgotten: frozenset[str]
    silent: bool


def read_entry_point(code: str, name: str) -> EntryPoint | None:
    """Return the lines of a function that stands on a program's top level.

    ``None`` if there is no such function, or if it is decorated or a generator: then the lines of
    a call are not those of its text, or not in its order.
    """
    try:
        with PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the program's own backslashes
            tree = ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if not found or found[-1].decorator_list:
        return None
    function = found[-1]
    own = list(_own(function.body, guarded=False))
    expressions = [node for statement, _ in own for node in _expressions(statement)]
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in expressions):
        return None
    return _entry_point(function, own)


def _entry_point(
    function: ast.FunctionDef, own: Sequence[tuple[ast.stmt | ast.excepthandler, bool]]
) -> EntryPoint:
    heads = {statement: range(statement.lineno, _end(statement) + 1) for statement, _ in own}
    taken = Counter(line for lines in heads.values() for line in lines)
    blocks = [node for node, _ in own if isinstance(node, ast.If | ast.While | ast.For)]
    return EntryPoint(
        lines=range(function.lineno, (function.end_lineno or function.lineno) + 1),
        plain=frozenset(
            statement.lineno
            for statement, lines in heads.items()
            if len(lines) == taken[statement.lineno] == 1
            and not isinstance(statement, ast.With)  # comes back when its body ends
        ),
        guarded=frozenset(statement.lineno for statement, guarded in own if guarded),
        bodies={
            node.lineno: range(node.body[0].lineno, (node.body[-1].end_lineno or 0) + 1)
            for node in blocks
        },
        conditions=frozenset(node.lineno for node in blocks if not isinstance(node, ast.For)),
        loops=frozenset(node.lineno for node in blocks if not isinstance(node, ast.If)),
        names={statement.lineno: tuple(sorted(_changed(statement))) for statement, _ in own},
        forgotten=frozenset(name for statement, _ in own for name in _forgotten(statement)),
        silent=any(
            _silent(statement)
            for statement, _ in own
            if statement is not function.body[0] or not _is_text(statement)
        ),
    )


def _own(
    body: Sequence[ast.stmt | ast.excepthandler], *, guarded: bool
) -> Iterator[tuple[ast.stmt | ast.excepthandler, bool]]:
    """Yield a function's statements and handlers, each with whether it stands in ``try``."""
    for statement in body:
        yield statement, guarded
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        inside = guarded or isinstance(statement, ast.Try | ast.TryStar | ast.With)
        for field in ("body", "handlers", "orelse", "finalbody"):
            yield from _own(getattr(statement, field, ()), guarded=inside)
        for case in getattr(statement, "cases", ()):
            yield from _own(case.body, guarded=inside)


def _expressions(statement: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in a statement's head, down to functions and other statements."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt | ast.excepthandler | ast.match_case | ast.Lambda):
            yield child
            yield from _expressions(child)


def _end(statement: ast.stmt | ast.excepthandler) -> int:
    """Return the last line of a statement, or of its head if statements follow inside it."""
    if not hasattr(statement, "body"):
        return statement.end_lineno or statement.lineno
    ends = [getattr(node, "end_lineno", None) or 0 for node in _expressions(statement)]
    return max([statement.lineno, *ends])


def _is_text(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _silent(statement: ast.AST) -> bool:
    match statement:
        case ast.Global() | ast.Nonlocal() | ast.AnnAssign(value=None):
            return True
        case ast.If(test=test) | ast.While(test=test):
            return not any(isinstance(node, ast.Name | ast.Call) for node in ast.walk(test))
    return _is_text(statement)


def _changed(statement: ast.AST) -> set[str]:
    """Return the variables that a statement sets, or whose value it may change in place."""
    match statement:
        case ast.Assign(targets=targets):
            return {name for target in targets for name in _bases(target)}
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target) | ast.For(target=target):
            return _bases(target)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner))):
            return _bases(owner)
    return set()


def _bases(target: ast.AST) -> set[str]:
    match target:
        case ast.Name(id=name):
            return {name}
        case ast.Subscript(value=inner) | ast.Attribute(value=inner) | ast.Starred(value=inner):
            return _bases(inner)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return {name for part in parts for name in _bases(part)}
    return set()


def _forgotten(statement: ast.AST) -> set[str]:
    match statement:
        case ast.Delete(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.ExceptHandler(name=str() as name):
            return {name}
    return set()
