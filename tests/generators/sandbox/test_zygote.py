"""The zygote's own promises, tried outside any sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from generators.sandbox import launch, zygote
from generators.sandbox.watch import Watch

ROOT = Path(__file__).resolve().parents[3]

DAEMONS = """
import ctypes, os, sys, time
sys.path.insert(0, %r)
from generators.sandbox import zygote
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans come to this process
ready, write = os.pipe()
pid = os.fork()
if pid == 0:
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                os.write(write, b"%%d " %% os.getpid())
                time.sleep(60)
            os._exit(0)
    time.sleep(60)
names = b""
while names.count(b" ") < 3:
    names += os.read(ready, 100)
code = zygote._end_all(pid)
print(code, names.decode())
"""


def test_every_descendant_is_killed_and_reaped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DAEMONS % str(ROOT)], capture_output=True, text=True, check=True
    )
    code, *daemons = [int(word) for word in done.stdout.split()]
    assert code == -9
    assert len(daemons) == 3
    assert not [pid for pid in daemons if psutil.pid_exists(pid)]


@pytest.mark.parametrize("printed", [b"x" * 11, b"x" * 10])
def test_what_a_step_prints_is_read_after_the_frames_before_it(printed: bytes) -> None:
    result_read, result_write = os.pipe()
    output_read, output_write = os.pipe()
    commands, parent = os.pipe()
    frame = (4).to_bytes(4, "big") + b"[-1]"
    os.write(result_write, frame)  # the step before it has ended
    os.write(output_write, printed)
    os.close(result_write)
    for descriptor in (result_read, output_read):
        os.set_blocking(descriptor, False)
    limits = {"cpu_seconds": 1e9, "wall_seconds": 1e9, "output_bytes": 10, "value_chars": 9}
    job = {"limits": limits, "steps": ["1"], "record": "nothing"}
    watch = Watch(job, os.getpid(), result_read, output_read)
    reason = watch.until_end(commands, parent)
    assert bytes(watch.frames) == frame
    assert reason == ("output" if len(printed) > 10 else "end")
    for descriptor in (result_read, output_read, output_write, commands, parent):
        os.close(descriptor)


def test_few_files_are_wiped_and_more_retire_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert zygote._wipe()
    for i in range(10):
        (tmp_path / str(i)).write_text("left", encoding="utf-8")
    tmp_path.chmod(0o500)
    assert zygote._wipe()
    assert not list(tmp_path.iterdir())
    for i in range(100):
        (tmp_path / str(i)).touch()
    assert not zygote._wipe()


def test_a_folder_retires_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert not zygote._wipe()


def test_the_zygote_ends_with_its_parent() -> None:
    """Also in the middle of a job: the closed pipe is noticed."""
    code = (
        "import subprocess, sys, json\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from generators.sandbox import launch\n"
        "worker = subprocess.Popen(launch.process_argv(variant=0), stdin=-1, stdout=-1,\n"
        "    env={'PYTHONHASHSEED': '0'}, cwd=sys.argv[1])\n"
        "limits = dict(cpu_seconds=60, wall_seconds=60, memory_bytes=1 << 30,\n"
        "    output_bytes=100, value_chars=100, file_bytes=100)\n"
        "job = dict(id=1, code='while True: pass', setup='', steps=[], limits=limits)\n"
        "job = json.dumps(job | dict(record='nothing'))\n"
        "worker.stdin.write(len(job).to_bytes(4, 'big') + job.encode())\n"
        "worker.stdin.flush()\n"
        "print(worker.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        parent = subprocess.Popen(
            [sys.executable, "-c", code, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert parent.stdout
        assert parent.stdin
        process = psutil.Process(int(parent.stdout.readline()))
        wait_until(lambda: bool(process.children()))
        family = [process, *process.children()]
        parent.kill()
        parent.wait()
        _, alive = psutil.wait_procs(family, timeout=10)
        parent.stdin.close()
        parent.stdout.close()
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_hello_tells_about_the_filter() -> None:
    done = subprocess.run(
        launch.process_argv(variant=3),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={"PYTHONHASHSEED": "3"},
        check=True,
    )
    assert done.stderr == b""
    assert json.loads(done.stdout[4:])["filtered"] is sys.platform.startswith("linux")
