"""Attacks on the kernel: processes, system calls, limits, signals."""

from __future__ import annotations

import platform
from collections.abc import Callable

import pytest

from generators.records import OutcomeStatus
from generators.sandbox.pool import JobResult

Runner = Callable[..., JobResult]


def errors(result: JobResult) -> list[str]:
    assert result.load.status is OutcomeStatus.OK, result.load
    return [outcome.error for outcome in result.steps]


@pytest.mark.parametrize(
    "step",
    [
        "os.fork()",
        "os.forkpty()",
        "1 // (os.system('true') - (127 << 8))",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.execv(sys.executable, ['python'])",
        "subprocess.run([sys.executable])",
        "multiprocessing.Process(target=print).start()",
        "threading.Thread(target=print).start()",
        "_thread.start_new_thread(print, ())",
        "concurrent.futures.ThreadPoolExecutor().submit(print)",
        "asyncio.run(asyncio.sleep(0))",
    ],
)
def test_no_new_process_or_thread(run: Runner, step: str) -> None:
    code = (
        "import _thread, asyncio, concurrent.futures, multiprocessing, os, subprocess, sys\n"
        "import threading"
    )
    assert errors(run(code, step))[0] in {
        "OSError",
        "PermissionError",
        "RuntimeError",
        "BlockingIOError",
        "ZeroDivisionError",  # the shell could not be started
        "FileNotFoundError",
    }


def test_fork_bomb(run: Runner) -> None:
    code = (
        "import os, ctypes\n"
        "libc = ctypes.CDLL(None)\n"
        "def bomb():\n"
        "    forked = 0\n"
        "    for _ in range(2000):\n"
        "        for way in (os.fork, libc.fork, libc.vfork, lambda: libc.syscall(57)):\n"
        "            try:\n"
        "                forked += way() >= 0\n"
        "            except OSError:\n"
        "                pass\n"
        "    return forked\n"
    )
    assert run(code, "bomb()").steps[0].value == "0"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
def test_dangerous_system_calls(run: Runner) -> None:
    numbers = {
        "socket": (41, 2, 1, 0),
        "shmget": (29, 0, 4096, 0o1777),
        "semget": (64, 0, 1, 0o1777),
        "msgget": (68, 0, 0o1777),
        "ptrace": (101, 0, 0, 0, 0),
        "setpriority": (141, 0, 1, 19),
        "prctl": (157, 4, 1, 0, 0, 0),
        "mount": (165, 0, 0, 0, 0, 0),
        "tkill": (200, 1, 9),
        "sched_setaffinity": (203, 1, 8, 0),
        "mq_open": (240, 0, 0o100, 0o777, 0),
        "add_key": (248, 0, 0, 0, 0, 0),
        "keyctl": (250, 0, 0, 0, 0, 0),
        "inotify_init1": (294, 0),
        "perf_event_open": (298, 0, 0, 0, 0, 0),
        "prlimit64": (302, 1, 7, 0, 0),
        "setns": (308, 0, 0),
        "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
        "memfd_create": (319, 0, 0),
        "bpf": (321, 0, 0, 0),
        "userfaultfd": (323, 0),
        "pidfd_open": (434, 1, 0),
        "clone3": (435, 0, 0),
        "io_uring_setup": (425, 1, 0),
        "unshare": (272, 0x10000000),
        "personality": (135, 0x0040000),
        "rt_sigqueueinfo": (129, 1, 9, 0),
        "kill the zygote": (62, 1, 9),
        "kill all": (62, -1, 9),
        "kill the group": (62, 0, 9),
        "own a pipe's signals": (72, 1, 8, 1),
    }
    code = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def call(*numbers):\n"
        "    return libc.syscall(*map(ctypes.c_long, numbers)), ctypes.get_errno()\n"
    )
    steps = [f"call({', '.join(map(str, row))})" for row in numbers.values()]
    for name, outcome in zip(numbers, run(code, *steps).steps, strict=True):
        assert outcome.value in ("(-1, 1)", "(-1, 38)"), name


@pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code of x86_64")
@pytest.mark.parametrize(
    "machine_code",
    [
        "b8 02 00 00 00 cd 80 c3",  # the 32-bit entrance: fork
        "b8 39 00 00 40 0f 05 c3",  # the x32 numbers: fork
    ],
)
def test_other_entrances_to_the_kernel(run: Runner, machine_code: str) -> None:
    code = (
        "import ctypes, mmap\n"
        "page = mmap.mmap(-1, 4096, prot=7)\n"
        f"page.write(bytes.fromhex({machine_code!r}))\n"
        "call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))\n"
    )
    outcome = run(code, "call() < 0").steps[0]
    assert outcome.status is OutcomeStatus.CRASHED or outcome.value == "True"


@pytest.mark.parametrize("number", [2, 9, 15, 19])
def test_signals_to_others(run: Runner, number: int) -> None:
    code = "import os, signal"
    result = run(code, *(f"os.kill({pid}, {number})" for pid in (1, 0, -1, 2)), "1 + 1")
    assert errors(result)[:3] == ["PermissionError"] * 3
    # Process 2 is another, or the program itself, which may end itself.
    assert result.steps[-1].value == "2"


def test_limits_and_priorities_of_the_zygote(run: Runner) -> None:
    code = "import os, resource"
    result = run(
        code,
        "resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))",
        "os.setpriority(os.PRIO_PROCESS, 1, 19)",
        "os.sched_setaffinity(1, {0})",
        "resource.setrlimit(resource.RLIMIT_CPU, (-1, -1))",
        "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    )
    assert "" not in errors(result)
