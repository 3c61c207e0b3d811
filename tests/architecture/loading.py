"""Imports the whole project in stages and tells what that loads and does.

A script, run once for all of ``test_loading.py``: a process that has imported something cannot
forget it. Its one argument is a folder for the answer. The stages go from what loads least to
what loads most, and the libraries are loaded before the project's own modules are watched.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
import logging
import os
import pkgutil
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAMS = ("generators.sandbox.zygote", "probe.__main__")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
DEEDS = ("os.", "shutil.", "subprocess.", "socket.", "_thread.start", "tempfile.", "ctypes.dlopen")
LOOKS = ("os.listdir", "os.scandir", "os.walk", "os.fwalk")


def names(package: str) -> Iterator[str]:
    """Yield the modules of a package, but for programs."""
    yield package
    found = importlib.import_module(package).__path__
    for one in pkgutil.walk_packages(found, f"{package}."):
        if one.name not in PROGRAMS:
            yield one.name


def top_level() -> set[str]:
    """Return what is loaded that is neither Python's nor the project's own."""
    own = {"probe", "generators", *sys.stdlib_module_names}
    return {name.partition(".")[0] for name in sys.modules} - own


def state() -> dict[str, Any]:
    """Return what an import could change for everybody."""
    import numpy as np
    import torch

    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109
        "random": hashlib.sha256(repr(random.getstate()).encode()).hexdigest(),
        "numpy": hashlib.sha256(repr(np.random.get_state()).encode()).hexdigest(),
        "torch": hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest(),
        "default type": str(torch.get_default_dtype()),
        "threads": [thread.name for thread in threading.enumerate()],
        "warnings": repr(warnings.filters),
        "handlers": repr(logging.root.handlers),
        "signals": [repr(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "recursion": sys.getrecursionlimit(),
    }


def watched(modules: list[str]) -> tuple[list[str], str]:
    """Import modules; return what they did that others can see, and what they printed."""
    deeds: list[str] = []
    watching = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching:
            return
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
            deeds.append(f"open {arguments[0]!r}")
        elif event.startswith(DEEDS) and event not in LOOKS:
            deeds.append(event)

    sys.addaudithook(hook)
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        for name in modules:
            importlib.import_module(name)
    watching = False
    return deeds, out.getvalue()


def main(libraries: list[str], out: Path) -> None:
    """Load everything, and write what was seen as one JSON object."""
    seen: dict[str, Any] = {}
    known = top_level()

    def loaded() -> list[str]:
        return sorted(top_level() - known)

    for name in names("generators"):
        if name != "generators.strategies":
            importlib.import_module(name)
    seen["generators"] = loaded()
    from probe import cli

    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        cli.main(["--help"])
    seen["help"], seen["said"] = loaded(), said.getvalue()
    for name in ("probe.verify", "probe.tasks.grade_file", "probe.report.build"):
        importlib.import_module(name)
    seen["scoring"] = loaded()

    for name in libraries:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.startswith(("probe", "generators"))]:
        del sys.modules[name]
    before = state()
    modules = [*names("generators"), *names("probe")]
    seen["modules"] = modules
    seen["deeds"], seen["printed"] = watched(modules)
    after = state()
    seen["changed"] = [what for what in before if before[what] != after[what]]
    seen["missing"] = [
        f"{module}.{name}"
        for module in modules
        for name in getattr(sys.modules[module], "__all__", ())
        if not hasattr(sys.modules[module], name)
    ]
    out.write_text(json.dumps(seen), encoding="utf-8")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
