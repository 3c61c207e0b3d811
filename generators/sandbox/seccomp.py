"""The system-call filter of a program's process: a list of what is allowed, all else refused.

Called by :mod:`generators.sandbox.child` just before foreign code runs and by
:mod:`generators.sandbox.zygote` (is it available?). Linux on x86_64 and aarch64, written as
classic BPF and installed through ``prctl``, so no package is needed. Not on the list, and so
refused with ``EPERM``: new processes and threads, ``execve``, sockets, other processes
(``ptrace``, signals, limits, priorities), mounts, namespaces, System V IPC, keys, file locks,
anonymous memory files, BPF, performance events, asynchronous I/O rings.

Source: Linux ``Documentation/userspace-api/seccomp_filter.rst``, ``asm/unistd_64.h`` and
``asm-generic/unistd.h``.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import Any

__all__ = ["Filter", "compile_program", "make_filter"]

# name: (x86_64, aarch64); -1 where an architecture has no such call
_ALLOWED = {
    # files and descriptors
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "lseek": (8, 62),
    "close": (3, 57),
    "close_range": (436, 436),
    "open": (2, -1),
    "openat": (257, 56),
    "stat": (4, -1),
    "fstat": (5, 80),
    "lstat": (6, -1),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "access": (21, -1),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, -1),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "fchdir": (81, 50),
    "umask": (95, 166),
    "mkdir": (83, -1),
    "mkdirat": (258, 34),
    "rmdir": (84, -1),
    "unlink": (87, -1),
    "unlinkat": (263, 35),
    "rename": (82, -1),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "utimensat": (280, 88),
    "dup": (32, 23),
    "dup2": (33, -1),
    "dup3": (292, 24),
    "pipe": (22, -1),
    "pipe2": (293, 59),
    "poll": (7, -1),
    "ppoll": (271, 73),
    "select": (23, -1),
    "pselect6": (270, 72),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, -1),
    "epoll_pwait": (281, 22),
    "eventfd2": (290, 19),
    "sendfile": (40, 71),
    "copy_file_range": (326, 285),
    # memory
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "msync": (26, 227),
    # signals and timers of the process itself
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigsuspend": (130, 133),
    "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "pause": (34, -1),
    "alarm": (37, -1),
    "setitimer": (38, 103),
    "getitimer": (36, 102),
    # time
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, -1),
    "times": (100, 153),
    "getrusage": (98, 165),
    # the process and the machine, read only
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getresuid": (118, 148),
    "getresgid": (120, 150),
    "getgroups": (115, 158),
    "getpgid": (121, 155),
    "getpgrp": (111, -1),
    "getsid": (124, 156),
    "getpriority": (140, 141),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "getrandom": (318, 278),
    "getrlimit": (97, 163),
    "setrlimit": (160, 164),
    "wait4": (61, 260),
    "waitid": (247, 95),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
# name: ((x86_64, aarch64), index of the argument, allowed values); _SELF: the process's own id
_SELF = -1
_RESTRICTED: dict[str, tuple[tuple[int, int], int, tuple[int, ...]]] = {
    "kill": ((62, 129), 0, (_SELF,)),
    "tgkill": ((234, 131), 0, (_SELF,)),
    "prlimit64": ((302, 261), 0, (0, _SELF)),
    # F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_DUPFD_CLOEXEC F_GETPIPE_SZ: no locks, no owners
    "fcntl": ((72, 25), 1, (0, 1, 2, 3, 4, 1030, 1032)),
    # TCGETS TIOCGWINSZ FIONREAD FIONCLEX FIOCLEX
    "ioctl": ((16, 29), 1, (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)),
}
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_FIRST_RECENT = 435  # clone3 and younger: ENOSYS, so that the C library takes the older way
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _EPERM, _ENOSYS, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_NUMBER_OFFSET, _ARCH_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_getpid = os.getpid
_Instruction = tuple[int, int, int, int]  # operation, jump if true, jump if false, constant


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


class Filter:
    """A compiled filter, ready to be installed in a forked process.

    Args:
        machine: ``x86_64`` or ``aarch64``.
    """

    def __init__(self, machine: str) -> None:
        program = compile_program(machine)
        raw = b"".join(struct.pack("HBBI", *row[:3], row[3] & 0xFFFFFFFF) for row in program)
        self._buffer = ctypes.create_string_buffer(raw, len(raw))
        self._pids = [
            ctypes.c_uint.from_buffer(self._buffer, 8 * i + 4)
            for i, row in enumerate(program)
            if row[3] == _SELF
        ]
        address = ctypes.addressof(self._buffer)
        self._program = ctypes.byref(_Program(len(program), address))
        self._prctl = ctypes.PyDLL(None).prctl  # no thread has to be let in meanwhile
        if self._prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError("no_new_privs is refused")

    def install(self) -> None:
        """Confine the calling process for good.

        Raises:
            OSError: The kernel refuses.
        """
        if self._install(self._program):
            raise OSError("the system-call filter is refused")

    def rehearse(self) -> None:
        """Go through :meth:`install` with a filter that the kernel always refuses."""
        self._install(None)

    def _install(self, program: Any) -> int:
        pid = _getpid()
        for place in self._pids:
            place.value = pid
        return int(self._prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program))


def make_filter() -> Filter | None:
    """Return a filter that was seen to work in a forked process, ``None`` if there is none."""
    machine = os.uname().machine
    if not sys.platform.startswith("linux") or machine not in _ARCHITECTURES:
        return None
    try:
        made = Filter(machine)
    except OSError:
        return None
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            made.install()
            os.fork()
        except PermissionError:
            code = 0
        finally:
            os._exit(code)
    return made if os.waitpid(pid, 0)[1] == 0 else None


def compile_program(machine: str) -> list[_Instruction]:
    """Return the filter as BPF: a binary search over the ranges of system-call numbers.

    The kernel evaluates a new filter once for each number, so a search tree is ten times
    quicker to install than a list. Constants equal to -1 stand for the process's own id.

    Args:
        machine: ``x86_64`` or ``aarch64``.
    """
    arch, column = _ARCHITECTURES[machine]
    actions: dict[int, list[_Instruction]] = {}
    for numbers in _ALLOWED.values():
        actions[numbers[column]] = [(_RETURN, 0, 0, _ALLOW)]
    for numbers, index, values in _RESTRICTED.values():
        actions[numbers[column]] = _check_argument(index, values)
    actions.pop(-1, None)
    ranges: list[tuple[int, list[_Instruction]]] = []
    for number in sorted({0, _FIRST_RECENT, *actions, *(number + 1 for number in actions)}):
        refusal = _ENOSYS if number >= _FIRST_RECENT else _EPERM
        action = actions.get(number, [(_RETURN, 0, 0, refusal)])
        if not ranges or ranges[-1][1] != action:
            ranges.append((number, action))
    return [
        (_LOAD, 0, 0, _ARCH_OFFSET),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_OFFSET),
        *_search(ranges),
    ]


def _check_argument(index: int, values: tuple[int, ...]) -> list[_Instruction]:
    """Compare an ``int`` argument (the kernel reads its low half) with the allowed values."""
    left = len(values)
    tests = [(_EQUAL, left - i, 0, value) for i, value in enumerate(values)]
    load = (_LOAD, 0, 0, _ARGUMENTS_OFFSET + 8 * index)
    return [load, *tests, (_RETURN, 0, 0, _EPERM), (_RETURN, 0, 0, _ALLOW)]


def _search(ranges: list[tuple[int, list[_Instruction]]]) -> list[_Instruction]:
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _search(ranges[:middle]), _search(ranges[middle:])
    return [(_AT_LEAST, len(below), 0, ranges[middle][0]), *below, *above]
