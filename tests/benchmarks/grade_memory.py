"""How much memory ``probe grade`` takes for many samples.

    PROBE_DATA_DIR=... python tests/benchmarks/grade_memory.py --samples 40000

MBPP's references (without task 123) are the samples, over and over. Prints the resident memory of
the parent before and at its peak; the sandbox's processes are not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from generators.problems.sources import load_source
from probe.config import DataOptions, GradeConfig
from probe.tasks.grade_file import grade_file


def peak_mib() -> float:
    """Return the greatest resident memory of this process so far, in MiB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """Grade and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=40_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    data_dir = Path(os.environ["PROBE_DATA_DIR"])
    problems = [p for p in load_source("mbpp", data_dir=data_dir).problems if p.task_id != 123]
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder, "samples.jsonl")
        with samples.open("w", encoding="utf-8") as file:
            for problem in islice(cycle(problems), options.samples):
                row = {"task_id": problem.task_id, "completion": problem.code}
                file.write(json.dumps(row) + "\n")
        before, start = peak_mib(), time.monotonic()
        config = GradeConfig(
            source="mbpp",
            samples=samples,
            out=Path(folder, "run"),
            data=DataOptions(data_dir=data_dir, workers=options.workers),
        )
        results = grade_file(config)
        seconds = time.monotonic() - start
    print(f"{results['n_items']} samples in {seconds:.0f} s: {results['n_items'] / seconds:.0f}/s")
    print(f"verdicts: {results['verdicts']}")
    print(f"resident memory: {before:.0f} MiB before, {peak_mib():.0f} MiB at the peak")


if __name__ == "__main__":
    main()
