"""A person at a real terminal: what is shown, what is kept, quitting and going on."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import UsageError
from generators.records import SAMPLE_SCHEMA
from probe.cli.person import TerminalPerson
from probe.runs import MANIFEST, SAMPLES
from probe.tasks.dialog.recording import FEEDBACK_FILE
from probe.verify import verify

PROMPT = "Your sentence"


class Terminal:
    """A command in a terminal of its own, typed into and read."""

    def __init__(self, *arguments: str | Path) -> None:
        self.parent, child = pty.openpty()
        command = [sys.executable, "-c", "from probe.cli import main; main()"]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdin=child,
            stdout=subprocess.PIPE,
            stderr=child,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        )
        os.close(child)
        self.seen = ""

    def read_until(self, text: str, seconds: float = 120) -> str:
        """Return what is shown from here up to a text."""
        start, end = len(self.seen), time.monotonic() + seconds
        while text not in self.seen[start:] and time.monotonic() < end:
            ready, _, _ = select.select([self.parent], [], [], 1)
            if ready:
                try:
                    self.seen += os.read(self.parent, 65536).decode(errors="replace")
                except OSError:  # the other side is closed
                    break
        assert text in self.seen[start:], self.seen[start:]
        return self.seen[start:]

    def type(self, line: str) -> None:
        os.write(self.parent, f"{line}\n".encode())

    def end(self) -> int:
        code = self.process.wait(120)
        os.close(self.parent)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def rows(path: Path) -> list[dict[str, Any]]:
    found = [row for _, row in jsonl.read(path / SAMPLES, SAMPLE_SCHEMA)]
    return [row for row in found if row["kind"] == "feedback"]


def test_a_person_types_quits_and_goes_on(
    make_model_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_model_folder("llama", max_position_embeddings=4096)
    out = tmp_path / "run"
    arguments = (
        "evaluate", "dialog", "--source", "basics", "--problems", "2", "--turns", "1",
        "--feedback", "human", "--author", "ann", "--no-resample", "--max-new-tokens", "6",
        "--batch-invariance-items", "0", "--model", folder, "--out", out,
    )  # fmt: skip
    first = Terminal(*arguments)
    shown = first.read_until(PROMPT)
    assert "reply 1" in shown
    assert "assert " in shown
    first.type("/history")
    assert "user: I need to write a function called" in first.read_until(PROMPT)
    first.type("```x = 1```")
    first.read_until("say it in words")
    first.read_until(PROMPT)
    first.type("Use the other list. And sort it.")
    assert "The model gets one sentence: Use the other list." in first.read_until(PROMPT)
    first.type("/quit")
    first.read_until("repeat the command to go on")
    assert first.end() == 130

    second = Terminal(*arguments)
    second.read_until(PROMPT)
    second.type("")
    assert second.end() == 0
    assert second.seen.count(PROMPT) == 1
    said = {(row["text"], row["author"], row["giver"]) for row in rows(out)}
    assert said == {("Use the other list.", "human ann", "human"), ("", "human ann", "human")}
    assert verify(out)[0].ok
    assert json.loads((out / MANIFEST).read_text())["identity"]["feedback"] == {
        "kind": "human",
        "name": "ann",
    }
    (recorded,) = [row for _, row in jsonl.read(out / FEEDBACK_FILE, "probe.feedback")]
    assert recorded["author"] == "human ann"


def test_without_a_terminal_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        with pytest.raises(UsageError, match="typed at a terminal"):
            TerminalPerson()
