"""What making a run took: wall time, processor time, memory, and energy where the machine tells it.

Called by :mod:`probe.runs`, which keeps it as ``cost.json`` beside the results: it is never the
same twice, and no number of a result depends on it. A session that is killed is not in it.

Source: /sys/class/powercap of the Linux kernel (Intel's and AMD's RAPL counters, in microjoules);
NVML, nvmlDeviceGetTotalEnergyConsumption (NVIDIA's, in millijoules, from Volta on).
"""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pynvml

from generators import jsonl
from generators.errors import FormatError

__all__ = ["COST_SCHEMA", "Meter", "read_cost"]

COST_SCHEMA = "probe.cost"

_COUNTS = ("sessions", "peak_memory_bytes")
_SUMS = (*_COUNTS, "wall_seconds", "cpu_seconds")
_SUMS_IF_KNOWN = ("energy_joules", "gpu_energy_joules")
_MOST = 2**63  # of anything counted here; an infinite number is more
_POWERCAP = Path("/sys/class/powercap")
_KIB = 1024  # what ru_maxrss counts in


def read_cost(path: Path) -> dict[str, Any]:
    """Read what earlier sessions took, so that another one can be added.

    Raises:
        DataError: The file cannot be read.
        FormatError: It is not as :meth:`Meter.read` wrote it.
    """
    try:
        cost = jsonl.read_json(path, COST_SCHEMA)
        for name in (*_SUMS, *_SUMS_IF_KNOWN):
            value: Any = cost.get(name)
            if value is None and name in _SUMS_IF_KNOWN:
                continue
            fits = isinstance(value, int if name in _COUNTS else (int, float))
            if isinstance(value, bool) or not fits or not 0 <= value < _MOST:
                raise FormatError(f"{path}: field {name!r} is missing or no number that can be")
    except FormatError as error:
        raise FormatError(f"{error}; delete it, and earlier sessions are not counted") from None
    return cost


class Meter:
    """Measures from its making on.

    Args:
        powercap: Folder of the machine's energy counters.
    """

    def __init__(self, powercap: Path = _POWERCAP) -> None:
        self._powercap = powercap
        self._wall = time.monotonic()
        self._cpu = _cpu_seconds()
        self._energy = _counters(powercap)
        self._gpus = _gpu_counters()

    def read(self, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the cost so far, added to that of earlier sessions of the same run.

        Args:
            before: What an earlier session kept.

        Returns:
            ``sessions``, ``wall_seconds``, ``cpu_seconds`` (of this process and those it waited
            for), ``peak_memory_bytes`` (of the largest of them), and of the whole machine
            meanwhile ``energy_joules`` (its processors) and ``gpu_energy_joules`` (its GPUs by
            NVIDIA), each ``None`` if a session could not be measured.
        """
        old = before or {}
        peak = max(
            resource.getrusage(who).ru_maxrss * _KIB
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        return jsonl.header(
            COST_SCHEMA,
            sessions=int(old.get("sessions", 0)) + 1,
            wall_seconds=_sum(old, "wall_seconds", time.monotonic() - self._wall),
            cpu_seconds=_sum(old, "cpu_seconds", _cpu_seconds() - self._cpu),
            peak_memory_bytes=max(int(old.get("peak_memory_bytes", 0)), peak),
            energy_joules=_sum_if_known(old, "energy_joules", self._joules()),
            gpu_energy_joules=_sum_if_known(old, "gpu_energy_joules", self._gpu_joules()),
        )

    def _joules(self) -> float | None:
        after = _counters(self._powercap)
        if not self._energy or after.keys() != self._energy.keys():
            return None
        spent = 0
        for name, (end, span) in after.items():
            begin = self._energy[name][0]
            spent += end - begin if end >= begin else end - begin + span
        return spent / 1e6

    def _gpu_joules(self) -> float | None:
        after = _gpu_counters()
        if not self._gpus or after.keys() != self._gpus.keys():
            return None
        return sum(end - self._gpus[name] for name, end in after.items()) / 1e3


def _sum(old: Mapping[str, Any], name: str, more: float) -> float:
    return round(float(old.get(name) or 0.0) + more, 3)


def _sum_if_known(old: Mapping[str, Any], name: str, more: float | None) -> float | None:
    earlier = int(old.get("sessions", 0)) > 0
    if more is None or (earlier and old.get(name) is None):
        return None
    return _sum(old, name, more)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _counters(powercap: Path) -> dict[str, tuple[int, int]]:
    """Return value and range of each processor package's counter; empty if none can be read."""
    found = {}
    try:
        for zone in sorted(powercap.glob("*-rapl:*")):
            if zone.name.count(":") == 1:  # a package; its parts are counted in it
                value = int((zone / "energy_uj").read_text(encoding="utf-8"))
                found[zone.name] = (
                    value,
                    int((zone / "max_energy_range_uj").read_text(encoding="utf-8")),
                )
    except (OSError, ValueError):
        return {}
    return found


def _gpu_counters() -> dict[str, int]:
    """Return each GPU's counter by its identity; empty if there is none, or one cannot be read."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver
        return {}
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return {
            str(pynvml.nvmlDeviceGetUUID(one)): pynvml.nvmlDeviceGetTotalEnergyConsumption(one)
            for one in handles
        }
    except pynvml.NVMLError:
        return {}
    finally:
        pynvml.nvmlShutdown()
