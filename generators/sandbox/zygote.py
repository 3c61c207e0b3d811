"""The inner side of a worker: a warm Python that forks one child per program.

Started by :mod:`generators.sandbox.launch`'s command lines, inside the sandbox; inside
bubblewrap it is process 1. It reads one job at a time from its standard input, forks, watches
the child (CPU, wall clock, output), kills whatever is left and answers with the child's
frames as they are. It runs no foreign code and interprets nothing that a child wrote.

Protocol, both directions: four bytes of length, then the body. A job is a JSON object. A reply
is one line of JSON, a newline and the child's frames; an empty body is a sign of life.
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

__all__ = ["main"]

_HERE = "."  # the private folder that programs start in
_CHILDREN = Path("/proc/thread-self/children")
_HIGH_FD = 100
_CHUNK = 1 << 16
_FEW_FILES = 32
_HEARTBEAT_SECONDS = 1.0
_QUICK_MILLISECONDS = 10
_TURN = 5.0  # a program that wants to run may get one core's time in so many seconds
_FRAME_BYTES_PER_CHAR = 12
_RECORDING_BYTES = 1 << 20
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
    _send(replies, json.dumps(hello).encode() + b"\n")
    while (body := _receive(commands)) is not None:
        _send(replies, _serve(stage, json.loads(body), commands, replies))
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


def _receive(descriptor: int) -> bytes | None:
    head = _read_exactly(descriptor, 4)
    return None if head is None else _read_exactly(descriptor, int.from_bytes(head, "big"))


def _read_exactly(descriptor: int, size: int) -> bytes | None:
    whole = os.read(descriptor, size)
    while len(whole) < size:
        part = os.read(descriptor, size - len(whole))
        if not part:
            return None
        whole += part
    return whole


def _send(descriptor: int, body: bytes) -> None:
    frame = len(body).to_bytes(4, "big") + body
    while frame:
        frame = frame[os.write(descriptor, frame) :]


def _serve(stage: Stage, job: dict[str, Any], commands: int, replies: int) -> bytes:
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
        watch = _Watch(job, pid, result, output)
        reason = watch.until_end(commands, replies)
        frames, spent = bytes(watch.frames), watch.spent
        code = _end_all(pid)
    os.close(result)
    os.close(output)
    clean = "true" if _wipe() else "false"
    head = f'{{"id": {job["id"]}, "reason": "{reason}", "code": {code}, "clean": {clean}'
    return f'{head}, "cpu": {spent[0]}, "wall": {spent[1]}}}\n'.encode() + frames


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
    whole = _read_now(descriptor) or b""
    while part := whole and _read_now(descriptor):
        whole += part
    return whole


class _Watch:
    """Follows one child until it ends or breaks a limit."""

    def __init__(self, job: dict[str, Any], pid: int, result: int, output: int) -> None:
        limits = job["limits"]
        self.frames = bytearray()
        self.spent = (0.0, 0.0)  # CPU and wall seconds since the last frame
        self._cpu_limit = limits["cpu_seconds"]
        self._wall_limit = limits["wall_seconds"]
        self._output_limit = limits["output_bytes"]
        self._frame_limit = limits["value_chars"] * _FRAME_BYTES_PER_CHAR + 4096
        if job["record"] != "nothing":
            self._frame_limit += _RECORDING_BYTES
        self._expected = len(job["steps"]) + 2  # ready, load, steps
        self._counted = 0  # complete frames
        self._boundary = 0  # where the next frame starts
        self._printed = 0
        self._pid = pid
        self._result = result
        self._output = output

    def until_end(self, commands: int, replies: int) -> str:
        """Return ``end``, ``timeout``, ``output`` or ``garbled``."""
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        poll.register(self._result, select.POLLIN)
        poll.register(commands, 0)
        start = spoke = time.monotonic()
        cpu_start, counted = 0.0, 0
        while True:
            now, cpu = time.monotonic(), _cpu_of(self._pid)
            if self._counted != counted:
                start, cpu_start, counted = now, cpu, self._counted
            cpu_spent, wall_spent = self.spent = cpu - cpu_start, now - start
            waited = wall_spent - _TURN * cpu_spent
            left = min(self._cpu_limit - cpu_spent, self._wall_limit - waited)
            if left <= 0:
                return "timeout"
            if now - spoke > _HEARTBEAT_SECONDS:
                _send(replies, b"")
                spoke = now
            for descriptor, _ in poll.poll(min(left, _HEARTBEAT_SECONDS) * 1000 + 1):
                if descriptor == commands:
                    _end_all(self._pid)
                    os._exit(0)  # the parent is gone
                verdict = self._read_frames()
                if descriptor == self._output and not verdict:
                    verdict = self._read_output()
                if verdict == "closed":
                    poll.unregister(descriptor)
                elif verdict:
                    return self._last_word(verdict)

    def _read_frames(self) -> str:
        """Read what the child has sent.

        A child sends a step's outcome once all that the step printed has been read, so reading
        frames before output charges every byte to the step that printed it.
        """
        while (part := _read_now(self._result)) is not None:
            if not part:
                return "end"
            self.frames += part
            while len(self.frames) - self._boundary >= 4:
                size = int.from_bytes(self.frames[self._boundary : self._boundary + 4], "big")
                if size > self._frame_limit or self._counted >= self._expected:
                    return "garbled"
                if len(self.frames) - self._boundary - 4 < size:
                    break
                self._boundary += 4 + size
                self._counted += 1
        return ""

    def _read_output(self) -> str:
        part = _read_now(self._output)
        self._printed += len(part or b"")
        if self._printed > self._output_limit:
            return "output"
        return "closed" if part == b"" else ""

    def _last_word(self, verdict: str) -> str:
        """Count what a child printed right before its end, however quickly it ended."""
        while verdict == "end" and (part := _read_now(self._output)):
            self._printed += len(part)
            if self._printed > self._output_limit:
                return "output"
        return verdict


def _read_now(descriptor: int) -> bytes | None:
    """Read what is there: ``None`` for nothing yet, empty at the end."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process (Linux), else 0: the resource limit acts alone."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except (OSError, AttributeError):
        return 0.0


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
        victims = [int(word) for word in _CHILDREN.read_text().split()]
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
