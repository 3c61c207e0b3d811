"""One program in its own process: load it, run the steps, send each outcome as it is made.

Forked off by :mod:`generators.sandbox.zygote`, inside the sandbox. Whatever this code needs
once the program runs is bound here beforehand, and the program gets its own copy of
``builtins``, so that a program that patches modules hurts itself alone. What a hostile
program writes to the channel is checked by the parent (:mod:`generators.sandbox.frames`),
never trusted. Long, since all that is bound ought to be seen in one place.
"""

from __future__ import annotations

import _json
import _signal  # type: ignore[import-not-found]
import builtins
import ctypes
import fcntl
import os
import resource
import signal
import sys
import termios
import time
import types
from collections.abc import Callable, Sequence
from os import _exit, write
from typing import Any, NoReturn

from generators.encoding import to_literal
from generators.errors import LiteralError
from generators.sandbox.recorder import PROGRAM, Recorder
from generators.sandbox.seccomp import Filter

__all__ = ["READY", "Stage"]

READY = b"\0\0\0\0"  # first frame: the process is confined and no foreign code has run yet
_MESSAGE_CHARS = 200
_NAME_CHARS = 100
_ENCODING_DEPTH = 2000
_DESCRIPTORS = 256
_STACK_BYTES = 64 << 20
_SPARE_BYTES = 16 << 20  # with which a program that is out of memory is reported
_REHEARSALS = 20
_REHEARSAL: dict[str, Any] = {
    "code": "import math, re\ndef f(x):\n    return [math.sqrt(i) for i in range(x)]\n",
    "setup": "",
    "steps": ("f(3)", "[1, 'a', (2, 0.5), {3}, {4: 5.5}, None, True]", "f()", "pass"),
    "record": "nothing",
    "limits": {
        "memory_bytes": 1 << 60,
        "file_bytes": 1 << 60,
        "value_chars": 1 << 10,
    },
}
_EMPTY = b"\0\0\0\0"
_PR_SET_PDEATHSIG = 1
_quote = _json.encode_basestring_ascii
_cpu_time = time.process_time
_wall_time = time.monotonic
_sleep = time.sleep
_close, _dup2 = os.close, os.dup2
_ioctl = fcntl.ioctl
_get_limit, _set_limit, _INFINITY = resource.getrlimit, resource.setrlimit, resource.RLIM_INFINITY
_CPU, _AS, _FSIZE = resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_FSIZE
_get_recursion_limit = sys.getrecursionlimit
_set_recursion_limit = sys.setrecursionlimit
_own_name = type.__dict__["__name__"].__get__


class Stage:
    """What every program finds when it starts; made once, before any fork.

    Making it cleans the interpreter up: an empty module ``solution`` with a copy of
    ``builtins``, no trace of this package, no environment.

    Args:
        guard: The system-call filter, ``None`` where there is none.
    """

    def __init__(self, guard: Filter | None) -> None:
        own = types.ModuleType("builtins")
        own.__dict__.update(builtins.__dict__)
        module = types.ModuleType("solution")
        module.__dict__["__builtins__"] = own.__dict__
        self._namespace = module.__dict__
        self._guard = guard
        self._tether = _make_tether()
        self._sender = _Sender()
        for name in [name for name in sys.modules if name.partition(".")[0] == "generators"]:
            del sys.modules[name]
        sys.modules["__main__"] = sys.modules["solution"] = module
        sys.modules["builtins"] = own
        sys.argv = ["solution"]
        os.environ.clear()
        _lower(resource.RLIMIT_NOFILE, _DESCRIPTORS)
        _lower(resource.RLIMIT_STACK, _STACK_BYTES)
        _lower(resource.RLIMIT_CORE, 0)

    def run(
        self, job: dict[str, Any], channel: int, output: int, unwanted: Sequence[int]
    ) -> NoReturn:
        """Run one program in this (forked) process and end it; never returns.

        Args:
            job: Fields ``code``, ``setup``, ``steps``, ``limits``, ``record``.
            channel: Descriptor for the outcomes.
            output: Descriptor that becomes standard output and standard error.
            unwanted: Descriptors of the zygote's.
        """
        code = 70
        try:
            if self._tether is not None:
                self._tether()
            self._detach(output, unwanted)
            self._confine(job)
            _limit_time(job)
            if self._guard is not None:
                self._guard.install()
            self._perform(job, channel, output, self._namespace)
            code = 0
        finally:
            _exit(code)

    def rehearse(self) -> None:
        """Do what :meth:`run` does in this process a few times, without any confinement.

        Python and the C library then have looked up, cached and specialised before the fork
        what else each child does again, on pages that it has to copy for it.
        """
        namespace = self._namespace.copy()
        for _ in range(_REHEARSALS):
            channel, output = os.pipe(), os.pipe()
            copy = os.dup(1)
            self._detach(copy, [os.dup(copy), copy])
            self._confine(_REHEARSAL)
            if self._guard is not None:
                self._guard.rehearse()
            self._perform(_REHEARSAL, channel[1], output[1], namespace.copy())
            for descriptor in channel + output:
                os.close(descriptor)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _perform(
        self, job: dict[str, Any], channel: int, output: int, namespace: dict[str, Any]
    ) -> None:
        write(channel, READY)
        recorder = self._recorder(job["record"])
        sender = self._sender
        sender.begin(channel, output, job["limits"]["value_chars"], recorder)
        if sender.outcome(-1, _load, job, namespace, recorder):
            for index, step in enumerate(job["steps"]):
                sender.outcome(index, _step, step, namespace, recorder)

    def _recorder(self, record: str) -> Recorder | None:
        if record == "nothing":
            return None
        return Recorder(self._namespace["__builtins__"], variables=record == "events")

    def _detach(self, output: int, unwanted: Sequence[int]) -> None:
        _dup2(output, 1)
        _dup2(output, 2)
        for descriptor in unwanted:
            _close(descriptor)

    def _confine(self, job: dict[str, Any]) -> None:
        limits = job["limits"]
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)  # signal.signal is slow
        _lower(_AS, limits["memory_bytes"], spare=_SPARE_BYTES)
        _lower(_FSIZE, limits["file_bytes"])


