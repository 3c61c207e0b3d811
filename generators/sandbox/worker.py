"""The parent's side of one worker: start it, hand it jobs, notice when it is lost.

Called by :mod:`generators.sandbox.pool` only, each worker from one thread: the kernel kills a
worker when the thread that started it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from typing import Any

from generators.errors import SandboxError
from generators.records import Outcome, OutcomeStatus
from generators.sandbox import launch
from generators.sandbox.frames import parse_frames
from generators.sandbox.policy import Backend, Limits

__all__ = ["Worker", "WorkerLostError", "WorkerRun"]

_START_SECONDS = 60.0
_SILENT_SECONDS = 10.0
_READY = b"\0\0\0\0"


class WorkerLostError(Exception):
    """The worker died, fell silent or answered nonsense; the job was not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRun:
    """What one child made of a job.

    Attributes:
        outcomes: Load and steps, in order, as far as they were completed.
        cut: What ended the child before it was done, ``None`` if nothing did.
    """

    outcomes: list[Outcome]
    cut: Outcome | None


class Worker:
    """One sandbox with its zygote.

    Args:
        backend: How it is kept apart.
        variant: Fixes the hash seed and the seed of ``random``.
        tmp_bytes: Size of its private ``/tmp``.

    Raises:
        SandboxError: It does not start.
    """

    def __init__(self, backend: Backend, *, variant: int, tmp_bytes: int) -> None:
        self.tmp_bytes = tmp_bytes
        self.retired = False
        self._sent = 0
        self._folder: str | None = None
        isolated = backend is Backend.BUBBLEWRAP
        if isolated:
            binary = launch.bubblewrap_path() or "bwrap"
            argv = launch.bubblewrap_argv(binary, variant=variant, tmp_bytes=tmp_bytes)
        else:
            self._folder = tempfile.mkdtemp(prefix="probe-")
            argv = launch.process_argv(variant=variant)
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._folder,
            env={"PYTHONHASHSEED": str(variant)},
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._to = self._process.stdin.fileno()
        self._from = self._process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._from, select.POLLIN)
        self._greet(isolated=isolated)

    def _greet(self, *, isolated: bool) -> None:
        try:
            filtered = bool(json.loads(self._reply(_START_SECONDS))["filtered"])
        except (WorkerLostError, ValueError, KeyError):
            self._process.kill()
            lines = self._process.communicate()[1].decode(errors="replace").split("\n")
            self.close()
            last = next((line for line in reversed(lines) if line.strip()), "no message")
            raise SandboxError(
                f"a sandbox worker does not start: {last}; see probe doctor"
            ) from None
        if isolated and not filtered:
            self.close()
            raise SandboxError("the kernel refuses the system-call filter; see probe doctor")

    def run(self, code: str, setup: str, steps: tuple[str, ...], limits: Limits) -> WorkerRun:
        """Load a program in a new child and run steps there.

        Raises:
            WorkerLostError: The worker is lost; nothing is known about the program.
        """
        self._sent += 1
        job: dict[str, Any] = {
            "id": self._sent,
            "code": code,
            "setup": setup,
            "steps": steps,
            "limits": asdict(limits),
        }
        body = json.dumps(job).encode("ascii")
        try:
            self._write(len(body).to_bytes(4, "big") + body)
            head, _, frames = self._reply(_SILENT_SECONDS).partition(b"\n")
            answer = json.loads(head)
            if answer["id"] != self._sent or frames[:4] != _READY:
                raise WorkerLostError("the program's process was not set up")
            self.retired = not answer["clean"]
            return _judge(answer, frames[4:], limits, steps)
        except (OSError, ValueError, KeyError) as error:
            raise WorkerLostError(str(error)) from None

    def _write(self, frame: bytes) -> None:
        rest = memoryview(frame)
        while rest:
            rest = rest[os.write(self._to, rest) :]

    def _reply(self, silent_seconds: float) -> bytes:
        while True:
            size = int.from_bytes(self._read_exactly(4, silent_seconds), "big")
            if size:
                return self._read_exactly(size, silent_seconds)

    def _read_exactly(self, size: int, silent_seconds: float) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            if not self._poll.poll(silent_seconds * 1000):
                raise WorkerLostError("no sign of life")
            part = os.read(self._from, size - len(parts))
            if not part:
                raise WorkerLostError("the worker ended")
            parts += part
        return bytes(parts)

    def kill(self) -> None:
        """Kill the worker at once, from any thread; :meth:`close` still has to follow."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # it leads a session of its own

    def close(self) -> None:
        """Kill the worker and free what it held."""
        if self._process.poll() is None:
            self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _judge(
    answer: dict[str, Any], frames: bytes, limits: Limits, steps: tuple[str, ...]
) -> WorkerRun:
    outcomes, sound = parse_frames(frames, limits, steps=steps)
    failed_load = bool(outcomes) and outcomes[0].status is not OutcomeStatus.OK
    if failed_load or len(outcomes) == len(steps) + 1:
        return WorkerRun(outcomes=outcomes, cut=None)
    status, message = _why_cut(answer["reason"], answer["code"], limits, sound=sound)
    cut = Outcome(
        status=status, message=message, cpu_seconds=answer["cpu"], wall_seconds=answer["wall"]
    )
    return WorkerRun(outcomes=outcomes, cut=cut)


def _why_cut(reason: str, code: int, limits: Limits, *, sound: bool) -> tuple[OutcomeStatus, str]:
    if not sound or reason == "garbled":
        return OutcomeStatus.CRASHED, "wrote to the harness's channel"
    if reason == "timeout" or code == -signal.SIGXCPU:
        bounds = f"{limits.cpu_seconds:g} s of CPU or {limits.wall_seconds:g} s of wall time"
        return OutcomeStatus.TIMEOUT, f"took more than {bounds}"
    if reason == "output":
        return OutcomeStatus.OUTPUT_LIMIT, f"printed more than {limits.output_bytes} bytes"
    if code == -signal.SIGKILL:
        return OutcomeStatus.CRASHED, "closed the harness's channel or was killed"
    if code < 0:
        return OutcomeStatus.CRASHED, f"killed by signal {signal.Signals(-code).name}"
    return OutcomeStatus.CRASHED, f"the process ended early with code {code}"
