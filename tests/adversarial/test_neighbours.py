"""Attacks beside honest programs: what the others do changes no honest program's results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from generators.sandbox.policy import Limits, detect
from generators.sandbox.pool import Job, JobResult, SandboxPool

LIMITS = Limits(
    cpu_seconds=0.3,
    wall_seconds=1.0,
    memory_bytes=256 << 20,
    output_bytes=100_000,
    tmp_bytes=4 << 20,
)
HONEST_LIMITS = Limits(cpu_seconds=3.0, wall_seconds=20.0, tmp_bytes=4 << 20)
ATTACKS = {
    "spins": "while True:\n    pass",
    "sleeps": "import time\ntime.sleep(1000)",
    "eats memory": "x = []\nwhile True:\n    x.append(bytearray(1 << 22))",
    "eats memory at once": "x = bytearray(200 << 20)\nx[::4096] = b'x' * len(x[::4096])",
    "floods": "while True:\n    print('x' * 10 ** 5)",
    "fills its folder": "for i in range(64):\n    open(f'/tmp/{i}', 'wb').write(bytes(10 ** 6))",
    "buries its folder": "import os\nfor _ in range(300):\n    os.mkdir('x')\n    os.chdir('x')",
    "forks": "import os\nfor _ in range(300):\n    try:\n        os.fork()\n"
    "    except OSError:\n        pass",
    "kills": "import os\nfor pid in (0, -1, 1, 2, 3, 4, 5):\n    try:\n        os.kill(pid, 9)\n"
    "    except OSError:\n        pass",
    "closes": "import os\nos.closerange(0, 256)",
    "babbles": "import os\nfor fd in range(256):\n    try:\n        os.write(fd, b'x' * 60_000)\n"
    "    except OSError:\n        pass",
    "crashes": "import ctypes\nctypes.string_at(0)",
    "stops": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    "leaves": "import os\nos._exit(0)",
    "is rude": "import os, sys, builtins\nsys.setrecursionlimit(60)\nbuiltins.print = None\n"
    "os.umask(0o777)\nopen('/tmp/left', 'w').write('x')",
}
# Works, sleeps, writes and looks around, so that it overlaps with attacks of the other worker.
HONEST = """
import os, random, time
def work(n):
    seen = os.listdir('/tmp')
    open(f'/tmp/{n}', 'w').write('x' * n)
    time.sleep(0.02)
    total = sum(i * i for i in range(20_000))
    print('x' * 1000)
    return seen, os.listdir('/tmp'), total, random.random(), sorted(map(str, {n, 'a', 2.5}))
"""


def honest_job(i: int) -> Job:
    return Job(key=f"honest {i}", code=HONEST, steps=(f"work({i})",), limits=HONEST_LIMITS)


def honest_results(results: Sequence[JobResult]) -> dict[str, tuple[str, str | None]]:
    found = {r.key: r.steps[0] for r in results if r.key.startswith("honest")}
    return {key: (outcome.status.value, outcome.value) for key, outcome in found.items()}


@pytest.fixture(scope="module")
def two_workers() -> Iterator[SandboxPool]:
    """A pool in which two programs run at a time."""
    found = detect()
    if found.backend is None:
        pytest.skip(f"{found.reason}; {found.advice}")
    with SandboxPool(workers=2) as made:
        yield made


def test_honest_programs_beside_attacks(
    two_workers: SandboxPool, caplog: pytest.LogCaptureFixture
) -> None:
    count = 4 * len(ATTACKS)
    quiet = honest_results(list(two_workers.run(map(honest_job, range(count)))))
    assert {status for status, _ in quiet.values()} == {"ok"}
    jobs = []
    for i, (name, code) in enumerate(ATTACKS.items()):
        attack = Job(key=name, code=code, steps=("1",), limits=LIMITS)
        jobs += [honest_job(4 * i), attack, *(honest_job(4 * i + k) for k in (1, 2, 3))]
    assert honest_results(list(two_workers.run(jobs))) == quiet
    assert not caplog.records