def _limit_time(job: dict[str, Any]) -> None:
    """Bound the CPU time of all runs together; the zygote measures each.

    Not rehearsed: a process with this limit from its start reads a CPU clock that stands still
    between two ticks of the kernel, so that a program that looks at it would seem to repeat itself.
    """
    runs = len(job["steps"]) + 1
    _lower(_CPU, int(job["limits"]["cpu_seconds"] * runs) + 2)


def _make_tether() -> Callable[[], None] | None:
    """Return what ties a child's life to this process, where no pid namespace does it."""
    zygote = os.getpid()
    if zygote == 1 or not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def tether() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != zygote:
            _exit(1)

    return tether


def _lower(which: int, value: int, *, spare: int = 0) -> None:
    hard = _get_limit(which)[1]
    most = value + spare if hard == _INFINITY or hard > value + spare else hard
    _set_limit(which, (value if value < most else most, most))


def _load(
    job: dict[str, Any], namespace: dict[str, Any], recorder: Recorder | None
) -> tuple[bool, Any]:
    if recorder:
        exec(recorder.compile(job["code"]), namespace)  # noqa: S102
    else:
        exec(compile(job["code"], PROGRAM, "exec", dont_inherit=True), namespace)  # noqa: S102
    if job["setup"]:
        exec(compile(job["setup"], "<setup>", "exec", dont_inherit=True), namespace)  # noqa: S102
    return False, None


def _step(text: str, namespace: dict[str, Any], recorder: Recorder | None) -> tuple[bool, Any]:
    run: Callable[..., Any] = recorder.run if recorder else _call
    try:
        code = compile(text, "<step>", "eval", dont_inherit=True)
    except SyntaxError:
        run(exec, compile(text, "<step>", "exec", dont_inherit=True), namespace)
        return False, None
    return True, run(eval, code, namespace)


def _call(function: Callable[..., Any], *given: Any) -> Any:
    return function(*given)


class _Sender:
    """Runs actions and writes their outcomes to the channel, one frame each."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self._channel = self._output = self._value_chars = 0
        self._streams = (sys.stdout, sys.stderr)

    def begin(self, channel: int, output: int, value_chars: int, recorder: Recorder | None) -> None:
        """Take the program's channel, its output and what is set for it."""
        self._recorder = recorder
        self._channel = channel
        self._output = output
        self._value_chars = value_chars

    def outcome(self, index: int, action: Callable[..., tuple[bool, Any]], *given: Any) -> bool:
        """Run ``action`` and send what came of it; tell whether it went well."""
        wall, cpu = _wall_time(), _cpu_time()
        status, value, kind, error, message = "ok", "null", "", "", ""
        try:
            has_value, result = action(*given)
            if has_value:
                kind = _name_of(result)
                value = _quote(self._encode(result))
            result = None
        except LiteralError as refused:
            status, message = "unserialisable", _message_of(refused)
        except MemoryError:
            _set_limit(_AS, (_get_limit(_AS)[1],) * 2)  # the spare memory
            status, message = "memory", "out of memory"
        except BaseException as raised:
            status, kind = "exception", ""
            error, message = _name_of(raised), _message_of(raised)
        cpu, wall = _cpu_time() - cpu, _wall_time() - wall
        self._drain()
        self._send(
            f'[{index}, "{status}", {value}, {_quote(kind)}, {_quote(error)}, '
            f"{_quote(message)}, {cpu:.6f}, {wall:.6f}, {self._recording()}]"
        )
        return status == "ok"

    def _recording(self) -> str:
        return self._recorder.take() if self._recorder else "null"

    def _encode(self, result: object) -> str:
        limit = _get_recursion_limit()
        try:
            _set_recursion_limit(max(limit, _ENCODING_DEPTH))
            return to_literal(result, max_chars=self._value_chars)
        except RecursionError:
            raise LiteralError("the value is nested too deeply or refers to itself") from None
        finally:
            _set_recursion_limit(limit)

    def _send(self, text: str) -> None:
        body = text.encode("ascii")
        frame = len(body).to_bytes(4, "big") + body
        while frame:
            frame = frame[write(self._channel, frame) :]

    def _drain(self) -> None:
        """Wait until the zygote has read what was printed, so that it is counted in time."""
        try:
            for stream in self._streams:
                stream.flush()
            while _ioctl(self._output, termios.FIONREAD, _EMPTY) != _EMPTY:
                _sleep(0.0001)
        except BaseException:
            return  # a program that closed its streams prints no more


def _name_of(value: object) -> str:
    name: str = _own_name(type(value))
    return name[:_NAME_CHARS]


def _message_of(raised: BaseException) -> str:
    try:
        text = str(raised)
        return " ".join(text[: 4 * _MESSAGE_CHARS].split())[:_MESSAGE_CHARS]
    except BaseException:
        return ""
