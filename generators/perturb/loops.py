"""``for i in range(n)`` as a ``while`` loop, where nothing else can tell them apart.

Called by :mod:`generators.perturb.places`. A loop is left alone if it may go on to its next round
by ``continue``, has an ``else``, sets its own variable, if its bound may change on the way, or if
its variable is used after it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from generators.perturb.effects import Effects, walk_all
from generators.perturb.parsed import Edit, Parsed, own_nodes

__all__ = ["while_loops"]

_LOOPS = (ast.For, ast.While, ast.AsyncFor)
_TIGHT = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Call, ast.Subscript)
_LATE = (ast.Lambda, ast.FunctionDef, ast.Yield, ast.YieldFrom, ast.GeneratorExp)


def while_loops(parsed: Parsed) -> Iterator[list[Edit]]:
    """Yield the edits of each loop that can be a ``while`` loop."""
    effects = Effects(parsed)
    for node in parsed.nodes:
        match node:
            case ast.For(target=ast.Name(id=name), iter=ast.Call(args=args, keywords=[])):
                bounds = _bounds(args) if effects.calls_builtin(node.iter, "range") else None
                if bounds and effects.provable and _can_be_while(parsed, effects, node, name, args):
                    yield from _rewritten(parsed, node, name, bounds)


def _bounds(args: list[ast.expr]) -> tuple[ast.expr | None, ast.expr, int] | None:
    """Return start, stop and step of a range; ``None`` unless the step's sign can be seen."""
    match args:
        case [stop]:
            return None, stop, 1
        case [start, stop]:
            return start, stop, 1
        case [start, stop, ast.Constant(value=int() as step)] if step > 0:
            return start, stop, step
        case [start, stop, ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as step))]:
            return (start, stop, -step) if step > 0 else None
    return None


def _can_be_while(
    parsed: Parsed, effects: Effects, loop: ast.For, name: str, args: list[ast.expr]
) -> bool:
    scope = parsed.scope(loop)
    inside = list(walk_all(*loop.body))
    written = {n.id for n in inside if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    read = {n.id for n in walk_all(*args) if isinstance(n, ast.Name)}
    return (
        isinstance(scope, ast.FunctionDef)
        and not loop.orelse
        and name not in written | read
        and not read & written
        and all(map(effects.pure, args))
        and all(isinstance(arg, _TIGHT) for arg in args)
        and (not _looks_inside(args) or not _changes_objects(effects, scope, inside))
        and not any(isinstance(node, _LATE) for node in inside)
        and not any(_continues(statement) for statement in loop.body)
        and not _used_elsewhere(parsed, scope, loop, name)
    )


def _looks_inside(args: list[ast.expr]) -> bool:
    """Tell whether a bound depends on what an object holds, not only on which one it is."""
    plain = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)
    return not all(isinstance(node, (*plain, ast.expr_context)) for node in walk_all(*args))


def _changes_objects(effects: Effects, scope: ast.AST, inside: list[ast.AST]) -> bool:
    """Tell whether a loop may change what an object holds."""
    for node in inside:
        match node:
            case ast.Delete():
                return True
            case ast.AugAssign(target=ast.Name(id=name)) if name not in effects.scalars(scope):
                return True
            case ast.Call() if not effects.pure(node):
                return True
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                return True
    return False


def _continues(node: ast.AST) -> bool:
    """Tell whether a statement of a loop's body has a ``continue`` of this loop."""
    if isinstance(node, ast.Continue):
        return True
    return not isinstance(node, _LOOPS) and any(map(_continues, ast.iter_child_nodes(node)))


def _used_elsewhere(parsed: Parsed, scope: ast.AST, loop: ast.For, name: str) -> bool:
    """Tell whether a loop's variable is used outside of it, but for loops that set it anew."""
    own = set(ast.walk(loop))
    nested = [n for n in ast.walk(scope) if isinstance(n, ast.FunctionDef | ast.Lambda)]
    if any(n is not scope and name in _all_names(n) for n in nested):
        return True
    return any(
        isinstance(node, ast.Name)
        and node.id == name
        and node not in own
        and not _set_anew(parsed, loop, node, name)
        for node in own_nodes(scope)
    )


def _all_names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _set_anew(parsed: Parsed, loop: ast.For, node: ast.AST, name: str) -> bool:
    child = node
    for above in parsed.above(node):
        if isinstance(above, ast.For) and isinstance(above.target, ast.Name):
            bound = above.target.id == name and (child is above.target or child in above.body)
            if bound and above not in set(parsed.above(loop)):
                return True
        child = above
    return False


def _rewritten(
    parsed: Parsed, loop: ast.For, name: str, bounds: tuple[ast.expr | None, ast.expr, int]
) -> Iterator[list[Edit]]:
    start, stop, step = bounds
    head = parsed.lines[loop.lineno - 1]
    last = loop.body[-1].end_lineno or 0
    whole = parsed.alone_on_lines(loop.body[-1]) or hasattr(loop.body[-1], "body")
    if loop.body[0].lineno == (loop.iter.end_lineno or 0) or not whole or "#" in head:
        return
    if loop.lineno != loop.iter.end_lineno or not head.rstrip().endswith(":"):
        return
    indent = head[: len(head) - len(head.lstrip())]
    first = parsed.lines[loop.body[0].lineno - 1]
    inner = first[: len(first) - len(first.lstrip())]
    sign = "<" if step > 0 else ">"
    begin, end = parsed.of_lines(loop.lineno, loop.lineno)
    below = parsed.of_lines(last, last)[1]
    opening = (
        f"{indent}{name} = {parsed.source(start) if start else '0'}\n"
        f"{indent}while {name} {sign} {parsed.source(stop)}:"
    )
    turn = f"\n{inner}{name} {'+' if step > 0 else '-'}= {abs(step)}"
    yield [(begin, end, opening), (below, below, turn)]
