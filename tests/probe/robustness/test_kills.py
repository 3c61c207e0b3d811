"""A command that is killed at any moment, and repeated, ends with the bytes of one undisturbed.

Moments are drawn over the time that is left, until enough kills have hit. A run that came to its
end before it was hit is compared, and begun anew.
"""

from __future__ import annotations

import multiprocessing
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from generators.records import Split
from probe.config import MakeTracesConfig
from probe.tasks.traces import make_traces
from probe.verify import verify

KILLS = 20
FEWER = 4  # where the same loop over questions, or the same writing, is killed elsewhere

FORK = multiprocessing.get_context("fork")
TIMED = ("manifest.json", "cost.json", "checksums.txt")  # which has the hashes of the others

Make = Callable[[Path], None]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, hidden ones too; of those that tell times the names alone."""
    return {
        file.name: b"" if file.name in TIMED or ".times." in file.name else file.read_bytes()
        for file in folder.iterdir()
    }


def kill_often(make: Make, folder: Path, kills: int, seed: int) -> None:
    """Make something in ``folder/whole``, and in ``folder/often`` with kills on the way.

    Args:
        make: Makes it in a folder that is not there yet, or goes on.
        folder: An empty folder.
        kills: So many processes are hit.
        seed: Of the moments.
    """
    rng = random.Random(seed)
    whole, often = folder / "whole", folder / "often"
    began = time.monotonic()
    make(whole)
    left = seconds = time.monotonic() - began
    hit = 0
    while hit < kills:
        process = FORK.Process(target=make, args=(often,))
        process.start()
        moment = rng.uniform(0, left)
        process.join(moment)
        process.kill()
        process.join()
        if process.exitcode == -signal.SIGKILL:
            hit += 1
            left = max(left - moment, seconds / 4)
        else:
            assert process.exitcode == 0
            assert contents(often) == contents(whole)
            shutil.rmtree(often)
            left = seconds
    make(often)
    assert contents(often) == contents(whole)


@pytest.mark.parametrize(
    ("kind", "kills"),
    [
        ("execution", KILLS),
        ("grid", FEWER),
        ("steps", FEWER),
        ("representation", FEWER),
        ("synthesis", FEWER),
        ("dialog", FEWER),
        ("mathqa", FEWER),
        ("grade", FEWER),
        ("analyse", FEWER),
    ],
)
def test_a_run(kinds: Callable[[str, Path], None], kind: str, kills: int, tmp_path: Path) -> None:
    kill_often(lambda out: kinds(kind, out), tmp_path, kills, seed=1)
    assert (tmp_path / "often" / "results.json").is_file()
    assert verify(tmp_path / "often")[0].ok


def test_making_traces(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        out = folder / "test.jsonl"
        make_traces(
            MakeTracesConfig(source="basics", split=Split.TEST, inputs=8, limit=20, out=out)
        )

    kill_often(make, tmp_path, KILLS, seed=2)
