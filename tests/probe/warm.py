"""``probe`` as a process of its own, without the wait for its imports.

Run as a script, this is a process that has imported everything and waits: each command is forked
from it. :class:`Probe` is the side of the tests. What a command does, how it ends and what it says
are those of ``python -m probe``; how long it takes to start is not, and is tested elsewhere.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import resource
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

_LARGEST = 1 << 20  # bytes of a request
_PRELOADED = ("peft", "sklearn", "transformers.models.llama.modeling_llama")


class Process:
    """A command that runs; the part of ``subprocess.Popen`` that the tests use."""

    def __init__(self, line: socket.socket, streams: list[Path]) -> None:
        self._line = line
        self._streams = streams
        self.pid = json.loads(line.recv(64))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, ``None`` if it has not."""
        return self._ended(0)

    def send_signal(self, number: int) -> None:
        """Send a signal to the command alone."""
        os.kill(self.pid, number)

    def communicate(self, timeout: float = 600) -> tuple[str, str]:
        """Wait for the end and return what it said on both streams."""
        if self._ended(timeout) is None:
            self.send_signal(signal.SIGKILL)
            raise subprocess.TimeoutExpired("probe", timeout)
        out, err = (stream.read_text() for stream in self._streams)
        return out, err

    def _ended(self, timeout: float) -> int | None:
        if self.returncode is None and select.select([self._line], [], [], timeout)[0]:
            self.returncode = json.loads(self._line.recv(64))
            self._line.close()
        return self.returncode


class Probe:
    """Runs commands: ``probe("evaluate", "execution", ...)`` returns how one ended.

    Args:
        folder: For what the commands say, and the address of the process they are forked from.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started = 0
        self._address = str(folder / "line")
        self._parent = subprocess.Popen([sys.executable, __file__, self._address], stdin=-1)

    def __call__(
        self,
        *arguments: Any,
        env: dict[str, str] | None = None,
        file_bytes: int | None = None,
        script: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; see :meth:`start`."""
        process = self.start(*arguments, env=env, file_bytes=file_bytes, script=script)
        out, err = process.communicate()
        assert process.returncode is not None
        return subprocess.CompletedProcess(list(arguments), process.returncode, out, err)

    def start(
        self,
        *arguments: Any,
        env: dict[str, str] | None = None,
        file_bytes: int | None = None,
        script: Path | None = None,
    ) -> Process:
        """Start a command.

        Args:
            arguments: After the name of the program; made strings.
            env: Its environment; this one by default.
            file_bytes: Writing a file beyond so many bytes fails, as on a full disk.
            script: Run this file with the arguments, instead of the program.
        """
        self._started += 1
        streams = [self._folder / f"{self._started}-{name}" for name in ("out", "err")]
        request = {
            "arguments": [str(argument) for argument in arguments],
            "env": dict(os.environ if env is None else env),
            "cwd": str(Path.cwd()),
            "file_bytes": file_bytes,
            "script": str(script) if script else None,
        }
        line = self._connect()
        with streams[0].open("wb") as out, streams[1].open("wb") as err:
            body = json.dumps(request).encode()
            socket.send_fds(line, [body], [out.fileno(), err.fileno()])
        return Process(line, streams)

    def _connect(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)
        while True:
            try:
                line.connect(self._address)
            except (FileNotFoundError, ConnectionRefusedError):
                assert self._parent.poll() is None, "it cannot import the program"
                time.sleep(0.05)
            else:
                return line

    def close(self) -> None:
        """End the process that commands are forked from."""
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        self._parent.wait()


def _serve(address: str) -> None:
    """Import everything, then fork a child for each request until standard input ends."""
    import probe

    for name in _PRELOADED:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(probe.__path__, "probe."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that keep commands are not waited for
    while True:
        ready = select.select([listener, sys.stdin], [], [])[0]
        if sys.stdin in ready:
            return
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _keep(line)
        line.close()


def _keep(line: socket.socket) -> None:
    """Fork the command, say its number and how it ended."""
    body, streams, _, _ = socket.recv_fds(line, _LARGEST, 2)
    pid = os.fork()
    if pid == 0:
        line.close()
        _run(json.loads(body), *streams)
    line.send(json.dumps(pid).encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    line.send(json.dumps(code).encode())
    os._exit(0)


def _run(request: dict[str, Any], out: int, err: int) -> None:
    """Become the command."""
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (out, 1), (err, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    if request["file_bytes"] is not None:
        limits = (request["file_bytes"], resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    script, code = request["script"], 0
    sys.argv = [script or "probe", *request["arguments"]]
    from probe.cli import main

    try:
        if script:
            runpy.run_path(script, run_name="__main__")
        else:
            main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
