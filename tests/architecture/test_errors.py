"""The tree of errors is the one that is drawn, and each error has its exit code."""

from __future__ import annotations

import ast
import re

import pytest
import typer

from generators import errors
from generators.errors import ProbeError
from probe import terminal

BRANCH = re.compile(r"    ((?:\|   )*)(?:\+-- )?(\w+Error)\b")
HOME = re.compile(r"\((probe\.[a-z_.]+)\)$")


def drawn() -> dict[str, tuple[str, str]]:
    """Return the error above each drawn error, and the module where it says it stands."""
    found: dict[str, tuple[str, str]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if branch := BRANCH.match(line):
            depth = (len(branch[1]) // 4 + 1) if "+--" in line else 0
            home = HOME.search(line)
            del above[depth:]
            found[branch[2]] = (above[-1] if above else "Exception", home[1] if home else "")
            above.append(branch[2])
    return found


def test_the_drawing_is_the_tree(modules: dict[str, ast.Module]) -> None:
    classes = {
        node.name: ([ast.unparse(base) for base in node.bases], module)
        for module, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    there = {}
    for name, (bases, module) in classes.items():
        first, chain = (bases or [""])[0], [name]
        while chain[-1] in classes and (above := classes[chain[-1]][0]):
            chain.append(above[0])
        if "ProbeError" in chain and not name.startswith("_"):
            there[name] = (first, "" if module == "generators.errors" else module)
    assert there == drawn()


def test_an_error_is_bad_input_and_one_line() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len(kinds) > 10
    for kind in kinds:
        assert issubclass(kind, ProbeError)
        assert terminal.describe_failure(kind("where: what")) == ("where: what", 2)


def test_exit_codes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from probe import cli

    ends: dict[int, BaseException | None] = {
        0: None,
        1: typer.Exit(errors.EXIT_DIFFERENCE),
        2: errors.RunError("a: broken"),
        130: KeyboardInterrupt(),
    }
    for code, end in ends.items():

        def command(end: BaseException | None = end) -> None:
            if end is not None:
                raise end

        app = typer.Typer(pretty_exceptions_enable=False)
        app.command()(lambda: command())
        monkeypatch.setattr(cli, "app", app)
        with pytest.raises(SystemExit) as left:
            cli.main([])
        assert left.value.code == code
    assert capsys.readouterr().err.splitlines() == [
        "probe: a: broken",
        "probe: interrupted; repeat the command to go on where it stopped",
    ]
