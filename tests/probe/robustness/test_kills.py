"""A command that is killed at any moment, and repeated, ends with the bytes of one undisturbed."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from generators.records import Split
from probe.config import ExecutionConfig, MakeTracesConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Completion, Decoding, Request
from probe.tasks.execution import evaluate_execution
from probe.tasks.traces import make_traces
from probe.verify import verify

KILLS = 20

FORK = multiprocessing.get_context("fork")


class FakeSlow(FakeGenerator):
    """Takes its time over each answer."""

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        for completion in super().generate(requests, decoding):
            time.sleep(0.002)
            yield completion


def kill_often(work: Callable[[], object], seconds: float, seed: int) -> int:
    """Do some work in processes that are killed at random moments, then once to its end."""
    rng = random.Random(seed)
    killed = 0
    for _ in range(KILLS):
        process = FORK.Process(target=work)
        process.start()
        process.join(rng.uniform(0, seconds))
        killed += process.is_alive()
        process.kill()
        process.join()
    work()
    return killed


def test_an_evaluation(tmp_path: Path) -> None:
    traces = tmp_path / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=4, limit=12, out=traces))

    def evaluate(out: Path) -> None:
        evaluate_execution(
            ExecutionConfig(traces=traces, out=out),
            lambda: FakeSlow(lambda request: f" {len(request.prompt) % 7}\n"),
        )

    began = time.monotonic()
    evaluate(tmp_path / "whole")
    seconds = time.monotonic() - began
    killed = kill_often(lambda: evaluate(tmp_path / "often"), seconds / 4, seed=1)
    assert killed >= 5  # after some it was finished, and stays so
    for name in ("samples.jsonl", "results.json"):
        whole, often = ((tmp_path / run / name).read_bytes() for run in ("whole", "often"))
        assert whole == often
    assert verify(tmp_path / "often")[0].ok


def test_making_traces(tmp_path: Path) -> None:
    def make(out: Path) -> None:
        make_traces(
            MakeTracesConfig(source="basics", split=Split.TEST, inputs=8, limit=20, out=out)
        )

    began = time.monotonic()
    make(tmp_path / "whole.jsonl")
    seconds = time.monotonic() - began
    assert kill_often(lambda: make(tmp_path / "often.jsonl"), seconds / 4, seed=2) >= 5
    assert (tmp_path / "whole.jsonl").read_bytes() == (tmp_path / "often.jsonl").read_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_kills_leave_no_lock_behind(tmp_path: Path, seed: int) -> None:
    """A folder whose writer was killed is not taken for one that is being written."""
    out = tmp_path / f"{seed}.jsonl"

    def make() -> None:
        make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=1, limit=4, out=out))

    process = FORK.Process(target=make)
    process.start()
    process.join(random.Random(seed).uniform(0.05, 0.5))
    process.kill()
    process.join()
    make()
    assert out.is_file()
