"""What importing loads, and that it does nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMAND_LINE = {  # typer, and what typer loads in one version or another
    "annotated_doc",
    "click",
    "markdown_it",
    "mdurl",
    "pygments",
    "rich",
    "shellingham",
    "typer",
    "typing_extensions",
}
BESIDE = {"numpy", "jinja2", "markupsafe", "pynvml"}  # arrays, pages, a GPU's energy


@pytest.fixture(scope="module")
def loading(
    imported: dict[str, set[str]], root: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What ``loading.py`` saw, in a process of its own."""
    own = {"probe", "generators", *sys.stdlib_module_names}
    libraries = {name for names in imported.values() for name in names}
    wanted = sorted(name for name in libraries if name.partition(".")[0] not in own)
    out = tmp_path_factory.mktemp("loading") / "seen.json"
    script = Path(__file__).with_name("loading.py")
    done = subprocess.run(
        [sys.executable, "-B", script, json.dumps(wanted), out],
        cwd=root,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return seen


def test_generators_load_nothing_but_python(loading: dict[str, Any]) -> None:
    assert loading["generators"] == []


def test_help_loads_the_command_line_and_nothing_else(loading: dict[str, Any]) -> None:
    assert "make-traces" in loading["said"]
    assert set(loading["help"]) <= COMMAND_LINE


def test_scoring_needs_no_torch(loading: dict[str, Any]) -> None:
    assert set(loading["scoring"]) <= COMMAND_LINE | BESIDE


def test_nothing_happens_at_import(loading: dict[str, Any], modules: dict[str, Any]) -> None:
    assert set(loading["modules"]) >= {name for name in modules if "zygote" not in name} - {
        "probe.__main__"
    }
    assert loading["deeds"] == []
    assert loading["printed"] == ""
    assert loading["changed"] == []


def test_listed_names_exist(loading: dict[str, Any]) -> None:
    assert loading["missing"] == []
