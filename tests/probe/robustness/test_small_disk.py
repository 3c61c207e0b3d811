"""A real disk that is full at any moment: one line says so, and then the same bytes as ever."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probe.archive import bundle
from probe.checksums import checksum_differences
from probe.report.bundle import bundled, write_report
from probe.runs import RunWriter
from probe.terminal import describe_failure
from probe.verify import verify

OnDisk = Callable[[Callable[[Any], None]], None]
LARGE = 1 << 14  # pages
IDENTITY = {"verb": "test", "config": {"seed": 0}}


def fails(work: Callable[[], object]) -> bool:
    """Do some work; if it fails, it has to say in one line that the disk is full."""
    try:
        work()
    except Exception as error:
        said = describe_failure(error)
        assert said is not None
        text, code = said
        assert text.startswith("cannot write ")
        assert text.endswith(": No space left on device")
        assert code == 2
        return True
    return False


def pages(folder: Path) -> int:
    return sum(-(-file.stat().st_size // 4096) for file in folder.rglob("*") if file.is_file())


def test_a_run_on_a_disk_of_any_size(on_disk: OnDisk, tmp_path: Path) -> None:
    """It is full while samples are written, results, cost, or checksums."""
    rows = [{"key": f"{number:02}", "text": "x" * 700} for number in range(12)]

    def make(out: Path) -> None:
        with RunWriter(out, IDENTITY) as run:
            for row in rows[::-1]:
                run.append([row])
            run.finish({"task": "test", "text": "y" * 40_000}, [row["key"] for row in rows])

    make(tmp_path / "whole")

    def work(disk: Any) -> None:
        out, size, last = disk.folder / "run", 1, set()
        while True:
            disk.resize(size)
            if not fails(lambda: make(out)):
                break
            last = {file.name for file in out.iterdir()} if out.exists() else set()
            assert not [name for name in last if name.endswith(".tmp")]
            disk.resize(LARGE)
            make(out)
            for name in ("samples.jsonl", "results.json"):
                assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
            assert checksum_differences(out) == []
            shutil.rmtree(out)
            size += 1
        assert size > 10
        assert {"results.json", "cost.json"} <= last, "never full as late as that"

    on_disk(work)


@pytest.mark.parametrize("kind", ["execution", "synthesis", "dialog", "grade"])
def test_a_run_of_each_kind(
    on_disk: OnDisk, kinds: Callable[[str, Path], None], kind: str, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    kinds(kind, whole)

    def work(disk: Any) -> None:
        out = disk.folder / "run"
        for size in (pages(whole) // 3, pages(whole) - 1):
            disk.resize(size)
            assert fails(lambda: kinds(kind, out))
            disk.resize(LARGE)
            kinds(kind, out)
            for file in whole.iterdir():
                if file.name not in ("manifest.json", "cost.json", "checksums.txt"):
                    assert (out / file.name).read_bytes() == file.read_bytes()
            assert verify(out)[0].ok
            shutil.rmtree(out)

    on_disk(work)


def test_a_report_and_its_archive(on_disk: OnDisk, report: Path, tmp_path: Path) -> None:
    archive = tmp_path / "whole.tar.gz"
    bundle([report], archive)
    given = bundled(report)

    def work(disk: Any) -> None:
        out = disk.folder / "report"
        for size in (2, pages(report) - 3):
            disk.resize(size)
            assert fails(lambda: write_report(given, out))
        disk.resize(LARGE)
        write_report(given, out)
        assert {file.name for file in out.iterdir()} == {file.name for file in report.iterdir()}
        for name in ("index.html", "report.md", "results.json", "checksums.txt"):
            assert (out / name).read_bytes() == (report / name).read_bytes()
        shutil.rmtree(out)

        packed = disk.folder / "packed.tar.gz"
        disk.resize(pages(archive.parent) // 3)
        assert fails(lambda: bundle(given, packed))
        assert list(disk.folder.iterdir()) == []
        disk.resize(2)
        tempfile.tempdir = str(disk.folder)  # where it is made
        assert fails(lambda: bundle(given, tmp_path / "packed.tar.gz"))
        tempfile.tempdir = None
        assert not (tmp_path / "packed.tar.gz").exists()
        disk.resize(LARGE)
        bundle(given, packed)
        assert packed.read_bytes() == archive.read_bytes()

    on_disk(work)
