"""Branch outcomes of a program: numbering them, and making a program tell which it reaches.

Runs on both sides of the sandbox's border: inside, a recorded program is instrumented
(:mod:`generators.sandbox.recorder`); outside, the outcomes are counted for coverage. Standard
library only.

Outcomes, in source order: true and false of each condition (``if``, ``while``, conditional
expressions, ``if`` in comprehensions, guards of ``case``) and of each operand in it but the last;
elsewhere, each operand of ``and`` and ``or`` after the first, evaluated; a ``for`` loop entered,
and ended without ``break``; each ``case`` and each exception handler entered. Constants have no
outcomes. ``assert`` is no branch: its other side is not a way through the program.
"""

from __future__ import annotations

import ast
import functools
import warnings

__all__ = ["branch_count", "instrument"]


@functools.lru_cache(maxsize=1024)
def branch_count(code: str) -> int:
    """Return how many branch outcomes a program has; 0 for what does not parse (cached)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the program's own backslashes
            return instrument(ast.parse(code), "reached")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0


def instrument(tree: ast.Module, function: str) -> int:
    """Make a program call ``function(number)`` for each branch outcome that it reaches.

    Conditions are evaluated once, in the same order, and expressions keep their values; line
    numbers stay. The function has to return something false and should not be written in Python:
    a trace function would see it.

    Args:
        tree: The program, changed in place.
        function: Name under which the program finds the function among its builtins.

    Returns:
        The number of branch outcomes; they are numbered from 0.
    """
    marker = _Marker(function)
    marker.visit(tree)
    ast.fix_missing_locations(tree)
    return marker.count


class _Marker(ast.NodeTransformer):
    """Adds the calls."""

    def __init__(self, function: str) -> None:
        self.count = 0
        self._function = function

    def visit_If(self, node: ast.If) -> ast.AST:
        node.test = self._condition(node.test)
        return self._rest(node)

    def visit_While(self, node: ast.While) -> ast.AST:
        node.test = self._condition(node.test)
        return self._rest(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        node.test = self._condition(node.test)
        node.body, node.orelse = self.visit(node.body), self.visit(node.orelse)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        node.target, node.iter = self.visit(node.target), self.visit(node.iter)
        node.ifs = [self._condition(test) for test in node.ifs]
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        return self._loop(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self._loop(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        entered = self._statement(node.body[0])
        self._rest(node)
        node.body.insert(0, entered)
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        if node.guard is not None:
            node.guard = self._condition(node.guard)
        entered = self._statement(node.body[0])
        self._rest(node)
        node.body.insert(0, entered)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """``a and b`` becomes ``a and (reached(i) or b)``, and so does ``or``."""
        first, *others = node.values
        node.values = [self.visit(first)]
        for value in others:
            reached = self._reached(value)
            node.values.append(_either(reached, self.visit(value)))
        return node

    def _loop(self, node: ast.For | ast.AsyncFor) -> ast.AST:
        node.target, node.iter = self.visit(node.target), self.visit(node.iter)
        entered = self._statement(node.body[0])
        exhausted = self._statement(node)
        self._rest(node)
        node.body.insert(0, entered)
        node.orelse.insert(0, exhausted)
        return node

    def _rest(self, node: ast.AST) -> ast.AST:
        """Visit the statements below a node whose expressions are done."""
        for name in ("body", "orelse"):
            statements = getattr(node, name, [])
            statements[:] = [self.visit(statement) for statement in statements]
        return node

    def _condition(self, test: ast.expr) -> ast.expr:
        """``c`` becomes ``not reached(i) if c else reached(i + 1)``, which is as true as ``c``."""
        if isinstance(test, ast.Constant):
            return test
        yes, no = self._reached(test), self._reached(test)
        truth = ast.UnaryOp(op=ast.Not(), operand=yes)
        return ast.copy_location(ast.IfExp(test=self._truth(test), body=truth, orelse=no), test)

    def _truth(self, test: ast.expr) -> ast.expr:
        """Mark the operands of an expression that is only asked for its truth."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test.operand = self._truth(test.operand)
        elif isinstance(test, ast.BoolOp):
            *others, last = test.values
            test.values = [self._condition(value) for value in others] + [self._truth(last)]
        else:
            test = self.visit(test)
        return test

    def _reached(self, place: ast.AST) -> ast.expr:
        """Return a call with the next number, at a place in the source."""
        name = ast.Name(id=self._function, ctx=ast.Load())
        call = ast.Call(func=name, args=[ast.Constant(value=self.count)], keywords=[])
        self.count += 1
        return ast.copy_location(call, place)

    def _statement(self, place: ast.AST) -> ast.stmt:
        return ast.copy_location(ast.Expr(value=self._reached(place)), place)


def _either(left: ast.expr, right: ast.expr) -> ast.expr:
    return ast.copy_location(ast.BoolOp(op=ast.Or(), values=[left, right]), left)
