"""The inner side of a worker: a warm Python that forks one child per program.

Started by :mod:`generators.sandbox.launch`'s command lines, inside the sandbox; inside
bubblewrap it is process 1. It reads one job at a time from its standard input, forks, watches
the child (CPU, wall clock, output), kills whatever is left and answers with the child's
frames as they are. It runs no foreign code and interprets nothing that a child wrote.
"""

from __future__ import annotations

import ctypes
import fcntl
import itertools
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from generators.sandbox.child import Stage
from generators.sandbox.seccomp import make_filter
from generators.sandbox.warm import preload, settle
from generators.sandbox.watch import Watch
from generators.sandbox.wire import put_off, read_now, receive, send

__all__ = ["main"]

_HERE = "."  # the private folder that programs start in
_CHILDREN = Path("/proc/thread-self/children")
_HIGH_FD = 100
_FEW_FILES = 32
_QUICK_MILLISECONDS = 10
_C = ctypes.PyDLL(None)  # there is no other thread to be let in
_waitpid = _C.waitpid
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 4, 36


def main(variant: int) -> None:
    """Serve jobs until the parent closes the channel.

    A parent that dies closes the channel; the programs' processes die with this one, by the
    kernel's hand (pid namespace, or a death signal that each child asks for).

    Args:
        variant: Seed of ``random`` for every program.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    commands, replies = _take_channels()
    if sys.platform.startswith("linux"):
        _C.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        _C.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    preload(variant)
    guard = make_filter()
    stage = Stage(guard)
    stage.rehearse()
    sys.path.pop(0)
    settle()
    hello = {"pid": os.getpid(), "filtered": guard is not None}
    send(replies, json.dumps(hello).encode() + b"\n")
    clean = True
    while (body := receive(commands)) is not None:
        job = json.loads(body)
        if not clean:
            send(replies, put_off(job))
            continue
        reply, clean = _serve(stage, job, commands, replies)
        send(replies, reply)
    os._exit(0)


def _take_channels() -> tuple[int, int]:
    """Move the channel to the parent out of the way and put the null device in their place."""
    commands = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, _HIGH_FD)
    replies = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, _HIGH_FD)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    return commands, replies


def _serve(stage: Stage, job: dict[str, Any], commands: int, replies: int) -> tuple[bytes, bool]:
    """Run a job; return the reply, and whether another job may run here."""
    result, result_write = os.pipe()
    output, output_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        stage.run(job, result_write, output_write, (commands, replies, result, output))
    os.close(result_write)
    os.close(output_write)
    os.set_blocking(result, False)
    os.set_blocking(output, False)
    if _ends_quickly(result, output, commands):
        reason, spent = "end", (0.0, 0.0)
        code = _end_all(pid)
        frames, printed = _read_all(result), _read_all(output)
        if len(printed) > job["limits"]["output_bytes"]:
            reason = "output"
    else:
        watch = Watch(job, pid, result, output)
        reason = watch.until_end(commands, replies)
        if reason == "gone":
            _end_all(pid)
            os._exit(0)
        frames, spent = bytes(watch.frames), watch.spent
        code = _end_all(pid)
    os.close(result)
    os.close(output)
    clean = _wipe()
    head = f'{{"id": {job["id"]}, "reason": "{reason}", "code": {code}, "clean": {int(clean)}'
    return f'{head}, "cpu": {spent[0]}, "wall": {spent[1]}}}\n'.encode() + frames, clean


def _ends_quickly(result: int, output: int, commands: int) -> bool:
    """Sleep until a child ends, and tell whether it does so soon and without printing much.

    Most do. Nothing is read before the end, so that this process wakes up only once.
    """
    poll = select.poll()
    poll.register(result, 0)
    poll.register(output, select.POLLIN)
    poll.register(commands, 0)
    return (result, select.POLLHUP) in poll.poll(_QUICK_MILLISECONDS)


def _read_all(descriptor: int) -> bytes:
    """Read what is there, in most cases in one piece."""
    whole = read_now(descriptor) or b""
    while part := whole and read_now(descriptor):
        whole += part
    return whole


def _end_all(pid: int) -> int:
    """Kill and reap the child and all that it left; return its exit code, -n for signal n.

    That nothing is left is asked of the C library: of Python it would be an exception, which
    makes a process that just forked copy seventy pages.
    """
    _kill_all(pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    while _waitpid(-1, None, os.WNOHANG) >= 0:
        _kill_all(pid)
        time.sleep(0.0001)
    return code


def _kill_all(pid: int) -> None:
    if os.getpid() == 1:
        _C.kill(-1, signal.SIGKILL)  # everything in this pid namespace but process 1 itself
        return
    try:
        victims = [int(word) for word in _CHILDREN.read_text(encoding="utf-8").split()]
    except OSError:
        victims = [pid]
    for victim in victims:
        _C.kill(victim, signal.SIGKILL)


def _wipe() -> bool:
    """Remove the files a program left; ``False`` if that is not simple: the worker retires."""
    try:
        os.chmod(_HERE, 0o700)  # noqa: PTH101 (a path object is many more pages to copy)
        with os.scandir(_HERE) as entries:
            left = list(itertools.islice(entries, _FEW_FILES + 1))
        for entry in left[:_FEW_FILES]:
            Path(entry).unlink()
    except OSError:
        return False
    return len(left) <= _FEW_FILES
