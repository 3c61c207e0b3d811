"""Attacks on time, memory and output: each ends, in time, with the right name."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from generators.records import OutcomeStatus
from generators.sandbox.policy import Limits
from generators.sandbox.pool import JobResult

Runner = Callable[..., JobResult]


SPIN = "[0 for _ in iter(int, 1)]"
STUBBORN = """
def f():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""
DUNDERS = """
def spin(*_):
    while True:
        pass
class E(Exception):
    __str__ = __eq__ = __hash__ = __del__ = __repr__ = spin
def f():
    raise E
"""
WRITERS = """
import ctypes, os, stat, sys
libc = ctypes.CDLL(None)
def zeros(kept=[]):
    if not kept:
        open('zeros', 'wb').write(bytes(4096))
        kept.append(os.open('zeros', os.O_RDONLY))
    return kept[0]
def pipes(kept=[]):
    for fd in range(3, 256) if not kept else ():
        try:
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                kept.append(fd)
        except OSError:
            pass
    return kept
"""
UNSORTED = """
class Key:
    def __init__(self, *_):
        pass
    def __lt__(self, other):
        while True:
            pass
    __gt__ = __eq__ = __lt__
"""
DEAF = """
import signal
for number in set(signal.Signals) - {9, 19}:
    signal.signal(number, signal.SIG_IGN)
"""


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("", SPIN),
        (STUBBORN, "f()"),
        (DEAF, SPIN),
        (DUNDERS, "E() == 1"),
        (DUNDERS, "f()"),
        (DUNDERS, "E() and 1"),
        ("import sys\nsys.settrace(lambda *_: None)", SPIN),
        ("", "pow(3, 10 ** 9)"),
        ("", "3 ** (2 ** 25) % 7"),
        ("", "str(9 ** 9 ** 7)[0]"),
        ("import re", "re.match('(a*)*b', 'a' * 40)"),
        ("import itertools", "sum(itertools.count())"),
        ("import itertools", "sorted([1, 2], key=lambda x: sum(itertools.repeat(1)))"),
        ("import itertools", "max(itertools.cycle([1]))"),
        ("import collections, itertools", "collections.deque(itertools.repeat(0), maxlen=0)"),
        ("import itertools", "any(not row for row in itertools.product((0, 1), repeat=99))"),
        (UNSORTED, "sorted([Key(), Key()])"),
        (UNSORTED, "sorted([1, 2], key=Key)"),
        (UNSORTED, "max(Key(), Key())"),
        (UNSORTED, "Key() in [Key()]"),
        ("import re", "re.sub('(x+x+)+y', '', 'x' * 60)"),
        ("import re", "re.fullmatch('(.*a){20}', 'a' * 60 + '!')"),
        ("", "pow(7, 10 ** 400_000, 10 ** 400_000 + 1)"),
        ("", "'a' * 10 ** 6 in ('a' * 10 ** 5 + 'b') * 1000 and 0 or [0 for _ in iter(int, 1)]"),
        ("import math", "math.factorial(10 ** 8)"),
        ("import math", "math.comb(10 ** 7, 5 * 10 ** 6)"),
        ("import json", "[json.loads('[' * 900 + ']' * 900) for _ in iter(int, 1)]"),
    ],
)
def test_endless_work_is_a_timeout(run: Runner, code: str, step: str) -> None:
    started = time.monotonic()
    result = run(code, step, "1 + 1")
    assert result.steps[0].status is OutcomeStatus.TIMEOUT, result.steps[0]
    assert result.steps[1].value == "2"
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    "step",
    [
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "time.sleep(1000)",
        "select.select([], [], [])",
        "signal.pause()",
        "os.read(os.pipe()[0], 1)",
    ],
)
def test_endless_waiting_is_a_timeout(run: Runner, step: str) -> None:
    limits = Limits(cpu_seconds=1.0, wall_seconds=0.5)
    result = run("import os, select, signal, time", step, "1 + 1", limits=limits)
    assert result.steps[0].status is OutcomeStatus.TIMEOUT
    assert result.steps[1].value == "2"


def test_endless_load(run: Runner) -> None:
    result = run("while True:\n    pass", "1")
    assert (result.load.status, result.steps) == (OutcomeStatus.TIMEOUT, ())


@pytest.mark.parametrize(
    "step",
    [
        "bytearray(1 << 40)",
        "[0] * (1 << 36)",
        "'x' * (1 << 36)",
        "list(range(10 ** 9))",
        "f()",
        "keep()",
        "1 << (1 << 36)",
        "mmap.mmap(-1, 1 << 32)",
        "slowly()",
        "f'{1:>{1 << 36}}'",
        "'%*d' % (1 << 30, 1)",
        "('ab' * 10 ** 6).replace('a', 'x' * 10 ** 6)",
        "','.join(['x' * 10 ** 6] * 10 ** 6)",
        "(1 << 10 ** 8) * (1 << 10 ** 10)",
        "int.from_bytes(bytes(1 << 29), 'big')",
        "[[0] * 10 ** 7 for _ in range(10 ** 6)]",
        "{i: str(i) * 100 for i in range(10 ** 8)}",
        "'x'.encode('utf-32') * (1 << 36)",
    ],
)
def test_memory_bombs(run: Runner, step: str) -> None:
    code = (
        "import mmap, time\n"
        "kept = []\n"
        "def f():\n    x = [b'x' * 1000]\n    while True:\n        x = x + x\n"
        "def keep():\n    while True:\n        kept.append(bytearray(1 << 20))\n"
        "def slowly():\n    while True:\n        time.sleep(0.01)\n"
        "        kept.append(bytearray(b'x' * (2 << 20)))\n"
    )
    limits = Limits(cpu_seconds=10, wall_seconds=20, memory_bytes=256 << 20)
    outcome = run(code, step, limits=limits).steps[0]
    if step.startswith("mmap"):
        assert outcome.error == "OSError"
    else:
        assert outcome.status is OutcomeStatus.MEMORY, outcome


