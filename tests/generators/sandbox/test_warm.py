"""Order in memory before the first fork."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SETTLED = """
import sys
sys.path.insert(0, sys.argv[1])
holes = [bytes(i & 511) for i in range(40_000)]
del holes[::2]
from generators.sandbox import warm
for settled in (False, True):
    if settled:
        warm.settle()
    made = [[bytes(size - 33) for _ in range(6)] for size in range(48, 513, 16)]
    print(len({id(thing) >> 12 for things in made for thing in things}))
print(sum(map(sys.getsizeof, warm._taken)))
"""


def test_what_is_made_after_settling_lies_side_by_side() -> None:
    """Six objects of each size, in memory full of holes."""
    done = subprocess.run(
        [sys.executable, "-c", SETTLED, str(ROOT)], capture_output=True, text=True, check=True
    )
    before, after, taken = map(int, done.stdout.split())
    assert after < before
    assert after <= 60  # two pages for each of 30 sizes, at most
    assert taken < 16 << 20
