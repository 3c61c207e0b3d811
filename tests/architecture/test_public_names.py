"""``__all__`` is honest: what it lists is there, and what others may use it lists."""

from __future__ import annotations

import ast

import pytest

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def listed(tree: ast.Module) -> set[str] | None:
    """Return the names in a module's ``__all__``, or ``None`` without one."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return None


def definitions(tree: ast.Module) -> set[str]:
    """Return the public functions and classes of a module."""
    found = {node.name for node in tree.body if isinstance(node, Definition)}
    return {name for name in found if not name.startswith("_")}


def commands(tree: ast.Module) -> set[str]:
    """Return the functions that are commands of typer, which alone calls them."""
    made = {
        node.name
        for node in tree.body
        if isinstance(node, Definition)
        and ".command(" in " ".join(map(ast.unparse, node.decorator_list))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ".command(" in ast.unparse(node.func):
            made |= {ast.unparse(argument) for argument in node.args}
    return made


def constants(tree: ast.Module) -> set[str]:
    """Return the public names that a module assigns."""
    targets = [
        target
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    names = {name.id for each in targets for name in ast.walk(each) if isinstance(name, ast.Name)}
    return {name for name in names if not name.startswith("_")}


@pytest.fixture(scope="module")
def public(modules: dict[str, ast.Module]) -> dict[str, set[str]]:
    """What each module lists; of one that lists nothing, nothing."""
    return {module: listed(tree) or set() for module, tree in modules.items()}


def test_modules_with_public_definitions_list_them(
    modules: dict[str, ast.Module], public: dict[str, set[str]]
) -> None:
    assert not [
        f"{module}.{name}"
        for module, tree in modules.items()
        for name in definitions(tree) - public[module] - commands(tree)
    ]


def test_what_other_modules_use_is_listed(
    modules: dict[str, ast.Module], public: dict[str, set[str]]
) -> None:
    own = {module: constants(tree) | definitions(tree) for module, tree in modules.items()}
    missing = set()
    for tree in modules.values():
        aliases = {}  # name in this module -> the module it stands for
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    if whole in modules:
                        aliases[alias.asname or alias.name] = whole
                    elif node.module in modules and alias.name not in public[node.module]:
                        missing.add(whole)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = aliases.get(node.value.id, "")
                if node.attr in own.get(module, set()) - public.get(module, set()):
                    missing.add(f"{module}.{node.attr}")
    assert not missing
