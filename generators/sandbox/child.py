"""One program in its own process: load it, run the steps, send each outcome as it is made.

Forked off by :mod:`generators.sandbox.zygote`, inside the sandbox; standard library,
:mod:`generators.literals` and the filter only. Whatever this code needs once the program runs is bound
here beforehand, and the program gets its own copy of ``builtins``, so that a program that
patches modules hurts itself alone. What a hostile program writes to the channel is checked
by the parent (:mod:`generators.sandbox.frames`), never trusted.
"""

from __future__ import annotations

import _json
import builtins
import fcntl
import os
import random
import resource
import signal
import sys
import termios
import time
import types
from os import _exit, write
from typing import Any, NoReturn

from generators.errors import LiteralError
from generators.literals import to_literal
from generators.sandbox import seccomp

__all__ = ["MESSAGE_CHARS", "run"]

MESSAGE_CHARS = 200
_quote = _json.encode_basestring_ascii
_cpu_time = time.process_time
_wall_time = time.monotonic
_sleep = time.sleep
_ioctl = fcntl.ioctl
_get_recursion_limit = sys.getrecursionlimit
_set_recursion_limit = sys.setrecursionlimit
_own_name = type.__dict__["__name__"].__get__


def run(job: dict[str, Any], channel: int, output: int) -> NoReturn:
    """Run one program and leave the process; never returns.

    Args:
        job: Fields ``code``, ``setup``, ``steps``, ``variant``, ``limits``.
        channel: Descriptor for the outcomes.
        output: Descriptor that is standard output and standard error.
    """
    code = 70
    try:
        _confine(job)
        namespace = _fresh_module(job["variant"])
        send = _Sender(channel, output, job["limits"]["value_chars"])
        if send.outcome(-1, _load, job, namespace):
            for index, step in enumerate(job["steps"]):
                send.outcome(index, _step, step, namespace)
        code = 0
    finally:
        _exit(code)


def _confine(job: dict[str, Any]) -> None:
    limits = job["limits"]
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    steps = len(job["steps"]) + 1
    cpu = int(limits["cpu_seconds"] * steps) + 2
    for which, value in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_STACK, 64 << 20),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(which, value)
    seccomp.confine_program()


def _lower(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def _fresh_module(variant: int) -> dict[str, Any]:
    """Return the namespace of an empty module ``solution`` with builtins of its own."""
    own = types.ModuleType("builtins")
    own.__dict__.update(builtins.__dict__)
    module = types.ModuleType("solution")
    module.__dict__["__builtins__"] = own.__dict__
    for name in [name for name in sys.modules if name.partition(".")[0] == "generators"]:
        del sys.modules[name]
    sys.modules["__main__"] = sys.modules["solution"] = module
    sys.modules["builtins"] = own
    sys.argv = ["solution"]
    os.environ.clear()
    random.seed(variant)
    return module.__dict__


def _load(job: dict[str, Any], namespace: dict[str, Any]) -> tuple[bool, Any]:
    for text, name in ((job["code"], "<solution>"), (job["setup"], "<setup>")):
        exec(compile(text, name, "exec", dont_inherit=True), namespace)  # noqa: S102
    return False, None


def _step(text: str, namespace: dict[str, Any]) -> tuple[bool, Any]:
    try:
        code = compile(text, "<step>", "eval", dont_inherit=True)
    except SyntaxError:
        exec(compile(text, "<step>", "exec", dont_inherit=True), namespace)  # noqa: S102
        return False, None
    return True, eval(code, namespace)  # noqa: S307


class _Sender:
    """Writes outcomes to the channel, one frame each."""

    def __init__(self, channel: int, output: int, value_chars: int) -> None:
        self._channel = channel
        self._output = output
        self._value_chars = value_chars
        self._streams = (sys.stdout, sys.stderr)

    def outcome(self, index: int, action: Any, *arguments: Any) -> bool:
        """Run ``action`` and send what came of it; tell whether it went well."""
        wall, cpu = _wall_time(), _cpu_time()
        status, value, kind, error, message = "ok", None, "", "", ""
        try:
            has_value, result = action(*arguments)
            if has_value:
                status, value, kind, message = self._encode(result)
            result = None
        except MemoryError:
            status, message = "memory", "out of memory"
        except BaseException as raised:
            status, error, message = "exception", _name_of(raised), _message_of(raised)
        cpu, wall = _cpu_time() - cpu, _wall_time() - wall
        text = "null" if value is None else _quote(value)
        body = (
            f'[{index}, "{status}", {text}, {_quote(kind)}, {_quote(error)}, {_quote(message)}, '
            f"{cpu:.6f}, {wall:.6f}]"
        ).encode("ascii")
        self._drain()
        frame = len(body).to_bytes(4, "big") + body
        while frame:
            frame = frame[write(self._channel, frame) :]
        return status == "ok"

    def _encode(self, result: object) -> tuple[str, str | None, str, str]:
        kind = _name_of(result)
        limit = _get_recursion_limit()
        try:
            _set_recursion_limit(max(limit, 2000))
            return "ok", to_literal(result, max_chars=self._value_chars), kind, ""
        except LiteralError as refused:
            return "unserialisable", None, kind, str(refused)[:MESSAGE_CHARS]
        finally:
            _set_recursion_limit(limit)

    def _drain(self) -> None:
        """Wait until the zygote has read what was printed, so that it is counted in time."""
        try:
            for stream in self._streams:
                stream.flush()
            while _ioctl(self._output, termios.FIONREAD, b"\0\0\0\0") != b"\0\0\0\0":
                _sleep(0.0002)
        except BaseException:  # noqa: S110 - a program that closed its streams prints no more
            pass


def _name_of(value: object) -> str:
    return _own_name(type(value))[:100]


def _message_of(raised: BaseException) -> str:
    try:
        text = str(raised)
        return " ".join(text[: 4 * MESSAGE_CHARS].split())[:MESSAGE_CHARS]
    except BaseException:
        return ""
