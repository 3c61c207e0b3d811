"""What `probe dialog serve` refuses before it loads anything."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from probe.cli import _run

SERVE = ["dialog", "serve", "--quiet", "--source", "basics"]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert _run([*SERVE, *map(str, arguments)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("probe: ")
    assert told.count("\n") == 1
    return told


def test_without_flask_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in sys.modules if name.startswith("probe.page")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flask", None)
    told = refused(capsys, "--sessions", tmp_path / "people")
    assert "pip install 'execution-probe[page]'" in told


def test_options_that_make_no_sense(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "people"
    assert "one model" in refused(
        capsys, "--sessions", folder, "--adapter", "base", "--adapter", "other"
    )
    assert "--json" in refused(capsys, "--sessions", folder, "--json")
    assert "nowhere" in refused(capsys, "--sessions", folder, "--model", tmp_path / "nowhere")
    assert not folder.exists()


def test_a_folder_that_holds_no_sessions(
    capsys: pytest.CaptureFixture[str], llama_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    told = refused(capsys, "--sessions", file, "--model", llama_folder)
    assert "wants a folder" in told


def test_a_port_that_is_taken(
    capsys: pytest.CaptureFixture[str], llama_folder: Path, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = refused(
            capsys, "--sessions", tmp_path / "p", "--model", llama_folder, "--port", str(port)
        )
    assert f"port {port}: Address already in use; choose another --port" in told
