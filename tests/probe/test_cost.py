"""What a run took: sums over sessions, and the machine's energy counters."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from generators.errors import FormatError
from generators.jsonl import read_json
from probe import cost
from probe.checksums import CHECKSUMS, checksum_differences
from probe.cost import COST_SCHEMA, Meter
from probe.runs import COST, RESULTS, RunWriter


def make_counter(folder: Path, name: str, joules: float, *, top: float = 1000.0) -> None:
    zone = folder / name
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "energy_uj").write_text(f"{int(joules * 1e6)}\n")
    (zone / "max_energy_range_uj").write_text(f"{int(top * 1e6)}\n")


def test_time_and_memory(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    time.sleep(0.02)
    sum(range(10**6))
    found = meter.read()
    assert found["sessions"] == 1
    assert 0.02 <= found["wall_seconds"] < 60
    assert 0 < found["cpu_seconds"] < 60
    assert found["peak_memory_bytes"] > 10_000_000
    assert found["energy_joules"] is None


def test_energy_of_all_packages_but_not_of_their_parts(tmp_path: Path) -> None:
    make_counter(tmp_path, "intel-rapl:0", 100)
    make_counter(tmp_path, "intel-rapl:1", 990)
    make_counter(tmp_path, "intel-rapl:0:0", 5)
    meter = Meter(tmp_path)
    make_counter(tmp_path, "intel-rapl:0", 130)
    make_counter(tmp_path, "intel-rapl:1", 10)  # it began again at its top
    make_counter(tmp_path, "intel-rapl:0:0", 500)
    first = meter.read()
    assert first["energy_joules"] == pytest.approx(30 + 20)
    make_counter(tmp_path, "intel-rapl:0", 131)
    assert meter.read(first)["energy_joules"] == pytest.approx(50 + 51)
    assert Meter(tmp_path / "none").read(first)["energy_joules"] is None
    assert meter.read({**first, "energy_joules": None})["energy_joules"] is None


class FakeNvml:
    """Two GPUs whose counters the test moves."""

    class NVMLError(Exception):
        pass

    def __init__(self, *millijoules: int) -> None:
        self.counters = list(millijoules)

    def nvmlInit(self) -> None: ...
    def nvmlShutdown(self) -> None: ...

    def nvmlDeviceGetCount(self) -> int:
        return len(self.counters)

    def nvmlDeviceGetHandleByIndex(self, place: int) -> int:
        return place

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        if self.counters[handle] < 0:
            raise self.NVMLError
        return self.counters[handle]


class FakeNvmlWithoutDriver(FakeNvml):
    """The module without a driver."""

    def nvmlInit(self) -> None:
        raise self.NVMLError


def test_energy_of_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = FakeNvml(5_000, 70_000)
    monkeypatch.setattr(cost, "pynvml", gpus)
    meter = Meter(tmp_path)
    gpus.counters = [6_500, 70_250]
    first = meter.read()
    assert first["gpu_energy_joules"] == pytest.approx(1.75)
    assert Meter(tmp_path).read(first)["gpu_energy_joules"] == pytest.approx(1.75)
    assert Meter(tmp_path).read({"sessions": 1})["gpu_energy_joules"] is None
    gpus.counters[0] = -1  # a GPU that does not count
    assert meter.read()["gpu_energy_joules"] is None
    monkeypatch.setattr(cost, "pynvml", FakeNvmlWithoutDriver())
    assert Meter(tmp_path).read()["gpu_energy_joules"] is None


def test_a_run_adds_its_sessions_up(tmp_path: Path) -> None:
    identity = {"verb": "test", "config": {}}
    run = tmp_path / "run"
    with RunWriter(run, identity) as writer:
        writer.append([{"key": "1"}])
    assert read_json(run / COST, COST_SCHEMA)["sessions"] == 1
    assert not (run / CHECKSUMS).exists()
    with RunWriter(run, identity) as writer:
        writer.finish({"task": "test", "n_items": 1}, ["1"])
    assert read_json(run / COST, COST_SCHEMA)["sessions"] == 2
    assert checksum_differences(run) == []
    with RunWriter(run, identity) as writer:  # finished: nothing is added
        writer.finish({"task": "test", "n_items": 1}, ["1"])
    assert read_json(run / COST, COST_SCHEMA)["sessions"] == 2
    assert checksum_differences(run) == []
    (run / CHECKSUMS).unlink()
    with RunWriter(run, identity) as writer:
        writer.finish({"task": "test", "n_items": 1}, ["1"])
    assert checksum_differences(run) == []
    (run / RESULTS).write_text("{}")
    (run / "more").write_text("x")
    (run / COST).unlink()
    assert checksum_differences(run) == [
        "cost.json is missing",
        "more is not named in checksums.txt",
        "results.json has another hash than checksums.txt says",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"sessions": "many"},
        {"sessions": None},
        {"sessions": 1.5},
        {"peak_memory_bytes": [1]},
        {"wall_seconds": {}},
        {"wall_seconds": True},
        {"cpu_seconds": float("inf")},
        {"cpu_seconds": -1},
        {"energy_joules": "none"},
        {"gpu_energy_joules": 10**400},
        {"schema": "probe.results"},
    ],
)
def test_a_broken_cost_is_refused_before_the_work(tmp_path: Path, change: dict[str, Any]) -> None:
    identity = {"verb": "test", "config": {}}
    with RunWriter(tmp_path, identity) as writer:
        writer.append([{"key": "1"}])
    whole = (tmp_path / COST).read_text()
    (tmp_path / COST).write_text(json.dumps(json.loads(whole) | change))
    with pytest.raises(FormatError, match=r"cost\.json: .*; delete it"):
        RunWriter(tmp_path, identity).__enter__()
    (tmp_path / COST).unlink()  # as the error says
    with RunWriter(tmp_path, identity) as writer:
        assert list(writer.done) == ["1"]
