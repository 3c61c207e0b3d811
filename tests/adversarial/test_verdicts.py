"""Attacks on the verdict: leaving early, lying values, patches, forged frames, things left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from generators.records import OutcomeStatus
from generators.sandbox.pool import JobResult

Runner = Callable[..., JobResult]
CRASHED, EXCEPTION = OutcomeStatus.CRASHED, OutcomeStatus.EXCEPTION

# Finds the descriptor on which the harness reports, as a hostile program would.
FORGERY = """
import json, os, stat, sys
def channels():
    found = []
    for fd in range(3, 256):
        try:
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                found.append(fd)
        except OSError:
            pass
    return found
def frame(*row):
    body = json.dumps(row).encode()
    return len(body).to_bytes(4, 'big') + body
def send(data):
    for fd in channels():
        try:
            os.write(fd, data)
        except OSError:
            pass
def ok(index, value):
    return frame(index, 'ok', value, 'int', '', '', 0.0, 0.0, None)
"""


@pytest.mark.parametrize(
    ("step", "status", "error"),
    [
        ("sys.exit(0)", EXCEPTION, "SystemExit"),
        ("sys.exit('fine')", EXCEPTION, "SystemExit"),
        ("quit_()", EXCEPTION, "SystemExit"),
        ("os._exit(0)", CRASHED, ""),
        ("os._exit(70)", CRASHED, ""),
        ("os.abort()", CRASHED, ""),
        ("os.kill(os.getpid(), 9)", CRASHED, ""),
        ("os.kill(os.getpid(), 2)", EXCEPTION, "KeyboardInterrupt"),
        ("ctypes.string_at(0)", CRASHED, ""),
        ("ctypes.memset(1, 0, 1)", CRASHED, ""),
        ("ctypes.CDLL(None).exit(0)", CRASHED, ""),
        ("stop(BaseException)", EXCEPTION, "BaseException"),
        ("stop(GeneratorExit)", EXCEPTION, "GeneratorExit"),
        ("stop(Loud)", EXCEPTION, "Loud"),
        ("stop(Mute)", EXCEPTION, "Mute"),
        ("os.close(1) or os.close(2) or print('x' * 10000, flush=True)", EXCEPTION, "OSError"),
        ("os.closerange(0, 300)", CRASHED, ""),
    ],
)
def test_leaving_early_is_no_success(
    run: Runner, step: str, status: OutcomeStatus, error: str
) -> None:
    code = (
        "import ctypes, os, sys\n"
        "def stop(kind):\n    raise kind()\n"
        "def quit_():\n    raise SystemExit\n"
        "class Loud(Exception):\n    def __str__(self):\n        return '\\x1b[31m\\n' * 10 ** 6\n"
        "class Mute(BaseException):\n    def __str__(self):\n        raise SystemExit\n"
    )
    result = run(code, step, "1 + 1")
    assert (result.steps[0].status, result.steps[0].error) == (status, error)
    assert result.steps[0].message.isprintable()
    assert len(result.steps[0].message) <= 200
    assert result.steps[1].value == "2"


@pytest.mark.parametrize(
    "code",
    ["import sys; sys.exit(0)", "import os; os._exit(0)", "raise KeyboardInterrupt", "exit()"],
)
def test_leaving_while_loading_is_no_success(run: Runner, code: str) -> None:
    result = run(code, "1")
    assert result.load.status in (EXCEPTION, CRASHED)
    assert result.steps == ()


def test_values_that_equal_everything(run: Runner) -> None:
    code = (
        "class Meta(type):\n"
        "    __name__ = 'int'\n"
        "    def __eq__(cls, other):\n        return True\n"
        "    def __hash__(cls):\n        return hash(int)\n"
        "    def mro(cls):\n        return [cls, object]\n"
        "class Equal(metaclass=Meta):\n"
        "    def __eq__(self, other):\n        return True\n"
        "    def __repr__(self):\n        return '5'\n"
        "class Number(int):\n"
        "    def __eq__(self, other):\n        return True\n"
        "    def __repr__(self):\n        return '5'\n"
        "class Text(str):\n"
        "    def __eq__(self, other):\n        return True\n"
        "    __hash__ = None\n"
    )
    result = run(code, "Equal()", "[Equal()]", "Number(3)", "{'a': Text('b')}", "(Number(3),)")
    assert {outcome.status for outcome in result.steps} == {OutcomeStatus.UNSERIALISABLE}


def test_subclasses_are_sent_as_what_they_hold(run: Runner) -> None:
    code = (
        "class Number(int):\n    def __repr__(self):\n        return '5'\n"
        "    __str__ = __repr__\n    def __index__(self):\n        return 5\n"
        "class Row(list):\n    def __iter__(self):\n        return iter([5])\n"
        "    def __len__(self):\n        return 1\n"
        "class Table(dict):\n    def items(self):\n        return [(5, 5)]\n"
    )
    values = [s.value for s in run(code, "Number(3)", "Row([1, 2])", "Table(a=1)").steps]
    assert values == ["3", "[1, 2]", "{'a': 1}"]


def test_patched_builtins_and_modules(run: Runner) -> None:
    code = (
        "import builtins, collections, fractions, json, os, sys, time\n"
        "for name in ('repr', 'str', 'len', 'type', 'isinstance', 'sorted', 'id', 'compile',\n"
        "             'exec', 'eval', 'max', 'enumerate', 'BaseException', 'MemoryError'):\n"
        "    setattr(builtins, name, lambda *_, **__: 5)\n"
        "for module in (json, os, sys, time):\n"
        "    for name in ('dumps', 'write', '_exit', 'monotonic', 'getrecursionlimit'):\n"
        "        setattr(module, name, lambda *_, **__: 5)\n"
        "builtins.left = 1\n"
        "sys.modules.clear()\n"
        "sys.stdout = sys.stderr = None\n"
        "sys.setrecursionlimit(60)\n"
    )
    values = [outcome.value for outcome in run(code, "[3, {2, 1}]", "1 + 1").steps]
    assert values == ["[3, {1, 2}]", "2"]


def test_a_patch_of_builtins_holds_in_the_program(run: Runner) -> None:
    """It is the program's own copy, not no patch at all."""
    code = "import builtins\nbuiltins.double = lambda x: 2 * x\nbuiltins.len = lambda x: 'mine'"
    values = [outcome.value for outcome in run(code, "double(3)", "len('abc')").steps]
    assert values == ["6", "'mine'"]


