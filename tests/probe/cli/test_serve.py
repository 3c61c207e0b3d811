"""What `probe dialog serve` refuses before it loads anything."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

RUN = "from probe.cli import main; main()"


def refused(*arguments: str | Path, code: str = RUN) -> str:
    command = [sys.executable, "-c", code, "dialog", "serve", "--quiet", "--source", "basics"]
    done = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("probe: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_without_flask_it_says_what_to_install(tmp_path: Path) -> None:
    told = refused(
        "--sessions", tmp_path / "people", code=f"import sys; sys.modules['flask'] = None; {RUN}"
    )
    assert "pip install 'execution-probe[page]'" in told


def test_options_that_make_no_sense(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    assert "one model" in refused("--sessions", folder, "--adapter", "base", "--adapter", "other")
    assert "--json" in refused("--sessions", folder, "--json")
    assert "nowhere" in refused("--sessions", folder, "--model", tmp_path / "nowhere")
    assert not folder.exists()


def test_a_folder_that_holds_no_sessions(llama_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    told = refused("--sessions", file, "--model", llama_folder)
    assert "wants a folder" in told


def test_a_port_that_is_taken(llama_folder: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = refused("--sessions", tmp_path / "p", "--model", llama_folder, "--port", str(port))
    assert f"port {port}: Address already in use; choose another --port" in told
