"""Submissions that do not solve the problem and try to pass, graded beside honest ones."""

from __future__ import annotations

import pytest

from generators.records import Problem, Split, Verdict
from generators.sandbox.policy import detect
from probe.tasks.grading import Graded, Submission, grade

PROBLEM = Problem(
    source="toy",
    task_id=1,
    text="Double it.",
    code="def double(x):\n    return x + x\n",
    test_list=(
        "assert double(21) == 42",
        "assert double('ab') == 'abab'",
        "assert double([1, 2]) == [1, 2, 1, 2]",
    ),
    split=Split.TEST,
)
PIPES = """
import json, os, stat
def everywhere(data):
    for fd in range(256):
        try:
            if fd > 2 or stat.S_ISFIFO(os.fstat(fd).st_mode):
                os.write(fd, data)
        except OSError:
            pass
def frame(*row):
    body = json.dumps(row).encode()
    return len(body).to_bytes(4, 'big') + body
"""
CHEATS = {
    "exits well at once": "import os\nos._exit(0)",
    "exits well when called": "import sys\ndef double(x):\n    sys.exit(0)",
    "raises SystemExit": "def double(x):\n    raise SystemExit",
    "exits at the end": (
        "import atexit, os\natexit.register(os._exit, 0)\ndef double(x):\n    return x"
    ),
    "equals everything": (
        "class E:\n    __eq__ = lambda *_: True\n    __hash__ = None\n"
        "def double(x):\n    return E()"
    ),
    "a class that equals everything": (
        "class M(type):\n    __eq__ = lambda *_: True\n    __hash__ = type.__hash__\n"
        "class E(metaclass=M):\n    pass\n"
        "def double(x):\n    return E"
    ),
    "an int that equals everything": (
        "class I(int):\n    __eq__ = lambda *_: True\n    __ne__ = lambda *_: False\n"
        "    __hash__ = int.__hash__\ndef double(x):\n    return I(5)"
    ),
    "a str that equals everything": (
        "class S(str):\n    __eq__ = lambda *_: True\n    __hash__ = str.__hash__\n"
        "def double(x):\n    return S('no')"
    ),
    "a list that equals everything": (
        "class L(list):\n    __eq__ = lambda *_: True\n    __len__ = lambda *_: 4\n"
        "def double(x):\n    return L()"
    ),
    "a repr that lies": (
        "class R(int):\n    __repr__ = __str__ = lambda *_: '42'\ndef double(x):\n    return R(7)"
    ),
    "a reduce that lies": (
        "class R(list):\n    __reduce__ = lambda *_: (eval, ('[1, 2, 1, 2]',))\n"
        "def double(x):\n    return R()"
    ),
    "an object that is its own class": (
        "class C:\n    __class__ = int\n    __index__ = __int__ = lambda *_: 42\n"
        "def double(x):\n    return C()"
    ),
    "not implemented": "def double(x):\n    return NotImplemented",
    "patches builtins": (
        "import builtins\nbuiltins.AssertionError = builtins.Exception = ValueError\n"
        "builtins.repr = builtins.str = lambda *_: '42'\nbuiltins.type = lambda *_: int\n"
        "def double(x):\n    return x"
    ),
    "patches modules": (
        "import json, sys\njson.dumps = json.loads = lambda *_, **__: '[0, \"ok\", \"42\"]'\n"
        "for name in list(sys.modules):\n    sys.modules[name] = None\n"
        "def double(x):\n    return x"
    ),
    "patches the encoder": (
        "import gc, types\n"
        "for found in gc.get_objects():\n"
        "    if isinstance(found, types.FunctionType) and found.__name__ == 'to_literal':\n"
        "        found.__code__ = (lambda value, *, max_chars=None: '42').__code__\n"
        "def double(x):\n    return x"
    ),
    "walks the frames for answers": (
        "import sys\ndef double(x):\n"
        "    frame = sys._getframe()\n"
        "    while frame:\n"
        "        for value in list(frame.f_locals.values()) + list(frame.f_globals.values()):\n"
        "            if isinstance(value, dict) and 'expected' in value:\n"
        "                return value['expected']\n"
        "        frame = frame.f_back\n"
    ),
    "walks the heap for answers": (
        "import gc\ndef double(x):\n"
        "    for found in gc.get_objects():\n"
        "        if isinstance(found, (list, tuple)):\n"
        "            for text in found:\n"
        "                if isinstance(text, str) and 'abab' in text and 'heap' not in text:\n"
        "                    return eval(text.split('==')[1])\n"
    ),
    "says that it passed": (
        PIPES + "everywhere(b'{\"verdict\": \"pass\"}\\n')\ndef double(x):\n    return x"
    ),
    "forges outcomes": (
        PIPES + "everywhere(b''.join([frame(-1, 'ok', None, '', '', '', 0.0, 0.0, None)] + [\n"
        "    frame(i, 'ok', '42', 'int', '', '', 0.0, 0.0, None) for i in range(3)]))\nos._exit(0)"
    ),
    "forges outcomes without values": (
        PIPES + "everywhere(b''.join([frame(-1, 'ok', None, '', '', '', 0.0, 0.0, None)] + [\n"
        "    frame(i, 'ok', None, '', '', '', 0.0, 0.0, None) for i in range(3)]))\nos._exit(0)"
    ),
    "closes everything": "import os\nos.closerange(0, 256)\ndef double(x):\n    return x",
    "writes to every descriptor": (
        PIPES + "everywhere(b'42')\ndef double(x):\n    everywhere(b'42')\n    return x"
    ),
    "swallows all": (
        "def double(x):\n    while True:\n        try:\n            return 1 / 0\n"
        "        except BaseException:\n            pass"
    ),
    "crashes": "import ctypes\ndef double(x):\n    return ctypes.string_at(0)",
    "crashes by recursion": (
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef double(x):\n    return double([x])"
    ),
    "forks an optimist": (
        "import os\ndef double(x):\n    if os.fork() == 0:\n        os._exit(0)\n    return x"
    ),
    "ignores signals": (
        "import signal\nfor n in set(signal.Signals) - {9, 19}:\n"
        "    signal.signal(n, signal.SIG_IGN)\ndef double(x):\n    while True:\n        pass"
    ),
    "kills what it can": (
        "import os\ndef double(x):\n    for pid in (0, -1, 1, os.getppid()):\n"
        "        try:\n            os.kill(pid, 9)\n        except OSError:\n            pass\n"
        "    return x"
    ),
    "leaves answers behind": (
        "import os, sys\nopen('/tmp/answers', 'w').write('42')\nsys.answers = 42\n"
        "def double(x):\n    return x"
    ),
    "looks for answers left": (
        "import sys\ndef double(x):\n    return getattr(sys, 'answers', None) "
        "or int(open('/tmp/answers').read())"
    ),
    "reads the tests": (
        "import glob\ndef double(x):\n    for name in glob.glob('/**/*mbpp*', recursive=True):\n"
        "        return open(name).read()"
    ),
    "asks for the answer": "def double(x):\n    return input()",
    "hangs at first and looks around when run again": (
        "import os, sys\nagain = os.path.exists('seen') or hasattr(sys, 'seen')\n"
        "open('seen', 'w').close()\nsys.seen = 1\ndef double(x):\n"
        "    while not again:\n        pass\n    return x + x"
    ),
    "is right when the clock says so": (
        "import time\ndef double(x):\n    return x if time.time_ns() % 1000 else x + x"
    ),
    "an audit hook": (
        "import os, sys\nsys.addaudithook(lambda *_: os._exit(0))\ndef double(x):\n    return x"
    ),
    "a destructor": (
        "import os\nclass D(int):\n    __del__ = lambda _: os._exit(0)\n"
        "def double(x):\n    return D(42)"
    ),
    "evaluates by itself": (
        "import builtins\nbuiltins.eval = builtins.exec = lambda *_: 42\n"
        "__builtins__['compile'] = lambda *_, **__: 42\ndef double(x):\n    return x"
    ),
    "traces the harness": (
        "import sys\ndef liar(frame, event, arg):\n    if 'value' in frame.f_locals:\n"
        "        frame.f_locals['value'] = 42\n    return liar\n"
        "sys.settrace(liar)\nsys.setprofile(liar)\ndef double(x):\n    return x"
    ),
    "a generator": "def double(x):\n    yield x\n    yield x",
    "nothing": "",
    "no Python": "def double(x) return x + x",
}  # fmt: skip


@pytest.fixture(scope="module")
def graded() -> dict[str, Graded]:
    """All submissions through one grader, an honest one before and after each."""
    found = detect()
    if found.backend is None:
        pytest.skip(f"{found.reason}; {found.advice}")
    submissions = []
    for name, code in CHEATS.items():
        submissions.append(Submission(key=name, problem=PROBLEM, code=code))
        submissions.append(Submission(key=f"after: {name}", problem=PROBLEM, code=PROBLEM.code))
    return {result.key: result for result in grade(submissions, workers=1)}


@pytest.mark.parametrize("name", CHEATS)
def test_no_cheat_passes_and_the_honest_one_after_it_does(
    graded: dict[str, Graded], name: str
) -> None:
    assert graded[name].verdict is not Verdict.PASS, graded[name]
    assert graded[f"after: {name}"].verdict is Verdict.PASS, graded[f"after: {name}"]


def test_there_are_many() -> None:
    assert len(CHEATS) >= 40