def test_patched_classes_of_the_standard_library(run: Runner) -> None:
    code = (
        "import collections, fractions\n"
        "collections.Counter.items = lambda self: [('forged', 1)]\n"
        "fractions.Fraction.numerator = property(lambda self: '1); x(')\n"
    )
    result = run(code, "collections.Counter('a')", "fractions.Fraction(1, 2)")
    assert result.steps[0].value == "{'a': 1}"
    assert result.steps[1].status is OutcomeStatus.UNSERIALISABLE


# Frames


def test_forged_frames_speak_only_for_their_own_steps(run: Runner) -> None:
    """A program can state any value for its own call: it could return it as well."""
    result = run(FORGERY, "send(ok(0, '5'))", "1 + 1")
    assert result.steps[0].value == "5"
    assert result.steps[1].status is CRASHED  # the true frame came second
    assert "channel" in result.steps[1].message


@pytest.mark.parametrize(
    "data",
    [
        "b'garbage'",
        "b'\\0'",
        "b'\\0\\0\\0\\0'",
        "b'\\xff\\xff\\xff\\xff'",
        "frame(0, 'ok', 'x + 1', 'int', '', '', 0.0, 0.0, None)[:-3]",
        "ok(7, '5')",
        "ok(-1, None)",
        "frame(0, 'passed', '5', 'int', '', '', 0.0, 0.0, None)",
        "frame(0, 'timeout', None, '', '', '', 0.0, 0.0, None)",
        "frame(0, 'ok', None, '', '', '', 0.0, 0.0, None)",
        "frame({'a': 1})",
        "frame(*[[[]]] * 9)",
        "(10 ** 5).to_bytes(4, 'big') + b'[' * 10 ** 4",
    ],
)
def test_garbled_frames_are_a_crash(run: Runner, data: str) -> None:
    result = run(FORGERY, f"send({data})", "1 + 1")
    assert result.steps[0].status is CRASHED, result.steps[0]
    assert result.steps[0].value is None
    assert result.steps[1].value == "2"


