"""The parent's side of one worker: start it, hand it jobs, notice when it is lost.

Called by :mod:`generators.sandbox.crew` only, each worker from one thread: the kernel kills a
worker when the thread that started it ends.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import asdict
from typing import Any

from generators.errors import SandboxError
from generators.records import Outcome, OutcomeStatus
from generators.sandbox import launch
from generators.sandbox.frames import parse_frames
from generators.sandbox.jobs import Job, WorkerRun
from generators.sandbox.policy import Backend, Limits, Record

__all__ = ["Worker", "WorkerLostError", "WorkerStartError"]

_START_SECONDS = 60.0
_SILENT_SECONDS = 10.0
_END_SECONDS = 3.0
_READY = b"\0\0\0\0"
_CHUNK = 1 << 16
_SILENT = "the worker shows no sign of life"


class WorkerLostError(Exception):
    """The worker died, fell silent or answered nonsense; the job was not judged."""


class WorkerStartError(WorkerLostError):
    """The worker did not even start."""


class Worker:
    """One sandbox with its zygote.

    Args:
        backend: How it is kept apart.
        variant: Fixes the hash seed and the seed of ``random``.
        tmp_bytes: Size of its private ``/tmp``.

    Raises:
        WorkerStartError: It does not start.
        SandboxError: It starts without the system-call filter.
    """

    def __init__(self, backend: Backend, *, variant: int, tmp_bytes: int) -> None:
        self.tmp_bytes = tmp_bytes
        self.retired = False
        self._sent: dict[int, tuple[Job, tuple[str, ...]]] = {}  # and not answered yet
        self._read = bytearray()
        self._folder: str | None = None
        isolated = backend is Backend.BUBBLEWRAP
        if isolated:
            binary = launch.bubblewrap_path() or "bwrap"
            argv = launch.bubblewrap_argv(binary, variant=variant, tmp_bytes=tmp_bytes)
        else:
            self._folder = tempfile.mkdtemp(prefix="probe-")
            argv = launch.process_argv(variant=variant)
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                argv,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                cwd=self._folder,
                env=launch.environment(variant=variant),
                start_new_session=True,
            )
        self._greet(isolated=isolated)

    def _greet(self, *, isolated: bool) -> None:
        self._channel.settimeout(_START_SECONDS)
        try:
            filtered = bool(json.loads(self._reply())["filtered"])
        except (WorkerLostError, OSError, ValueError, KeyError):
            self._process.kill()
            lines = self._process.communicate()[1].decode(errors="replace").split("\n")
            self.close()
            last = next((line for line in reversed(lines) if line.strip()), "no message")
            raise WorkerStartError(
                f"a sandbox worker does not start: {last}; see probe doctor"
            ) from None
        self._channel.settimeout(_SILENT_SECONDS)
        if isolated and not filtered:
            self.close()
            raise SandboxError("the kernel refuses the system-call filter; see probe doctor")

    def send(self, number: int, job: Job, steps: tuple[str, ...]) -> None:
        """Have a program loaded in a new child and steps run there, after all that was sent before.

        Args:
            number: What the answer is known by.
            job: The program.
            steps: Those of the job's steps that are to be run.

        Raises:
            WorkerLostError: The worker is lost; nothing is known about the program.
        """
        self._sent[number] = (job, steps)
        fields = {
            "id": number,
            "code": job.code,
            "setup": job.setup,
            "steps": steps,
            "limits": _limits(job.limits),
            "record": job.record,
        }
        body = json.dumps(fields).encode("ascii")
        try:
            self._channel.sendall(len(body).to_bytes(4, "big") + body)
        except TimeoutError:
            raise WorkerLostError(_SILENT) from None
        except OSError as error:
            raise WorkerLostError(f"the worker is lost ({error})") from None

    def receive(self) -> tuple[int, WorkerRun | None]:
        """Wait for the next answer.

        Returns:
            The job's number and what became of it; ``None`` if it was not run, because the job
            before it takes its time or left the folder in disorder.

        Raises:
            WorkerLostError: The worker is lost; nothing is known about the program.
        """
        try:
            head, _, frames = self._reply().partition(b"\n")
            answer = json.loads(head)
            number = answer["id"]
            job, steps = self._sent.pop(number)
            if answer["reason"] == "later":
                return number, None
            if frames[:4] != _READY:
                raise WorkerLostError("the program's process was not set up")
            self.retired = not answer["clean"]
            recorded = None if job.record is Record.NOTHING else job.code
            outcomes, sound = parse_frames(frames[4:], job.limits, steps=steps, recorded=recorded)
            return number, _judge(answer, outcomes, job.limits, asked=len(steps) + 1, sound=sound)
        except TimeoutError:
            raise WorkerLostError(_SILENT) from None
        except (OSError, ValueError, KeyError) as error:
            raise WorkerLostError(f"the worker is lost ({error})") from None

    def _reply(self) -> bytes:
        while True:
            size = int.from_bytes(self._read_exactly(4), "big")
            if size:  # else only a sign of life
                return self._read_exactly(size)

    def _read_exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            part = self._channel.recv(_CHUNK)
            if not part:
                raise WorkerLostError("the worker ended")
            self._read += part
        found = bytes(self._read[:size])
        del self._read[:size]
        return found

    def stop(self) -> None:
        """Make the worker end, and :meth:`receive` with it; from any thread. No waiting."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the worker and free what it held."""
        self.stop()
        self._channel.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # it leads a session of its own
            self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


@functools.cache
def _limits(limits: Limits) -> dict[str, Any]:
    return asdict(limits)


def _judge(
    answer: dict[str, Any], outcomes: list[Outcome], limits: Limits, *, asked: int, sound: bool
) -> WorkerRun:
    failed_load = bool(outcomes) and outcomes[0].status is not OutcomeStatus.OK
    if failed_load or len(outcomes) == asked:
        return WorkerRun(outcomes=outcomes, cut=None)
    status, message = _why_cut(answer["reason"], answer["code"], limits, sound=sound)
    cut = Outcome(
        status=status, message=message, cpu_seconds=answer["cpu"], wall_seconds=answer["wall"]
    )
    killed = answer["reason"] == "end" and answer["code"] == -signal.SIGKILL
    doubtful = status is OutcomeStatus.TIMEOUT or (sound and killed)
    return WorkerRun(outcomes=outcomes, cut=cut, doubtful=doubtful)


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
