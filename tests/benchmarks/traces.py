"""How many traces a second ``probe make-traces`` gives, and where the time goes.

    PROBE_DATA_DIR=... python tests/benchmarks/traces.py --split train --inputs 20

Real MBPP, isolation, both runs of each call, recording, selection and files included. Prints
traces a second of wall time, and CPU seconds by part. Inputs are drawn without hypothesis (see
``generators.strategies``), so that it has no part of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from generators import inputs
from generators.problems.sources import load_source
from generators.records import Call, Split
from generators.sandbox import crew
from generators.sandbox.jobs import WorkerRun
from generators.sandbox.worker import Worker
from generators.trace_files import write_traces
from generators.trace_plan import TracePlan

_drawing = [0.0]
_exchange = [0.0]
_programs = [0.0]
_lock = threading.Lock()
_sandbox: dict[int, float] = {}


class TimedSource(inputs.CallSource):
    """Draws calls and counts the CPU time it takes."""

    def draw(self, count: int) -> list[Call]:
        """Draw and count."""
        start = time.thread_time()
        found = super().draw(count)
        with _lock:
            _drawing[0] += time.thread_time() - start
        return found


class TimedWorker(Worker):
    """Counts the CPU time of its programs, of talking to them, and at last of all its processes."""

    def send(self, *given: Any) -> None:
        """Send and count."""
        start = time.thread_time()
        super().send(*given)
        with _lock:
            _exchange[0] += time.thread_time() - start

    def receive(self) -> tuple[int, WorkerRun | None]:
        """Receive and count."""
        start = time.thread_time()
        number, found = super().receive()
        with _lock:
            _exchange[0] += time.thread_time() - start
            if found:
                _programs[0] += sum(outcome.cpu_seconds for outcome in found.outcomes)
                _programs[0] += found.cut.cpu_seconds if found.cut else 0.0
        return number, found

    def stop(self) -> None:
        """Count, once, and stop."""
        with contextlib.suppress(psutil.Error):
            top = psutil.Process(self._process.pid)
            for process in [top, *top.children(recursive=True)]:
                # its own time and that of the children it waited for
                _sandbox[process.pid] = sum(process.cpu_times()[:4])
        super().stop()


def cpu_seconds() -> float:
    """Return the CPU time used so far by this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Trace MBPP into a scrap folder and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", type=Split, choices=list(Split), help="all splits without it")
    parser.add_argument("--inputs", type=int, default=20)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trace-lines", action="store_true")
    options = parser.parse_args(arguments)
    source = load_source("mbpp", data_dir=Path(os.environ["PROBE_DATA_DIR"]))
    plan = TracePlan(inputs=options.inputs, trace_lines=options.trace_lines)
    inputs.CallSource = TimedSource  # type: ignore[misc]
    crew.Worker = TimedWorker  # type: ignore[misc]
    parent = cpu_seconds()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        summary = write_traces(
            Path(folder, "traces.jsonl"),
            source,
            options.split,
            plan,
            workers=options.workers,
            limit=options.limit,
        )
    wall = time.monotonic() - start
    parent, sandbox = cpu_seconds() - parent, sum(_sandbox.values())
    print(f"{summary.traces} traces of {summary.programs} programs in {wall:.1f} s wall")
    print(f"{summary.traces / wall:.0f} traces/s with {options.workers} workers")
    parts = {
        "drawing inputs": _drawing[0],
        "IPC: jobs out, frames in, checked": _exchange[0],
        "judging, choosing, files": parent - _drawing[0] - _exchange[0],
        "programs: loads and calls": _programs[0],
        "sandbox: start, forks, limits": sandbox - _programs[0],
    }
    for name, seconds in parts.items():
        print(f"{name:38}{seconds:8.1f} s CPU {seconds / (parent + sandbox):6.1%}")
    made = summary.quality["generated_per_program"]
    print("programs with at least so many generated:", made["share_of_programs_with_at_least"])
    print("branch coverage:", summary.quality["branch_coverage"])


if __name__ == "__main__":
    main()
