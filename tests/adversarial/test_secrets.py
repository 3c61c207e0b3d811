"""Attacks on secrets: of the environment, of files, of this process, of the tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from generators.records import OutcomeStatus, Problem, Split, Verdict
from generators.sandbox.pool import Job, SandboxPool
from probe.tasks.grading import Submission, grade

TOKEN = "hf_" + "mNqRvWxYz"  # never whole in any program below
# Reads what the kernel put above the stack of process 1: its arguments, then its environment.
ABOVE_THE_STACK = """
import ctypes, os
libc = ctypes.CDLL(None)
def above():
    start = ctypes.c_void_p.in_dll(libc, 'program_invocation_name').value
    data = ctypes.string_at(start, 4096 - start % 4096)
    return [part for part in data.decode('latin-1').split(chr(0)) if '=' in part]
def environ():
    names = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, 'environ')
    found = []
    while names and names[len(found)]:
        found.append(names[len(found)].decode('latin-1'))
    return found
"""


def test_the_environment_of_the_harness(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that starts while the secret is set does not pass it on."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    steps = ("above()", "environ()", "dict(os.environ)", "os.getenv('HF_TOKEN')")
    with SandboxPool(workers=1) as pool:
        result = pool.run_one(Job(key="", code=ABOVE_THE_STACK, steps=steps))
    values = [outcome.value or "" for outcome in result.steps]
    assert values[1:] == ["[]", "{}", "None"]
    assert TOKEN not in values[0]
    assert "HOME=" not in values[0]
    assert "PATH=" not in values[0]


def test_secret_files(tmp_path: Path, data_dir: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(TOKEN)
    paths = [secret, data_dir, data_dir / "mbpp" / "mbpp.jsonl", Path.cwd()]
    up = "../" * 40
    steps = [
        f"os.stat({way + str(path)!r})"
        for path in paths
        for way in ("", up, "/proc/1/root", "/proc/self/root", "/dev/fd/0/..", "/tmp/" + up)
    ]
    code = "import os\n"
    with SandboxPool(workers=1) as pool:
        result = pool.run_one(Job(key="", code=code, steps=tuple(steps)))
    assert result.load.status is OutcomeStatus.OK
    for step, outcome in zip(steps, result.steps, strict=True):
        assert outcome.error in {"FileNotFoundError", "NotADirectoryError"}, step


def test_the_home_holds_python_at_most() -> None:
    home = str(Path.home())
    code = f"import os\ndef entries():\n    return os.listdir({home!r})\n"
    with SandboxPool(workers=1) as pool:
        outcome = pool.run_one(Job(key="", code=code, steps=("entries()",))).steps[0]
    below = Path(sys.base_prefix).is_relative_to(home)
    python = [Path(sys.base_prefix).relative_to(home).parts[0]] if below else []
    assert outcome.value == str(python) or outcome.error == "FileNotFoundError"


HIT = "def hit(text):\n    return ''.join(['hf', '_mN']) in text\n"
SEARCHES = {
    "the heap": (
        "import gc\n"
        "def f(x):\n"
        "    seen, found, todo = set(), [], list(gc.get_objects())\n"
        "    while todo:\n"
        "        item = todo.pop()\n"
        "        if id(item) in seen:\n"
        "            continue\n"
        "        seen.add(id(item))\n"
        "        if type(item) in (str, bytes):\n"
        "            text = item if type(item) is str else item.decode('latin-1')\n"
        "            found += [text] if hit(text) else []\n"
        "        else:\n"
        "            todo += gc.get_referents(item)\n"
        "    return found\n"
    ),
    "the frames": (
        "import sys\n"
        "def f(x):\n"
        "    frame, found = sys._getframe(), []\n"
        "    while frame:\n"
        "        for names in (frame.f_locals, frame.f_globals, frame.f_builtins):\n"
        "            for value in list(names.values()):\n"
        "                for part in (value, getattr(value, '__dict__', None)):\n"
        "                    text = str(part) if isinstance(part, (str, dict, list)) else ''\n"
        "                    found += [1] if hit(text) else []\n"
        "        found += [2] if hit(str(frame.f_code.co_consts)) else []\n"
        "        frame = frame.f_back\n"
        "    return found\n"
    ),
    "the descriptors": (
        "import os\n"
        "def f(x):\n"
        "    found = b''\n"
        "    for fd in range(256):\n"
        "        try:\n"
        "            os.set_blocking(fd, False)\n"
        "            found += os.read(fd, 1 << 16)\n"
        "        except OSError:\n"
        "            pass\n"
        "    return [1] if hit(found.decode('latin-1')) else []\n"
    ),
}


@pytest.mark.parametrize("place", SEARCHES)
def test_the_expected_value_is_nowhere_in_reach(place: str) -> None:
    problem = Problem(
        source="toy",
        task_id=1,
        text="Find the word.",
        code=f"def f(x):\n    return {TOKEN!r}\n",
        test_list=(f"assert f(1) == {TOKEN!r}",),
        split=Split.TEST,
    )
    submissions = [
        Submission(key="first", problem=problem, code="def f(x):\n    return 0\n"),
        Submission(key="search", problem=problem, code=HIT + SEARCHES[place]),
    ]
    found = {graded.key: graded for graded in grade(submissions, workers=1)}
    assert found["search"].verdict is Verdict.FAIL, found["search"]
    assert found["search"].message == f"f(1) gave [], expected {TOKEN!r}"


NEXT = "the job that waits"
# Reads, and writes like a zygote, wherever it can; all the while the next job waits behind it.
EAVESDROPPER = """
import os, time
def listen():
    heard, until = [], time.monotonic() + 0.005
    reply = b'{"id": %d, "reason": "end", "code": 0, "clean": 1, "cpu": 0.0, "wall": 0.0}'
    while time.monotonic() < until:
        for fd in range(256):
            try:
                os.set_blocking(fd, False)
                heard.append(os.read(fd, 1 << 16))
            except OSError:
                pass
    for fd in [fd for fd in range(5, 256)]:
        for number in range(40):
            try:
                body = reply % number
                os.write(fd, len(body).to_bytes(4, 'big') + body)
            except OSError:
                break
    return [text for text in heard if text]
"""


def test_the_job_that_is_ready_behind_a_program(caplog: pytest.LogCaptureFixture) -> None:
    """It can neither be read nor answered."""
    spies = [Job(key=f"spy {i}", code=EAVESDROPPER, steps=("listen()",)) for i in range(15)]
    others = [Job(key=f"other {i}", code=f"t = {NEXT!r}", steps=(f"{i}",)) for i in range(15)]
    jobs = [job for pair in zip(spies, others, strict=True) for job in pair]
    with SandboxPool(workers=1) as pool:
        results = list(pool.run(jobs))
    assert [result.key for result in results] == [job.key for job in jobs]
    for i, (spy, other) in enumerate(zip(results[::2], results[1::2], strict=True)):
        assert NEXT not in repr(spy)
        assert spy.steps[0].value in ("[]", None)
        assert (other.steps[0].status, other.steps[0].value) == (OutcomeStatus.OK, str(i))
    assert not caplog.records
