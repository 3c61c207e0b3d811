"""Every error that this project raises on purpose.

    ProbeError                      exit 2: one line that says what, where and what to do
    +-- UsageError                  an option or a combination of options makes no sense
    +-- DataError                   a problem source or an input file cannot be used
    |   +-- FormatError             a line or a field of a file is broken
    |   +-- ChecksumError           the content is not a known version
    |   +-- SourceUnavailableError  not in the data folder, the cache or on the hub
    +-- LiteralError                a text is not a literal, or a value has none
    +-- ModelError                  a model cannot be found, fetched, checked or loaded
    |   +-- BrokenModelError        a kept model is not as it was written (probe.models.store)
    |   +-- ContextOverflowError    a prompt is too long for it (probe.models.server_line)
    +-- RunError                    an output folder holds another run, or a broken one
    +-- SandboxError                the harness failed (never a program's verdict)
    |   +-- SandboxUnavailableError no isolation on this machine
    +-- SelfTestError               a scorer gives a wrong score; nothing it says can be trusted
    +-- NotHereError                what stored programs need to run (probe.tasks.rerun.findings)

A program that misbehaves inside the sandbox is not an error: its outcome is data
(:class:`generators.records.OutcomeStatus`). Nor is a difference that a command was asked to look
for: it is the result, and the exit code is 1. Ctrl-C ends a command with exit code 130.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "EXIT_BAD_INPUT",
    "EXIT_DIFFERENCE",
    "EXIT_INTERRUPTED",
    "ChecksumError",
    "DataError",
    "FormatError",
    "LiteralError",
    "ModelError",
    "ProbeError",
    "RunError",
    "SandboxError",
    "SandboxUnavailableError",
    "SelfTestError",
    "SourceUnavailableError",
    "UsageError",
    "first_line",
    "unreadable",
    "unwritable",
]

EXIT_DIFFERENCE = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class ProbeError(Exception):
    """Root of all expected errors; ``str(error)`` is one line fit for a user."""


class UsageError(ProbeError):
    """An option, or a combination of options, that makes no sense."""


class DataError(ProbeError):
    """A problem source or an input file that cannot be used."""


class FormatError(DataError):
    """A broken line or field of a file."""


class ChecksumError(DataError):
    """Content that is not one of the known versions."""


class SourceUnavailableError(DataError):
    """A source that no lookup place supplies."""


class LiteralError(ProbeError, ValueError):
    """A text that is no literal, or a value that has none."""


class ModelError(ProbeError):
    """A model that cannot be found, fetched, checked or loaded."""


class RunError(ProbeError):
    """An output folder that holds another run, or a broken one."""


class SandboxError(ProbeError):
    """The harness failed: worker lost, protocol broken. Never a score."""


class SandboxUnavailableError(SandboxError):
    """This machine offers no isolation for untrusted programs."""


class SelfTestError(ProbeError):
    """A scorer that gives a wrong score; nothing it says can be trusted."""


def first_line(error: BaseException) -> str:
    """Return the first line of what a library's exception says, or its type's name."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the error of a file that the operating system does not let be read."""
    return DataError(f"cannot read {path}: {error.strerror or error}")


def unwritable(path: Path, error: OSError) -> DataError:
    """Return the error of a file or folder that the operating system does not let be written."""
    return DataError(f"cannot write {path}: {error.strerror or error}")