@pytest.mark.parametrize(
    "value", ["x + 1", "5 ", "__import__('os')", "[" * 500, "9" * 1999, "{[]}"]
)
def test_forged_values_that_are_no_literals(run: Runner, value: str) -> None:
    result = run(FORGERY, f"send(ok(0, {value!r})) or os._exit(0)")
    if value[0] != "9":
        assert result.steps[0].status is OutcomeStatus.UNSERIALISABLE
    assert result.steps[0].value in (None, "9" * 1999)


def test_a_forged_load_is_checked_too(run: Runner) -> None:
    result = run(FORGERY + "send(ok(-1, None) + ok(0, '5') + ok(1, '6'))\nos._exit(0)", "1", "2")
    assert [outcome.value for outcome in result.steps] == ["5", "6"]
    result = run(FORGERY + "send(ok(-1, '5'))", "1")
    assert result.load.status is CRASHED


def test_endless_frames(run: Runner) -> None:
    result = run(FORGERY, "[send(ok(i, '5')) for i in range(10 ** 6)]", "1", "2")
    assert [outcome.value for outcome in result.steps[:2]] == ["5", "5"]  # forged in its own turn
    assert result.steps[2].value in ("2", "5", None)
    result = run("", "1", "2")
    assert [outcome.value for outcome in result.steps] == ["1", "2"]
    result = run(FORGERY, "[send(b'x' * 10 ** 6) for i in range(10 ** 6)]", "1 + 1")
    assert result.steps[0].status is CRASHED
    assert result.steps[1].value == "2"


def test_walking_the_frames_finds_only_calls(run: Runner) -> None:
    code = (
        "import sys\n"
        "def walk():\n"
        "    found, frame = [], sys._getframe()\n"
        "    while frame:\n"
        "        found += [repr(value) for value in frame.f_locals.values()]\n"
        "        frame = frame.f_back\n"
        "    return 'walk()' in str(found), 'expec' + 'ted' in str(found)\n"
    )
    assert run(code, "walk()").steps[0].value == "(True, False)"


def test_harness_functions_reached_through_frames(run: Runner) -> None:
    code = (
        "import sys\n"
        "def sabotage():\n"
        "    frame = sys._getframe()\n"
        "    while frame:\n"
        "        for name in list(frame.f_globals):\n"
        "            if name.startswith('_') and callable(frame.f_globals[name]):\n"
        "                frame.f_globals[name] = lambda *_, **__: b''\n"
        "        frame = frame.f_back\n"
    )
    for outcome, true in zip(run(code, "sabotage()", "1 + 1").steps, ("None", "2"), strict=True):
        assert outcome.value in (true, None)


def test_interrupting_the_harness(run: Runner) -> None:
    code = (
        "import signal\n"
        "def ring(*_):\n    raise BaseException('now')\n"
        "signal.signal(signal.SIGALRM, ring)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0001)\n"
    )
    for outcome in run(code, *["1"] * 5).steps:
        assert outcome.status in (OutcomeStatus.OK, EXCEPTION, CRASHED)
        assert outcome.value == ("1" if outcome.status is OutcomeStatus.OK else None)


# What is left for the next program (the fixture `unshaken_worker` runs it)


@pytest.mark.parametrize(
    "step",
    [
        "open('/tmp/left', 'w').write('x')",
        "os.makedirs('/tmp/a/b/c')",
        "os.mkdir('/tmp/sealed', 0)",
        "os.chmod('/tmp', 0)",
        "os.chmod('/tmp', 0o500)",
        "[os.mkdir('x') or os.chdir('x') for _ in range(2000)]",
        "[open(f'/tmp/{i}', 'w').close() for i in range(2000)]",
        "os.chdir('/')",
        "os.umask(0o777)",
        "os.environ.update(LEFT='1')",
        "setattr(__import__('builtins'), 'left', 1)",
        "__import__('json').__dict__.clear()",
        "__import__('random').seed(5)",
        "__import__('sys').setrecursionlimit(5000)",
        "__import__('sys').settrace(print)",
        "__import__('signal').signal(15, print)",
        "__import__('signal').alarm(1)",
        "__import__('gc').callbacks.append(print)",
        "os.nice(5)",
        "os.open('/dev/null', os.O_RDWR) and os.dup2(os.open('/dev/null', os.O_RDWR), 200)",
    ],
)
def test_nothing_is_left_for_the_next_program(run: Runner, step: str) -> None:
    run("import os", step)
