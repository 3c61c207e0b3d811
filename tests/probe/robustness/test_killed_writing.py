"""Killed right before each of its doings with files, a command that is repeated ends as ever.

Between two answers of a model is most of the time, so kills at random moments seldom hit the
writing itself. Here every opening, renaming and removing of a file is hit once.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators.problems.sources import load_source
from generators.records import Split
from generators.trace_files import write_traces
from generators.tracing import TracePlan
from probe.checksums import checksum_differences
from probe.report import bundle
from probe.report.bundle import bundled, write_report
from probe.runs import RunWriter, read_run
from probe.verify import verify

FORK = multiprocessing.get_context("fork")
DOINGS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate")
IDENTITY = {"verb": "test", "config": {"seed": 0}}


def killed_before(number: int, work: Callable[[], object], folder: Path) -> bool:
    """Do some work in a process that is killed before so many doings with files of a folder.

    Returns:
        Whether it came so far.
    """

    def watched() -> None:
        left = [number]

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            if event in DOINGS and str(arguments[0]).startswith(str(folder)):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        work()

    process = FORK.Process(target=watched)
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_a_run(tmp_path: Path) -> None:
    keys = ["1", "2", "3"]

    def make(out: Path) -> None:
        with RunWriter(out, IDENTITY) as run:
            for key in keys[::-1]:
                if key not in run.done:
                    run.append([{"key": key}])
            run.finish({"task": "test"}, keys)

    whole, cut = tmp_path / "whole", tmp_path / "cut"
    make(whole)
    number = 1
    while killed_before(number, lambda: make(cut), cut):
        make(cut)
        assert read_run(cut).samples == read_run(whole).samples
        assert (cut / "results.json").read_bytes() == (whole / "results.json").read_bytes()
        assert checksum_differences(cut) == []
        assert names(whole) - {"cost.json"} <= names(cut) <= names(whole)
        shutil.rmtree(cut)
        number += 1
    assert number > 20


def test_making_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    basics, plan = load_source("basics"), TracePlan(inputs=1, seed=0)
    whole, cut, rest = tmp_path / "whole", tmp_path / "cut", tmp_path / "rest"

    def make(folder: Path) -> None:
        write_traces(folder / "test.jsonl", basics, Split.TEST, plan, limit=3)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        make(rest)
    make(whole)
    shutil.copytree(rest, cut, ignore=lambda *_: ["test.jsonl", "test.summary.json"])
    number = 1
    while killed_before(number, lambda: make(cut), cut):
        make(cut)
        assert names(cut) == names(whole)
        for name in ("test.jsonl", "test.summary.json"):
            assert (cut / name).read_bytes() == (whole / name).read_bytes()
        shutil.rmtree(cut)
        shutil.copytree(rest, cut, ignore=lambda *_: ["test.jsonl", "test.summary.json"])
        number += 1
    assert number > 10


def test_a_report_that_is_made_anew_from_its_own_runs(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runs are the only copy: they are there whenever the command is killed."""
    folder = tmp_path / "report"
    shutil.copytree(report, folder)
    given = bundled(folder)

    def make() -> None:  # in a process of its own; what is drawn is not looked at
        for name in ("compose_report", "build_report"):
            monkeypatch.setattr(bundle, name, lambda *_, **__: None)
        write_report(given, folder)

    before = names(folder)
    number = 1
    while killed_before(number, make, folder):
        number += 1
    assert number > 20
    assert names(folder) == before
    write_report(given, folder)
    assert all(part.ok for part in verify(folder))
