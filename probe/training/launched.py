"""How many processes a launcher started, read from the environment it gives; needs no torch.

``accelerate launch``, ``torchrun`` and MPI tell each process its rank and how many there are. The
command line asks here who prints, :mod:`probe.training.processes` whether there is anything to
set up.
"""

from __future__ import annotations

import os

__all__ = ["is_main_process", "launched_precision", "started_alone_by_mistake", "world_size"]

_SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_RANKS = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")


def world_size() -> int:
    """Return the number of processes, 1 without a launcher."""
    return _first(_SIZES, 1)


def is_main_process() -> bool:
    """Return whether this process writes files and prints."""
    return world_size() == 1 or _first(_RANKS, 0) == 0


def launched_precision() -> str:
    """Return the mixed precision that ``accelerate launch`` was asked for, ``no`` without it."""
    return os.environ.get("ACCELERATE_MIXED_PRECISION", "no").lower()


def started_alone_by_mistake() -> bool:
    """Return whether several CPU processes were asked for and one was started.

    ``accelerate launch --cpu --num_processes 2`` leaves the starting to MPI, and without
    ``--mpirun_hostfile`` starts a single process; an address to meet at is all that is left of
    the wish.
    """
    cpu = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes")
    return cpu and "MASTER_ADDR" in os.environ and world_size() == 1


def _first(names: tuple[str, ...], default: int) -> int:
    values = (os.environ.get(name, "") for name in names)
    return next((int(value) for value in values if value.isdigit()), default)
