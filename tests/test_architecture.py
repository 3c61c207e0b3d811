"""The sentences of the design that a program can check: layers, imports, sizes, names."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    path
    for package in ("generators", "probe")
    for path in (ROOT / package).rglob("*.py")
    if "data" not in path.relative_to(ROOT).parts[1:2]
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))
INSIDE_SANDBOX = {"errors", "literals"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def under(module: str, *packages: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in packages)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_arrows_point_one_way(path: Path) -> None:
    module, used = name_of(path), set(imports(path))
    if under(module, "generators"):
        assert not [name for name in used if under(name, "probe")]
    if not under(module, "probe.models", "probe.training"):
        heavy = ("torch", "transformers", "peft", "accelerate", "safetensors", "openai")
        assert not [name for name in used if under(name, *heavy)]
    if module != "generators.strategies":
        assert not [name for name in used if under(name, "hypothesis")]
    if not under(module, "probe.cli"):
        assert not [name for name in used if under(name, "typer", "click")]
    if module not in ("probe.progress", "probe.terminal", "probe.cli.person"):  # what is shown
        assert not [name for name in used if under(name, "rich")]
    if under(module, "probe.metrics", "probe.statistics", "probe.prompts", "probe.extract"):
        assert not [name for name in used if under(name, "probe.tasks", "probe.runs")]


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_files_stay_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    told = ast.get_docstring(ast.parse(text))
    assert told, "no module docstring"
    assert text.count("\n") <= 300 or "Long, since " in told, "long, and its docstring says not why"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_stay_small(path: Path) -> None:
    if name_of(path).startswith("probe.cli."):
        return  # a command is the list of its options
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            told = ast.get_docstring(node) is not None
            first = node.body[min(told, len(node.body) - 1)]
            lines = (node.end_lineno or 0) - first.lineno + 1
            assert lines <= 55, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_statuses_are_strings(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
            assert not bases & {"Enum", "IntEnum", "Flag", "IntFlag"}, node.name


def test_records_are_frozen_and_named_by_field() -> None:
    tree = ast.parse((ROOT / "generators" / "records.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.decorator_list:
            (how,) = map(ast.unparse, node.decorator_list)
            assert how == "dataclass(frozen=True, slots=True, kw_only=True)", node.name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_public_names_exist(path: Path) -> None:
    module = name_of(path)
    if module.endswith((".zygote", ".__main__")):
        pytest.skip("a program, not a library")
    if module.startswith(("probe.models", "probe.training")):
        pytest.importorskip("torch")
    loaded = importlib.import_module(module)
    for name in getattr(loaded, "__all__", []):
        assert hasattr(loaded, name), f"{module}.__all__ names {name}, which is not there"


def test_scoring_and_help_need_no_torch() -> None:
    code = (
        "import sys\n"
        "import probe.cli, probe.verify, probe.tasks.grade_file, probe.report.build\n"
        "heavy = {'torch', 'transformers', 'peft', 'openai', 'sklearn', 'scipy', 'hypothesis'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
