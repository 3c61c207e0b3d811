"""One writer at a time: several processes that all want the lock, and what killed ones leave."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import DataError, RunError
from generators.locks import is_scrap, locked, remove_scraps

FORK = multiprocessing.get_context("fork")
TWO_INSIDE = 3


def come_and_go(folder: Path, times: int) -> None:
    """Take the lock and leave it again, so many times; end if somebody else is inside."""
    inside = folder / "inside"
    while times:
        with suppress(RunError), locked(folder / ".lock", folder):
            try:
                os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                os._exit(TWO_INSIDE)
            os.sched_yield()
            inside.unlink()
            times -= 1
        time.sleep(0.001)  # so that the others have their turn
    os._exit(0)


def test_there_are_never_two_inside(tmp_path: Path) -> None:
    processes = [FORK.Process(target=come_and_go, args=(tmp_path, 100)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_was_removed_meanwhile_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder leaves between the opening of its lock file and the taking of the lock."""
    lock = tmp_path / ".lock"
    opened = os.open

    def slow(path: Path, *rest: int) -> int:
        descriptor = opened(path, *rest)
        monkeypatch.setattr(os, "open", opened)
        lock.unlink()
        return descriptor

    monkeypatch.setattr(os, "open", slow)
    with locked(lock, tmp_path):
        assert lock.exists()
        with pytest.raises(RunError, match="is being written by another process"):
            locked(lock, tmp_path).__enter__()


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path: Path) -> None:
    def hold() -> None:
        with locked(tmp_path / ".lock", tmp_path):
            os.kill(os.getpid(), signal.SIGKILL)

    process = FORK.Process(target=hold)
    process.start()
    process.join()
    assert (tmp_path / ".lock").exists()
    with locked(tmp_path / ".lock", tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write .*run: "):
        locked(tmp_path / "file" / ".lock", tmp_path / "run").__enter__()


def test_scraps_go_and_files_stay(tmp_path: Path) -> None:
    scraps = [".a.json.x1abcdef.tmp", ".b.json.x2abcdef.tmp", ".b.json.c.x3abcdef.tmp"]
    files = ["a.tmp", ".a.json", "a.json"]
    for name in [*scraps, *files]:
        (tmp_path / name).write_text("")
    assert [name for name in [*scraps, *files] if is_scrap(tmp_path / name)] == scraps
    remove_scraps(tmp_path, "b.json")  # not those of b.json.c
    assert [(tmp_path / name).exists() for name in scraps] == [True, False, True]
    remove_scraps(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)

    def rows() -> Iterator[dict[str, Any]]:
        remove_scraps(tmp_path, "a.json")  # also what is being written into: it has such a name
        yield {}

    with pytest.raises(DataError, match="cannot write"):
        jsonl.write(tmp_path / "a.json", {}, rows())


def test_a_lock_file_that_stays_hides_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *, missing_ok: bool = False) -> None:
        raise OSError(5, "Input/output error")

    lock = tmp_path / ".lock"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        with pytest.raises(KeyError), locked(lock, tmp_path):
            raise KeyError
    assert lock.exists()
    with locked(lock, tmp_path):
        pass
    assert not lock.exists()
