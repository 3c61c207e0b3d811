"""Problems that come twice: the same program under other names, or the same description.

Called for the quality report of traces; a twin of a training program among the test programs
lets a model remember instead of read. Programs are compared as syntax, nothing is run.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from generators.literals import PARSING
from generators.records import Problem

__all__ = ["Kind", "Twins", "find_twins", "normalised_code", "normalised_text"]


class Kind(StrEnum):
    """What is the same."""

    PROGRAM = "program"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Problems that share something.

    Attributes:
        kind: What they share.
        tasks: Split of each of them, by task id.
    """

    kind: Kind
    tasks: dict[int, str]

    @property
    def across_splits(self) -> bool:
        """Whether they are in different splits."""
        return len(set(self.tasks.values())) > 1


class _Renamer(ast.NodeTransformer):
    """Gives the names that a program defines new ones, in the order in which they come."""

    def __init__(self, own: Iterable[str]) -> None:
        self._names = {name: f"name{i}" for i, name in enumerate(own)}

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field in ("id", "arg", "name"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                setattr(node, field, self._names.get(name, name))
        return super().generic_visit(node)


def normalised_code(code: str) -> str | None:
    """Return a program's syntax without layout, comments, docstrings and names of its own.

    Returns ``None`` for what does not parse.
    """
    try:
        with PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the program's own backslashes
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    own: dict[str, None] = {}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                own[node.name] = None
                if ast.get_docstring(node) is not None:
                    node.body = node.body[1:] or [ast.Pass()]
            case ast.arg():
                own[node.arg] = None
            case ast.Name(ctx=ast.Store()):
                own[node.id] = None
    return ast.dump(_Renamer(own).visit(tree))


def normalised_text(text: str) -> str:
    """Return a description in lower case, without punctuation and double spaces."""
    return " ".join(re.findall(r"\w+", text.lower()))


def find_twins(problems: Sequence[Problem]) -> list[Twins]:
    """Return the groups of problems that share a program or a description, programs first."""
    groups: dict[tuple[Kind, str], dict[int, str]] = defaultdict(dict)
    for problem in problems:
        code, text = normalised_code(problem.code), normalised_text(problem.text)
        for kind, key in ((Kind.PROGRAM, code), (Kind.TEXT, text)):
            if key:
                groups[kind, key][problem.task_id] = problem.split.value
    found = [Twins(kind=kind, tasks=tasks) for (kind, _), tasks in groups.items() if len(tasks) > 1]
    return sorted(found, key=lambda twins: (twins.kind, min(twins.tasks)))
