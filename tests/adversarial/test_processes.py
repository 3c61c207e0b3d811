"""Attacks by processes, threads and signals: bombs, daemons, debuggers, blows at the harness."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from generators.records import OutcomeStatus
from generators.sandbox.policy import Limits
from generators.sandbox.pool import JobResult

Runner = Callable[..., JobResult]
LIBC = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
"""


def errors(result: JobResult) -> list[str]:
    assert result.load.status is OutcomeStatus.OK, result.load
    return [outcome.error for outcome in result.steps]


def test_thread_bomb(run: Runner) -> None:
    code = LIBC + (
        "import _thread, threading\n"
        "STACK = ctypes.create_string_buffer(1 << 16)\n"
        "ENTRY = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda _: 0)\n"
        "SHARED = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000\n"
        "def clone():\n"
        "    top = ctypes.c_void_p(ctypes.addressof(STACK) + len(STACK) - 64)\n"
        "    return libc.clone(ENTRY, top, SHARED, None) > 0\n"
        "def pthread():\n"
        "    made = ctypes.c_ulong()\n"
        "    return libc.pthread_create(ctypes.byref(made), None, ENTRY, None) == 0\n"
        "def low():\n    _thread.start_new_thread(print, ())\n    return True\n"
        "def high():\n    threading.Thread(target=print).start()\n    return True\n"
        "def bomb():\n"
        "    started = 0\n"
        "    for _ in range(300):\n"
        "        for way in (clone, pthread, low, high):\n"
        "            try:\n"
        "                started += way()\n"
        "            except RuntimeError:\n"
        "                pass\n"
        "    return started\n"
    )
    assert run(code, "bomb()", limits=Limits(cpu_seconds=5)).steps[0].value == "0"


@pytest.mark.parametrize(
    "source",
    [
        "import threading\nthreading.Timer(0.01, print).start()",
        "import threading\nthreading.Thread(target=print, daemon=True).start()",
        "from concurrent.futures import ThreadPoolExecutor as T\nT(4).map(print, range(9))",
        "from concurrent.futures import ProcessPoolExecutor as P\nP(2).submit(print)",
        "from multiprocessing.pool import ThreadPool\nThreadPool(2)",
        "import multiprocessing\nmultiprocessing.Manager()",
        "import logging.handlers, queue\nlogging.handlers.QueueListener(queue.Queue()).start()",
        "import faulthandler\nfaulthandler.dump_traceback_later(1, exit=True, file=open('f', 'w'))",
        "import asyncio\nasyncio.run(asyncio.to_thread(print))",
    ],
    ids=lambda source: source.splitlines()[0],
)
def test_modules_that_start_threads_when_imported(run: Runner, source: str) -> None:
    code = (
        "import os, sys, threading\n"
        f"open('starter.py', 'w').write({source!r})\n"
        "sys.path.insert(0, '/tmp')\n"
    )
    steps = ("__import__('starter')", "threading.active_count()", "1 + 1")
    result = run(code, *steps, limits=Limits())
    assert result.steps[0].status is OutcomeStatus.EXCEPTION, result.steps[0]
    assert [outcome.value for outcome in result.steps[1:]] == ["1", "2"]


@pytest.mark.parametrize(
    "step",
    ["daemon()", "os.setsid()", "os.setpgid(0, 0)", "os.forkpty()", "os.openpty()", "zombie()"],
)
def test_daemons_and_double_forks(run: Runner, step: str) -> None:
    """The fixture `unshaken_worker` lists the processes afterwards."""
    code = (
        "import os, time\n"
        "def daemon():\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(1000)\n"
        "        os._exit(0)\n"
        "def zombie():\n"
        "    if os.fork() == 0:\n"
        "        os._exit(0)\n"
    )
    assert errors(run(code, step, "1 / 0")) in (
        ["PermissionError", "ZeroDivisionError"],
        ["OSError", "ZeroDivisionError"],
        ["FileNotFoundError", "ZeroDivisionError"],
    )


def test_signals_to_the_harness_and_its_group(run: Runner) -> None:
    """By the numbers that its processes have outside, and by those they have inside."""
    victims = (os.getpid(), os.getppid(), -os.getpgrp(), 1, 0, -1)
    ways = [
        "os.kill({}, 9)",
        "os.killpg(abs({}), 9)",
        "1 // (1 + libc.kill({}, 9))",
        "1 // (1 + libc.killpg(abs({}), 15))",
        "1 // (1 + libc.sigqueue({}, 9, None))",
        "os.pidfd_open(abs({}))",
    ]
    steps = [way.format(victim) for way in ways for victim in victims]
    found = errors(run(LIBC, *steps, "os.killpg(os.getpgrp(), 9)"))
    for step, error in zip(steps, found, strict=False):
        assert error in {
            "PermissionError",  # refused
            "ProcessLookupError",  # not there
            "ZeroDivisionError",  # refused to the C library
            "OSError",
        }, (step, error)


@pytest.mark.parametrize("victim", ["1", "os.getpid()", "os.getppid()", "the harness"])
def test_debuggers(run: Runner, victim: str) -> None:
    if victim == "the harness":
        victim = str(os.getpid())
    code = LIBC + (
        "class Span(ctypes.Structure):\n"
        "    _fields_ = [('base', ctypes.c_void_p), ('size', ctypes.c_size_t)]\n"
        "mine = ctypes.create_string_buffer(b'overwrite', 16)\n"
        "span = Span(ctypes.addressof(mine), 16)\n"
        "def reach(call, pid):\n"
        "    return call(pid, ctypes.byref(span), 1, ctypes.byref(span), 1, 0)\n"
        "def debug(request, pid):\n"
        "    return libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), None, None)\n"
    )
    steps = (
        f"reach(libc.process_vm_writev, {victim})",
        f"reach(libc.process_vm_readv, {victim})",
        *[f"debug({request}, {victim})" for request in (0, 16, 0x4206)],  # me, attach, seize
        f"libc.prctl(0x59616D61, {victim}, 0, 0, 0)",  # let others debug me
        f"open('/proc/' + str({victim}) + '/mem', 'r+b')",
    )
    result = run(code, *steps)
    assert [outcome.value for outcome in result.steps[:-1]] == ["-1"] * 6
    assert result.steps[-1].error == "FileNotFoundError"


@pytest.mark.parametrize(
    "address",
    [
        "AF_UNIX, socket.SOCK_STREAM",
        "AF_UNIX, socket.SOCK_DGRAM",
        "AF_INET, socket.SOCK_STREAM",
        "AF_INET, socket.SOCK_RAW, 1",
        "AF_INET6, socket.SOCK_DGRAM",
        "AF_NETLINK, socket.SOCK_RAW",
        "AF_PACKET, socket.SOCK_RAW",
        "AF_VSOCK, socket.SOCK_STREAM",
        "AF_ALG, socket.SOCK_SEQPACKET",
    ],
)
def test_no_socket_of_any_family(run: Runner, address: str) -> None:
    assert errors(run("import socket", f"socket.socket(socket.{address})")) == ["PermissionError"]


def test_no_socket_is_inherited(run: Runner) -> None:
    code = (
        "import os, stat\n"
        "def sockets():\n"
        "    found = []\n"
        "    for fd in range(4096):\n"
        "        try:\n"
        "            if stat.S_ISSOCK(os.fstat(fd).st_mode):\n"
        "                found.append(fd)\n"
        "        except OSError:\n"
        "            pass\n"
        "    return found\n"
    )
    assert run(code, "sockets()").steps[0].value == "[]"
