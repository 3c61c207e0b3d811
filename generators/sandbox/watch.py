"""Following a child that does not end at once: its time, its output, its frames.

Called by :mod:`generators.sandbox.zygote`, inside the sandbox. Nothing that a child wrote is
interpreted here; frames are counted, because each step has its time for itself.
"""

from __future__ import annotations

import json
import select
import time
from typing import Any

from generators.sandbox.wire import put_off, read_now, receive, send

__all__ = ["Watch"]

_HEARTBEAT_SECONDS = 1.0
_PATIENCE_SECONDS = 0.05  # that a job may have to wait for the one before it
_TURN = 5.0  # a program that wants to run may get one core's time in so many seconds
_FRAME_BYTES_PER_CHAR = 12
_RECORDING_BYTES = 1 << 20


class Watch:
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
        """Return ``end``, ``timeout``, ``output``, ``garbled`` or ``gone``: the parent is."""
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        poll.register(self._result, select.POLLIN)
        poll.register(commands, 0)
        begun = start = spoke = time.monotonic()
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
                send(replies, b"")
                spoke = now
            if now - begun < _PATIENCE_SECONDS:
                left = min(left, _PATIENCE_SECONDS)
            else:
                poll.modify(commands, select.POLLIN)
            for descriptor, event in poll.poll(min(left, _HEARTBEAT_SECONDS) * 1000 + 1):
                if descriptor == commands:
                    if not _put_off_next(event, commands, replies):
                        return "gone"
                    continue
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
        while (part := read_now(self._result)) is not None:
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
        part = read_now(self._output)
        self._printed += len(part or b"")
        if self._printed > self._output_limit:
            return "output"
        return "closed" if part == b"" else ""

    def _last_word(self, verdict: str) -> str:
        """Count what a child printed right before its end, however quickly it ended."""
        while verdict == "end" and (part := read_now(self._output)):
            self._printed += len(part)
            if self._printed > self._output_limit:
                return "output"
        return verdict


def _put_off_next(event: int, commands: int, replies: int) -> bool:
    """Give a job back that was sent to be ready next; ``False`` if the parent is gone instead."""
    body = receive(commands) if event == select.POLLIN else None
    if body is None:
        return False
    send(replies, put_off(json.loads(body)))
    return True


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process (Linux), else 0: the resource limit acts alone."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except (OSError, AttributeError):
        return 0.0
