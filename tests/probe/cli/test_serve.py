"""What `probe dialog serve` refuses before it loads anything."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def refused(probe: Any) -> Callable[..., str]:
    """Return what the command says when it refuses."""

    def run(*arguments: str | Path) -> str:
        return checked(probe("dialog", "serve", "--quiet", "--source", "basics", *arguments))

    return run


def checked(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of an error."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("probe: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_without_flask_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['flask'] = None; from probe.cli import main; main()"
    command = [sys.executable, "-c", code, "dialog", "serve", "--quiet", "--source", "basics"]
    told = checked(
        subprocess.run(
            [*command, "--sessions", tmp_path / "people"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    )
    assert "pip install 'flask>=3.0'" in told


def test_options_that_make_no_sense(refused: Callable[..., str], tmp_path: Path) -> None:
    folder = tmp_path / "people"
    assert "one model" in refused("--sessions", folder, "--adapter", "base", "--adapter", "other")
    assert "--json" in refused("--sessions", folder, "--json")
    assert "nowhere" in refused("--sessions", folder, "--model", tmp_path / "nowhere")
    assert not folder.exists()


def test_a_folder_that_holds_no_sessions(
    refused: Callable[..., str], llama_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    told = refused("--sessions", file, "--model", llama_folder)
    assert "wants a folder" in told


def test_a_port_that_is_taken(
    refused: Callable[..., str], llama_folder: Path, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = refused("--sessions", tmp_path / "p", "--model", llama_folder, "--port", str(port))
    assert f"port {port}: Address already in use; choose another --port" in told
