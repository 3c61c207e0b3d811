"""Programs that behave differently the second time: by clocks, chance, addresses, or memory."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from generators.records import OutcomeStatus, Problem, Split
from generators.sandbox.pool import Job, JobResult, SandboxPool
from generators.trace_plan import DropReason, ProgramTraces, TracePlan
from generators.tracing import FIRST, trace_programs

Runner = Callable[..., JobResult]

# Each hangs in its first process and is cleverer in one that finds what the first one left.
REMEMBERING = {
    "a file": ("import os\nagain = os.path.exists('/tmp/seen')\nopen('/tmp/seen', 'w').close()\n"),
    "a hidden folder": (
        "import os\nagain = os.path.isdir('/tmp/.a/b')\nos.makedirs('/tmp/.a/b', exist_ok=True)\n"
    ),
    "a module": "import json\nagain = hasattr(json, 'seen')\njson.seen = 1\n",
    "the interpreter": "import sys\nagain = hasattr(sys, 'seen')\nsys.seen = 1\n",
    "the environment": "import os\nagain = 'SEEN' in os.environ\nos.environ['SEEN'] = '1'\n",
    "the seed": "import random\nagain = random.random() != random.Random(0).random()\n",
    "byte code": (
        "import os, sys\nopen('m.py', 'w').write('x = 1')\nsys.path.insert(0, '/tmp')\n"
        "again = os.path.exists('/tmp/__pycache__')\nsys.dont_write_bytecode = False\nimport m\n"
    ),
    "its priority": f"import os\nagain = os.getpriority(0, 0) != {os.getpriority(0, 0)}\n",
}


@pytest.mark.parametrize("name", REMEMBERING)
def test_a_timeout_cannot_be_talked_away_in_the_second_run(run: Runner, name: str) -> None:
    code = f"{REMEMBERING[name]}def f():\n    while not again:\n        pass\n    return 'clever'\n"
    outcome = run(code, "f()").steps[0]
    assert outcome.status is OutcomeStatus.TIMEOUT, outcome


# What a function of one number returns: never twice the same, or not in the second run.
FICKLE = {
    "clock": "import time\ndef f(n):\n    return time.time_ns()",
    "stop watch": "import time\ndef f(n):\n    return time.perf_counter()",
    "CPU clock": "import time\ndef f(n):\n    return n, time.process_time_ns() // 1000",
    "date": "import datetime\ndef f(n):\n    return datetime.datetime.now().microsecond, n",
    "chance": "import random\ndef f(n):\n    return random.randrange(10 ** 6)",
    "chance with a seed": "import random\nr = random.Random()\ndef f(n):\n    return r.random()",
    "chance of the system": "import os\ndef f(n):\n    return os.urandom(4)",
    "chance in a sample": "import random\ndef f(n):\n    return random.sample(range(99), 3)",
    "secrets": "import secrets\ndef f(n):\n    return secrets.token_hex(4)",
    "uuid": "import uuid\ndef f(n):\n    return str(uuid.uuid4())",
    "hash seed": "def f(n):\n    return hash(str(n))",
    "order of a set": "def f(n):\n    return list({str(n + i) for i in range(9)})",
    "address": "def f(n):\n    return id(object()) // 16",
    "repr with an address": "def f(n):\n    return repr(object())",
    "the second sandbox": "def f(n):\n    return n, hash('a') == {}",
    "the recorder": "import sys\ndef f(n):\n    return n, sys.gettrace() is None",
    "the recorder's name": (
        "import builtins\ndef f(n):\n    return n, '@reached' in vars(builtins)"
    ),
    "calls before": "import os\ndef f(n):\n    open(f'/tmp/{n}', 'w')\n"
    "    return len(os.listdir('/tmp'))",
    "whether it was called": (
        "seen = []\ndef f(n):\n    seen.append(n)\n    return len(seen) > 1, n"
    ),
    "the last call": "last = [0]\ndef f(n):\n    last.append(n)\n    return last[-2]",
}  # fmt: skip


def first_hash() -> str:
    """``hash('a')`` in the first sandbox, as a hostile author could find out."""
    with SandboxPool(workers=1, variant=FIRST) as pool:
        return str(pool.run_one(Job(key="", code="", steps=("hash('a')",))).steps[0].value)


def make_problem(code: str, *tests: str) -> Problem:
    return Problem(
        source="toy",
        task_id=1,
        text="",
        code=code,
        test_list=tuple(f"assert {test}" for test in tests),
        split=Split.TRAIN,
    )


def traced(code: str, *numbers: int) -> ProgramTraces:
    """Trace with asserts whose expected values are not looked at: they are what comes out."""
    tests = [f"f({n}) == {n}" for n in numbers]
    (result,) = trace_programs([make_problem(code, *tests)], TracePlan(inputs=8), workers=1)
    return result


@pytest.mark.parametrize("name", FICKLE)
@pytest.mark.parametrize("numbers", [(3, 5, 8), (3, 5, 8, 11)], ids=["odd", "even"])
def test_what_differs_in_the_second_run_gives_no_trace(name: str, numbers: tuple[int, ...]) -> None:
    code = FICKLE[name]
    hostile = code.format(first_hash()) if name == "the second sandbox" else code
    result = traced(hostile, *numbers)
    assert result.traces == ()
    assert result.drops[DropReason.NONDETERMINISTIC] >= len(numbers)


STATEFUL = {
    "more than two": "len(seen) > 2",
    "more than three": "len(seen) > 3",
    "more than seven": "len(seen) > 7",
    "every other one": "len(seen) % 2 == 0",
    "every third one": "len(seen) % 3 == 0",
}


@pytest.mark.parametrize("name", STATEFUL)
@pytest.mark.parametrize("numbers", [(3, 5, 8), (8, 11, 5, 3)], ids=["odd", "even"])
def test_a_trace_shows_what_the_call_gives_in_a_fresh_process(
    name: str, numbers: tuple[int, ...]
) -> None:
    """Some calls may agree in both runs on what the ones before them left."""
    code = f"seen = []\ndef f(n):\n    seen.append(n)\n    return {STATEFUL[name]}, n"
    result = traced(code, *numbers)
    assert all(trace.output.startswith("(False, ") for trace in result.traces)
    assert result.drops[DropReason.NONDETERMINISTIC] > 0


def test_what_is_the_same_twice_gives_traces() -> None:
    code = "import random, time\ndef f(n):\n    random.seed(n)\n    return random.random(), n"
    result = traced(code, 3, 5, 8)
    assert result.drops[DropReason.WRONG_VALUE] == 3
    assert len(result.traces) == 8
