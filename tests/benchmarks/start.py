"""How long ``probe --help`` takes, beside the interpreter alone and beside ``pip --help``.

    python tests/benchmarks/start.py

Each is started in turn, so that what else the machine does falls on all alike; the median counts.
The promise is half a second on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "pip --help": ["-m", "pip", "--help"],
    "probe --help": ["-m", "probe", "--help"],
}


def main() -> None:
    """Start each command a few times and print its median time and the ratio to the last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=11, help="how often each is started")
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(parser.parse_args().times):
        for name, command in COMMANDS.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, *command], capture_output=True, check=True)
            taken[name].append(time.perf_counter() - begun)
    median = {name: statistics.median(times) for name, times in taken.items()}
    for name, seconds in median.items():
        print(f"{name:<16}{seconds:7.3f} s{seconds / median['probe --help']:8.2f}")


if __name__ == "__main__":
    main()
