"""A program's text beside its syntax tree: where a node stands, and edits at that place.

Called by the modules of this package that find changes. Nothing is run, and the text is never
written anew from the tree: what an edit does not touch keeps its layout and its comments.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise

from generators.literals import PARSING

__all__ = ["Edit", "Parsed", "edited", "own_nodes", "parse", "quiet_parsing", "syntax"]

Edit = tuple[int, int, str]
"""Start and end of a piece of text, and what stands there instead."""

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_LOOSER_THAN_NOT = (ast.stmt, ast.BoolOp, ast.IfExp, ast.Lambda, ast.keyword, ast.comprehension)


def parse(code: str) -> Parsed | None:
    """Return a program with its tree; ``None`` for what does not parse or has odd line ends."""
    tree = None if "\r" in code or "\f" in code else syntax(code)
    return Parsed(code, tree) if tree else None


def syntax(code: str) -> ast.Module | None:
    """Return a program's syntax tree; ``None`` for what does not parse."""
    try:
        with quiet_parsing():
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@contextmanager
def quiet_parsing() -> Iterator[None]:
    """Keep other threads from parsing, and programs' own backslashes from being warned of."""
    with PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Return ``text`` with edits made, which do not overlap; words stay apart from each other."""
    done, place = "", 0
    for start, end, new in sorted(edits):
        for piece in (text[place:start], new):
            done += f" {piece}" if _one_word(done, piece) else piece
        place = end
    rest = text[place:]
    return f"{done} {rest}" if _one_word(done, rest) else done + rest


def _one_word(left: str, right: str) -> bool:
    return bool(left and right) and all(c.isalnum() or c == "_" for c in (left[-1], right[0]))


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope, not those of functions and classes inside it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, _SCOPES):
            yield from own_nodes(child)


class Parsed:
    """A program as text and as tree.

    Attributes:
        text: The program.
        tree: Its syntax tree.
        lines: Its lines.
        nodes: The statements and expressions that can be edited, in the order of the text: those
            outside of formatted strings, type hints and bare strings.
    """

    def __init__(self, text: str, tree: ast.Module) -> None:
        self.text = text
        self.tree = tree
        self.lines = text.split("\n")
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._parents = {
            child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }
        found = [node for node in _editable(tree) if isinstance(node, ast.stmt | ast.expr)]
        self.nodes: tuple[ast.AST, ...] = tuple(sorted(found, key=self.span))

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node that a node is part of."""
        return self._parents.get(node)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what a node is part of, the nearest first."""
        while (found := self._parents.get(node)) is not None:
            yield found
            node = found

    def scope(self, node: ast.AST) -> ast.AST:
        """Return the function, or the module, that a node belongs to."""
        functions = (a for a in self.above(node) if isinstance(a, _SCOPES))
        return next(functions, self.tree)

    def offset(self, line: int, column: int) -> int:
        """Return the place of a line (from 1) and a column in bytes (from 0)."""
        text = self.lines[line - 1]
        return self._starts[line - 1] + len(text.encode()[:column].decode(errors="ignore"))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return where a node begins and ends, brackets around it left out."""
        assert isinstance(node, ast.stmt | ast.expr | ast.arg | ast.keyword | ast.excepthandler)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self.offset(node.lineno, node.col_offset),
            self.offset(node.end_lineno, node.end_col_offset),
        )

    def source(self, node: ast.AST) -> str:
        """Return the text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def of_lines(self, first: int, last: int) -> tuple[int, int]:
        """Return where whole lines begin and end, the last line's end left out."""
        return self._starts[first - 1], self._starts[last] - 1

    def between(self, left: ast.AST, right: ast.AST, pattern: str) -> tuple[int, int] | None:
        """Return where a pattern stands between two nodes; ``None`` if not, or near a comment."""
        start, end = self.span(left)[1], self.span(right)[0]
        gap = self.text[start:end]
        found = None if "#" in gap else re.search(pattern, gap)
        return (start + found.start(), start + found.end()) if found else None

    def enclosed(self, node: ast.AST) -> bool:
        """Tell whether brackets or commas keep a node apart from what is around it."""
        start, end = self.span(node)
        before, after = self.text[:start].rstrip()[-1:], self.text[end:].lstrip()[:1]
        return before in tuple("([{,") and after in tuple(")]},")

    def takes_not(self, node: ast.AST) -> bool:
        """Tell whether ``not ...`` may stand in a node's place without brackets."""
        parent = self.parent(node)
        return (
            isinstance(parent, _LOOSER_THAN_NOT)
            or (isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not))
            or self.enclosed(node)
        )

    def alone_on_lines(self, statement: ast.stmt) -> bool:
        """Tell whether no other code shares the lines of a statement."""
        start, end = self.span(statement)
        first, last = self.of_lines(statement.lineno, statement.end_lineno or statement.lineno)
        rest = self.text[end:last].strip()
        return not self.text[first:start].strip() and (not rest or rest.startswith("#"))

    def adjacent(self) -> Iterator[tuple[ast.stmt, ast.stmt]]:
        """Yield statements that follow each other in one block."""
        for node in ast.walk(self.tree):
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list):
                    yield from pairwise(block)

    @property
    def spaced(self) -> bool:
        """Whether this program has spaces around most of its operators."""
        gaps = [
            self.text[self.span(node.left)[1] : self.span(node.right)[0]]
            for node in self.nodes
            if isinstance(node, ast.BinOp)
        ]
        return 2 * sum(" " in gap for gap in gaps) >= len(gaps)


def _editable(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            bare = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and not bare and not isinstance(child, ast.JoinedStr):
                yield child
                yield from _editable(child)
