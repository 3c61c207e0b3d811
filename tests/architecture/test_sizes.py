"""Files and functions stay small, files say what they are, statuses are texts."""

from __future__ import annotations

import ast
from pathlib import Path


def test_files_say_what_they_are(
    modules: dict[str, ast.Module], tests: dict[Path, ast.Module]
) -> None:
    assert not [where for where, tree in (modules | tests).items() if not ast.get_docstring(tree)]


def test_files_stay_small_or_say_why_not(
    module_paths: dict[str, Path], modules: dict[str, ast.Module], tests: dict[Path, ast.Module]
) -> None:
    trees = {module_paths[name]: tree for name, tree in modules.items()} | tests
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in trees}
    assert not {
        path: count
        for path, count in lines.items()
        if count > 300 and "Long, since " not in (ast.get_docstring(trees[path]) or "")
    }


def test_functions_stay_small(modules: dict[str, ast.Module]) -> None:
    long = {}
    for module, tree in modules.items():
        if module.startswith("probe.cli."):
            continue  # a command is the list of its options
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                told = ast.get_docstring(node) is not None
                first = node.body[min(told, len(node.body) - 1)]
                lines = (node.end_lineno or 0) - first.lineno + 1
                if lines > 55:
                    long[f"{module}.{node.name}"] = lines
    assert not long


def test_statuses_are_strings(modules: dict[str, ast.Module]) -> None:
    others = {"Enum", "IntEnum", "Flag", "IntFlag"}
    assert not [
        f"{module}.{node.name}"
        for module, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and {ast.unparse(base).rpartition(".")[2] for base in node.bases} & others
    ]
