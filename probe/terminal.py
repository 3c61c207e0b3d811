"""What every command shares: its streams, its two output forms, and its way of failing.

Results go to stdout, as text or with ``--json`` as one JSON object; progress, warnings and errors
go to stderr, and ``--quiet`` leaves only errors there.
"""

from __future__ import annotations

import errno
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from generators.errors import EXIT_BAD_INPUT, EXIT_INTERRUPTED, ProbeError
from generators.progress import Progress, Quiet

__all__ = ["describe_failure", "display", "show", "show_error"]


@contextmanager
def display(*, quiet: bool) -> Iterator[Progress]:
    """Yield the progress display of a command and send its log to stderr."""
    logging.basicConfig(
        level=logging.ERROR if quiet else logging.WARNING,
        format="probe: %(message)s",
        stream=sys.stderr,
        force=True,
    )
    for name in ("probe", "generators"):
        logging.getLogger(name).setLevel(logging.ERROR if quiet else logging.INFO)
    if quiet:
        yield Quiet()
        return
    from probe.progress import Bars

    with Bars() as bars:
        yield bars


def show(document: dict[str, Any], lines: Sequence[str], *, as_json: bool) -> None:
    """Write a command's result to stdout: the document, or the lines for a reader."""
    if as_json:
        text = json.dumps(document, ensure_ascii=False, sort_keys=True)
        sys.stdout.write(text + "\n")
    else:
        sys.stdout.write("".join(line + "\n" for line in lines))
    sys.stdout.flush()


def show_error(text: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write("probe: " + " ".join(text.split()) + "\n")


def describe_failure(error: BaseException) -> tuple[str, int] | None:
    """Return the line and the exit code for an expected failure, ``None`` for a defect."""
    if isinstance(error, ProbeError):
        return str(error), EXIT_BAD_INPUT
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; repeat the command to go on where it stopped", EXIT_INTERRUPTED
    if isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EACCES,
    ):
        where = f" {error.filename}" if error.filename else ""
        return f"cannot write{where}: {error.strerror}", EXIT_BAD_INPUT
    return None
