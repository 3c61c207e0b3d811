"""The tests' own rules, and the settings of the tools that hold everybody to theirs."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

LINT = "E W F I B UP C4 SIM RET PIE PT PTH T20 G LOG RUF D ARG FBT TID PERF S102 S301 S307"
LINK = re.compile(r"https://\S+\.\w+/\S+")


@pytest.fixture(scope="module")
def settings(root: Path) -> dict[str, Any]:
    """The settings of each tool."""
    tools: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]
    return tools


def test_lint_has_the_rules_that_were_agreed(settings: dict[str, Any]) -> None:
    lint = settings["ruff"]["lint"]
    assert set(lint["select"]) >= set(LINT.split())
    assert lint["pydocstyle"] == {"convention": "google"}
    assert not {rule for rule in lint["ignore"] if rule not in ("D105", "D107")}
    excepted = lint["per-file-ignores"]
    assert "T20" not in excepted["tests/**"]
    assert [place for place in excepted if place.startswith(("probe", "generators"))] == [
        "probe/cli/*.py"
    ]
    assert excepted["probe/cli/*.py"] == ["FBT"]


def test_types_are_strict(settings: dict[str, Any]) -> None:
    mypy = settings["mypy"]
    assert mypy["strict"] is mypy["warn_unreachable"] is True
    assert set(mypy["packages"]) == {"probe", "generators"}
    for override in mypy.pop("overrides"):  # nothing but libraries without types
        assert override.keys() == {"module", "ignore_missing_imports"}
        assert not [m for m in override["module"] if m.startswith(("probe", "generators"))]
    assert mypy.keys() == {"strict", "warn_unreachable", "packages"}


def test_tests_are_strict(settings: dict[str, Any], pytestconfig: pytest.Config) -> None:
    given = settings["pytest"]["ini_options"]
    assert {"--strict-markers", "--strict-config"} <= set(given["addopts"].split())
    assert given["xfail_strict"] is True
    assert given["filterwarnings"] == ["error"]
    assert pytestconfig.getini("filterwarnings") == ["error"]  # and no other file says otherwise
    assert pytestconfig.getini("xfail_strict") is True


def test_coverage_counts_branches(settings: dict[str, Any], root: Path) -> None:
    run = settings["coverage"]["run"]
    assert run["branch"] is True
    assert set(run["source"]) == {"probe", "generators"}
    recipe = (root / "Makefile").read_text("utf-8").partition("\ncoverage:")[2]
    floors = [int(floor) for floor in re.findall(r"--fail-under=(\d+)", recipe)]
    assert len(floors) == 2
    assert min(floors) >= 95


def test_check_is_lint_types_documentation_and_tests(root: Path) -> None:
    recipes = (root / "Makefile").read_text("utf-8")
    assert re.search(r"^check: lint types docs test$", recipes, re.MULTILINE)
    assert "\nmake check\n" in (root / ".ci" / "run").read_text("utf-8")
    hooks = (root / ".pre-commit-config.yaml").read_text("utf-8")
    assert [
        hook for hook in ("ruff format", "ruff check", "mypy") if f"entry: {hook}" in hooks
    ] == [
        "ruff format",
        "ruff check",
        "mypy",
    ]


def test_every_exception_from_warnings_has_its_link(tests: dict[Path, ast.Module]) -> None:
    without, count = [], 0
    for path, tree in tests.items():
        lines = path.read_text("utf-8").splitlines()
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "pytest.mark.filterwarnings"
            ):
                count += 1
                first = node.lineno - 1
                while lines[first - 1].startswith(("#", "@", "    #")):
                    first -= 1
                if not LINK.search("\n".join(lines[first : node.lineno])):
                    without.append(f"{path}:{node.lineno}")
    assert not without
    assert count


def test_fakes_are_named_so(tests: dict[Path, ast.Module]) -> None:
    """A class that derives from a fake is one; whether another is, no program can tell."""
    assert not [
        f"{path.name}: {node.name}"
        for path, tree in tests.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("Fake")
        if any(ast.unparse(base).rpartition(".")[2].startswith("Fake") for base in node.bases)
    ]


def test_the_map_of_the_tests_names_every_folder(root: Path) -> None:
    told = set(re.findall(r"`([\w/.]+)` \|$", (root / "tests/README.md").read_text("utf-8"), re.M))
    there = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (root / "tests").iterdir()
        if (path.is_dir() and any(path.rglob("*.py"))) or path.name.startswith("test_")
    }
    assert there <= told
    assert all((root / "tests" / name).exists() for name in told)
