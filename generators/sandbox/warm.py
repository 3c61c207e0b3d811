"""What a zygote does before its first fork, so that each child finds much done and copies little.

Called by :mod:`generators.sandbox.zygote`, inside the sandbox. A forked process copies a page
of memory when it writes to it first, and that is most of what a short program costs.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys

__all__ = ["preload", "settle"]

_PRELOADED = (
    *("abc", "array", "ast", "bisect", "calendar", "cmath", "collections", "collections.abc"),
    *("contextlib", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions"),
    *("functools", "heapq", "inspect", "io", "itertools", "json", "linecache", "locale", "math"),
    *("numbers", "operator", "os", "random", "re", "statistics", "string", "struct", "sys"),
    *("textwrap", "time", "types", "typing", "unicodedata", "warnings"),
)
_POOL_BYTES, _POOL_HEADER = 1 << 14, 48  # of Python's allocator of objects up to 512 bytes
_LARGE = (*(1 << power for power in range(15, 9, -1)), 800, 640, 544)
_BYTES_HEADER = sys.getsizeof(b"")
_taken: list[object] = []
_MOST = 1024  # holes of a size; a bound in case that Python has another allocator


def preload(variant: int) -> None:
    """Import what programs use.

    Fork hooks are left out: the one of ``random`` would undo the seed in each child.

    Args:
        variant: Seed of ``random`` for every program.
    """
    register = os.register_at_fork
    os.register_at_fork = lambda **_: None
    for name in _PRELOADED:
        importlib.import_module(name)
    os.register_at_fork = register
    sys.modules["random"].seed(variant)


def settle() -> None:
    """Put memory in order when all that lives long is there.

    Places that were freed between objects are taken for good. What children make lies side by
    side on a few new pages then, not on every page that has a place left.
    """
    gc.collect()
    gc.freeze()
    end = id(bytes(120_000))  # no hole is as large
    for size in _LARGE:
        for _ in range(_MOST):
            _taken.append(bytes(size))
            if id(_taken[-1]) >= end:
                break
    for size in range(16, 513, 16):
        for _ in range(_MOST):
            _taken.append(_made(size))
            if id(_taken[-1]) % _POOL_BYTES == _POOL_HEADER:
                break


def _made(size: int) -> object:
    """Return an object that takes ``size`` bytes."""
    if size >= _BYTES_HEADER:
        return bytes(size - _BYTES_HEADER)
    return object() if size == object.__basicsize__ else float(size)
