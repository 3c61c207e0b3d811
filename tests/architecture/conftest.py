"""The project's files as syntax trees, each parsed once for all tests of this folder."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def module_paths() -> dict[str, Path]:
    """Every module of the two packages, by its name."""
    return {
        _name(path): path
        for package in ("generators", "probe")
        for path in sorted((ROOT / package).rglob("*.py"))
        if "data" not in path.relative_to(ROOT).parts[1:2]
    }


@pytest.fixture(scope="session")
def modules(module_paths: dict[str, Path]) -> dict[str, ast.Module]:
    """The tree of every module of the two packages, by its name."""
    return {name: _parsed(path) for name, path in module_paths.items()}


@pytest.fixture(scope="session")
def tests() -> dict[Path, ast.Module]:
    """The tree of every file of tests, by its path."""
    return {path: _parsed(path) for path in sorted((ROOT / "tests").rglob("*.py"))}


@pytest.fixture(scope="session")
def imported(modules: dict[str, ast.Module]) -> dict[str, set[str]]:
    """What each module imports, wherever in its text: ``from a import b`` gives ``a``, ``a.b``."""
    found: dict[str, set[str]] = {}
    for module, tree in modules.items():
        names = found[module] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                whole = {f"{node.module}.{alias.name}" for alias in node.names}
                parts = whole & modules.keys()
                names |= parts | ({node.module} if whole - parts else set())
    return found