@pytest.mark.parametrize(
    "step",
    [
        "[print('x' * 1000) for _ in iter(int, 1)]",
        "[sys.stderr.write('x' * 1000) for _ in iter(int, 1)]",
        "[os.write(1, b'x' * 1000) for _ in iter(int, 1)]",
        "[os.write(2, b'x') for _ in iter(int, 1)]",
        "print('x' * 100_001)",
        "[sys.__stdout__.write('x' * 1000) for _ in iter(int, 1)]",
        "[sys.stdout.buffer.raw.write(b'x' * 1000) for _ in iter(int, 1)]",
        "[os.writev(2, [b'x' * 500] * 2) for _ in iter(int, 1)]",
        "[os.write(os.dup(1) if i < 9 else 1, b'x' * 1000) for i, _ in enumerate(iter(int, 1))]",
        "[libc.write(1, b'x' * 1000, 1000) for _ in iter(int, 1)]",
        "[libc.puts(b'x' * 1000) for _ in iter(int, 1)]",
        "[os.sendfile(1, zeros(), 0, 4096) for _ in iter(int, 1)]",
        "[os.write(fd, b'x' * 999) for _ in iter(int, 1) for fd in pipes()[-1:]]",
    ],
)
def test_endless_output(run: Runner, step: str) -> None:
    limits = Limits(cpu_seconds=5, wall_seconds=20, output_bytes=100_000)
    result = run(WRITERS, step, "1 + 1", limits=limits)
    assert result.steps[0].status is OutcomeStatus.OUTPUT_LIMIT, result.steps[0]
    assert result.steps[1].value == "2"


def test_output_is_charged_to_the_step_that_prints_it(run: Runner, busy_cores: None) -> None:
    limits = Limits(output_bytes=100_000)
    steps = ("print('x' * 49_998)", "print('x' * 49_998)", "print('xyz')")
    for _ in range(100):  # whoever is quicker, the program or the harness
        result = run("", *steps, limits=limits)
        statuses = [outcome.status.value for outcome in result.steps]
        assert statuses == ["ok", "ok", "output_limit"]


def test_output_right_before_the_end_counts(run: Runner, busy_cores: None) -> None:
    limits = Limits(output_bytes=100_000)
    step = "[os.write(1, b'x' * 60_000), os.write(1, b'x' * 40_001), os._exit(0)]"
    for _ in range(50):
        result = run("import os", step, "1", limits=limits)
        statuses = [outcome.status.value for outcome in result.steps]
        assert statuses == ["output_limit", "ok"]


@pytest.mark.parametrize(
    "step",
    ["'x' * 10 ** 7", "[0] * 10 ** 6", "10 ** 4000 * [1]", "10 ** 5000", "shared()", "loop()"],
)
def test_values_too_big_to_send(run: Runner, step: str) -> None:
    code = (
        "def shared():\n    x = 0\n    for _ in range(60):\n        x = [x, x]\n    return x\n"
        "def loop():\n    x = []\n    x.append(x)\n    return x\n"
    )
    outcome = run(code, step).steps[0]
    assert outcome.status in (OutcomeStatus.UNSERIALISABLE, OutcomeStatus.EXCEPTION), outcome


def test_deep_recursion_is_an_exception(run: Runner) -> None:
    result = run("def f(x):\n    return f(x + 1)", "f(0)", "1")
    assert result.steps[0].error == "RecursionError"
    assert result.steps[1].value == "1"


def test_recursion_past_the_stack(run: Runner) -> None:
    code = "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(x):\n    return sorted([x], key=f)"
    outcome = run(code, "f(0)").steps[0]
    assert outcome.status in (OutcomeStatus.CRASHED, OutcomeStatus.MEMORY, OutcomeStatus.TIMEOUT)


@pytest.mark.parametrize(
    "source",
    ["(" * 100_000, "-" * 100_000 + "1", "1" + "+1" * 100_000, "x" * 10**6, "[" * 90 + "]" * 90],
    ids=["brackets", "signs", "sum", "name", "nest"],
)
def test_source_that_hurts_the_compiler(run: Runner, source: str) -> None:
    result = run(source, source)
    known = (OutcomeStatus.EXCEPTION, OutcomeStatus.MEMORY, OutcomeStatus.CRASHED, OutcomeStatus.OK)
    assert result.load.status in known


def test_values_that_are_slow_to_read(run: Runner) -> None:
    """Integers that share one hash make sets quadratic, here and in the parent."""
    limits = Limits(cpu_seconds=5, wall_seconds=20)
    started = time.monotonic()
    result = run("", "{i * (2 ** 61 - 1) for i in range(4000)}", limits=limits)
    assert result.steps[0].status is OutcomeStatus.OK
    assert time.monotonic() - started < 15


def test_many_files(run: Runner) -> None:
    code = "def f():\n    for i in range(10 ** 9):\n        open(f'/tmp/{i}', 'w').close()"
    assert run(code, "f()").steps[0].status in (OutcomeStatus.TIMEOUT, OutcomeStatus.EXCEPTION)
