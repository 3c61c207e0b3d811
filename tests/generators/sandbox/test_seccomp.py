"""The filter, run by a small interpreter of its instructions, on both architectures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.sandbox import seccomp

ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
SELF = -1
# Source: asm/unistd_64.h and asm-generic/unistd.h
REFUSED = {
    "clone": (56, 220),
    "fork": (57, -1),
    "vfork": (58, -1),
    "execve": (59, 221),
    "execveat": (322, 281),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "userfaultfd": (323, 282),
    "kexec_load": (246, 104),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "personality": (135, 92),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "semget": (64, 190),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "setpriority": (141, 140),
    "sched_setaffinity": (203, 122),
    "flock": (73, 32),
    "prctl": (157, 167),
    "setxattr": (188, 5),
    "mknodat": (259, 33),
    "inotify_init1": (294, 26),
}


def verdict(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """Interpret the filter for one system call."""
    words = {0: number, 4: ARCHES[machine] if arch is None else arch}
    for i in range(6):
        words[16 + 8 * i] = arguments[i] if i < len(arguments) else 0
    program = seccomp.compile_program(machine)
    at = accumulator = 0
    while True:
        operation, if_true, if_false, constant = program[at]
        at += 1
        if operation == 0x06:
            return constant
        if operation == 0x20:
            accumulator = words[constant]
        elif operation == 0x15:
            at += if_true if accumulator == constant else if_false
        else:
            assert operation == 0x35
            at += if_true if accumulator >= constant else if_false


@pytest.fixture(params=[("x86_64", 0), ("aarch64", 1)], ids=lambda param: param[0])
def column(request: pytest.FixtureRequest) -> tuple[str, int]:
    """An architecture and its column in the tables."""
    param: tuple[str, int] = request.param
    return param


def test_programs_fit_the_kernel(column: tuple[str, int]) -> None:
    program = seccomp.compile_program(column[0])
    assert len(program) < 512
    for operation, if_true, if_false, _ in program:
        assert max(if_true, if_false) < 256
        assert operation in (0x06, 0x15, 0x20, 0x35)


def test_dangerous_calls_are_refused(column: tuple[str, int]) -> None:
    machine, which = column
    for name, numbers in REFUSED.items():
        if numbers[which] >= 0:
            assert verdict(machine, numbers[which]) == EPERM, name


def test_computing_needs_what_is_allowed(column: tuple[str, int]) -> None:
    machine, which = column
    for name, numbers in {"read": (0, 63), "mmap": (9, 222), "exit_group": (231, 94)}.items():
        assert verdict(machine, numbers[which]) == ALLOW, name


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(ARCHES)))
def test_all_else_is_refused(number: int, machine: str) -> None:
    which = sorted(ARCHES, reverse=True).index(machine)
    known = {row[which] for row in seccomp._ALLOWED.values()}
    checked = {row[0][which] for row in seccomp._RESTRICTED.values()}
    if number not in known | checked:
        assert verdict(machine, number) == (ENOSYS if number >= 435 else EPERM)
    assert verdict(machine, number, arch=0x40000003) == KILL


def test_arguments_are_checked(column: tuple[str, int]) -> None:
    machine, which = column
    numbers = {name: row[0][which] for name, row in seccomp._RESTRICTED.items()}
    assert verdict(machine, numbers["kill"], SELF, 9) == ALLOW
    for victim in (0, 1, 2**32 - 2, 4242):
        assert verdict(machine, numbers["kill"], victim, 9) == EPERM
        assert verdict(machine, numbers["tgkill"], victim, victim, 9) == EPERM
    assert verdict(machine, numbers["prlimit64"], 0, 7) == ALLOW
    assert verdict(machine, numbers["prlimit64"], 1, 7) == EPERM
    for command in (5, 6, 7, 8, 10, 15, 1024, 1026, 1033):  # locks, owners, leases, seals
        assert verdict(machine, numbers["fcntl"], 3, command) == EPERM
    assert verdict(machine, numbers["ioctl"], 1, 0x541B) == ALLOW
    assert verdict(machine, numbers["ioctl"], 1, 0x5412) == EPERM  # TIOCSTI
