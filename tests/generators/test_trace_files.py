"""Trace files: the same bytes for the same request, resumed after any cut.

Long, since its cuts and refusals start from the same files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl, trace_files
from generators.errors import DataError, FormatError, ProbeError, RunError
from generators.problems.sources import Source, load_source
from generators.records import TRACE_SCHEMA, Problem, Split
from generators.stored import held, summary_path
from generators.trace_files import read_traces, times_path, write_traces
from generators.trace_summary import SUMMARY_SCHEMA, TraceSummary
from generators.tracing import ProgramTraces, TracePlan, trace_programs

_ROOT = Path(__file__).parents[2]
PLAN = TracePlan(inputs=2, seed=5)
LIMIT = 8
_SCRIPT = f"""
import sys
sys.path.insert(0, {str(_ROOT)!r})
from pathlib import Path
from generators.problems.sources import load_source
from generators.records import Split
from generators.trace_files import write_traces
from generators.tracing import TracePlan
plan = TracePlan(inputs={PLAN.inputs}, seed={PLAN.seed})
write_traces(Path(sys.argv[1]), load_source("basics"), Split.TEST, plan,
             limit=int(sys.argv[3]), workers=int(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def basics() -> Source:
    """The embedded corpus."""
    return load_source("basics")


@pytest.fixture(scope="module")
def trace_file(basics: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished trace file; not to be changed."""
    path = tmp_path_factory.mktemp("traces") / "traces.jsonl"
    write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)
    return path


def partial_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def leftovers(path: Path) -> set[str]:
    beside = {path.name, summary_path(path).name, times_path(path).name}
    return {p.name for p in path.parent.iterdir()} - beside


def interrupted_after(count: int) -> Callable[..., Generator[ProgramTraces]]:
    """A ``trace_programs`` that Ctrl-C stops after so many programs."""

    def trace(*arguments: Any, **options: Any) -> Generator[ProgramTraces]:
        for i, program in enumerate(trace_programs(*arguments, **options)):
            if i == count:
                raise KeyboardInterrupt
            yield program

    return trace


def test_the_file_is_a_header_and_traces(trace_file: Path) -> None:
    head = jsonl.read_header(trace_file, TRACE_SCHEMA)
    assert head["source"]["name"] == "basics"
    assert (head["split"], head["limit"], head["plan"]["inputs"]) == ("test", LIMIT, 2)
    assert set(head["packages"]) == {"execution-probe", "python"}
    traces = read_traces(trace_file)
    assert len(traces) == len(trace_file.read_text().splitlines()) - 1
    assert len({trace.task_id for trace in traces}) == LIMIT
    assert {trace.split for trace in traces} == {Split.TEST}
    assert leftovers(trace_file) == set()


def test_the_summary_adds_up(trace_file: Path) -> None:
    document = json.loads(summary_path(trace_file).read_text())
    assert document["schema"] == SUMMARY_SCHEMA
    summary = TraceSummary.from_json(document)
    assert TraceSummary.from_json(summary.to_json()) == summary
    assert summary.traces == len(read_traces(trace_file))
    assert summary.traces == sum(summary.by_origin.values()) == sum(summary.output_types.values())
    assert summary.programs == summary.programs_with_traces == LIMIT
    assert summary.sha256 == jsonl.sha256_file(trace_file)
    assert sum(summary.drops.values()) + summary.by_origin["assert"] >= 3 * LIMIT


def test_asking_again_does_nothing(trace_file: Path, basics: Source) -> None:
    before = trace_file.stat().st_mtime_ns
    summary = write_traces(trace_file, basics, Split.TEST, PLAN, limit=LIMIT, workers=4)
    assert summary == TraceSummary.from_json(json.loads(summary_path(trace_file).read_text()))
    assert trace_file.stat().st_mtime_ns == before


@pytest.mark.parametrize(("workers", "hash_seed"), [(1, "1"), (4, "77")])
def test_other_processes_write_the_same_bytes(
    trace_file: Path, tmp_path: Path, workers: int, hash_seed: str
) -> None:
    path = tmp_path / "again.jsonl"
    subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(path), str(workers), str(LIMIT)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
    )
    assert path.read_bytes() == trace_file.read_bytes()
    assert summary_path(path).read_bytes() == summary_path(trace_file).read_bytes()


@pytest.mark.slow
def test_real_programs_give_the_same_bytes_with_any_number_of_workers(
    data_dir: Path, tmp_path: Path
) -> None:
    source = load_source("mbpp", data_dir=data_dir)
    plan = TracePlan(inputs=20, keep_exceptions=True, trace_lines=True)
    paths = [tmp_path / f"{workers}.jsonl" for workers in (1, 2, 4)]
    for path in paths:
        write_traces(path, source, Split.VALIDATION, plan, limit=40, workers=int(path.stem))
    first, *others = [path.read_bytes() for path in paths]
    assert others == [first, first]
    assert b'"raises": ""' in first
    assert b"Error" in first


@pytest.mark.parametrize("cut", [0, 3, LIMIT - 1])
def test_an_interrupted_run_is_finished(
    trace_file: Path, basics: Source, tmp_path: Path, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "traces.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(trace_files, "trace_programs", interrupted_after(cut))
        with pytest.raises(KeyboardInterrupt):
            write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)
    assert not path.exists()
    assert not summary_path(path).exists()
    assert len(partial_path(path).read_text().splitlines()) == cut + 1
    asked: list[Sequence[Problem]] = []

    def watched(problems: Sequence[Problem], *rest: Any, **options: Any) -> Generator[Any]:
        asked.append(problems)
        yield from trace_programs(problems, *rest, **options)

    monkeypatch.setattr(trace_files, "trace_programs", watched)
    write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)
    assert [len(problems) for problems in asked] == [LIMIT - cut]
    assert path.read_bytes() == trace_file.read_bytes()
    assert summary_path(path).read_bytes() == summary_path(trace_file).read_bytes()
    assert leftovers(path) == set()


@pytest.mark.parametrize("lost", [1, 400, 10**6])
def test_a_torn_line_is_cut_off_said_and_made_again(
    trace_file: Path,
    basics: Source,
    tmp_path: Path,
    lost: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "traces.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(trace_files, "trace_programs", interrupted_after(4))
        with pytest.raises(KeyboardInterrupt):
            write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)
    data = partial_path(path).read_bytes()
    left = data[: max(0, len(data) - lost)]
    partial_path(path).write_bytes(left)
    write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)
    cut = len(left) - (left.rfind(b"\n") + 1)
    said = f"{partial_path(path)} ended in a torn line; {cut} bytes cut off"
    found = [record.message for record in caplog.records if record.name == jsonl.__name__]
    assert found == ([said] if cut else [])
    assert bool(cut) is bool(left)
    assert path.read_bytes() == trace_file.read_bytes()


def test_a_stop_before_the_rename_is_finished_without_tracing(
    trace_file: Path, basics: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "traces.jsonl"

    def full_disk(*_: object) -> None:
        raise DataError("cannot write: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(jsonl, "write_json", full_disk)
        with pytest.raises(DataError, match="No space"):
            write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)
    assert not path.exists()
    monkeypatch.setattr(trace_files, "trace_programs", None)
    shutil.copy(partial_path(path), tmp_path / "rest")
    write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)
    assert path.read_bytes() == trace_file.read_bytes()
    (tmp_path / "rest").rename(partial_path(path))  # as if killed before it was removed
    write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)
    assert leftovers(path) == set()


def test_ctrl_c_leaves_a_file_that_can_be_resumed(basics: Source, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    # Two chunks of programs, so that there are finished ones before all are.
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(path), "1", "62"], stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not partial_path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=60)[1]
    assert not path.exists()
    summary = write_traces(path, basics, Split.TEST, PLAN, limit=62)
    assert summary.programs == 62
    assert leftovers(path) == set()


def test_a_full_disk_is_one_line_and_can_be_resumed(
    trace_file: Path, basics: Source, tmp_path: Path
) -> None:
    path = tmp_path / "traces.jsonl"
    python = [sys.executable, "-c", _SCRIPT, str(path), "1", str(LIMIT)]
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 8; exec "$@"', "bash", *python],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("generators.errors.DataError: cannot write ")
    assert last.endswith("traces.jsonl.partial: File too large")
    assert not path.exists()
    write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)
    assert path.read_bytes() == trace_file.read_bytes()


@pytest.mark.parametrize(
    ("field", "split", "plan", "limit"),
    [
        (r"plan\.seed: 5 -> 6", Split.TEST, TracePlan(inputs=2, seed=6), LIMIT),
        (r"plan\.inputs: 2 -> 3", Split.TEST, TracePlan(inputs=3, seed=5), LIMIT),
        (r'split: "test" -> "train"', Split.TRAIN, PLAN, LIMIT),
        (r"limit: 8 -> null", Split.TEST, PLAN, None),
    ],
)
def test_another_request_is_refused_and_named(
    trace_file: Path, basics: Source, field: str, split: Split, plan: TracePlan, limit: int | None
) -> None:
    before = trace_file.read_bytes()
    with pytest.raises(RunError, match=rf"holds other traces \({field}\); choose another --out"):
        write_traces(trace_file, basics, split, plan, limit=limit)
    assert trace_file.read_bytes() == before


def test_the_rest_of_another_request_is_refused(
    basics: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "traces.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(trace_files, "trace_programs", interrupted_after(1))
        with pytest.raises(KeyboardInterrupt):
            write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)
    with pytest.raises(RunError, match=r"unfinished rest of other traces \(limit: 8 -> 9\)"):
        write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT + 1)


def test_a_rest_with_other_programs_is_refused(basics: Source, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    head = trace_files._header(basics, Split.TEST, PLAN, LIMIT)
    row = {"task_id": 1, "traces": [], "drops": {}, "note": ""}
    jsonl.write(partial_path(path), jsonl.header(trace_files.PARTIAL_SCHEMA, traces=head), [row])
    with pytest.raises(RunError, match="in order"):
        write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)


def test_a_changed_file_or_a_lost_summary_is_noticed(
    trace_file: Path, basics: Source, tmp_path: Path
) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(trace_file.read_bytes())
    with pytest.raises(RunError, match=r"lacks its summary traces\.summary\.json"):
        write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)
    summary_path(path).write_bytes(summary_path(trace_file).read_bytes())
    path.write_bytes(trace_file.read_bytes() + b"{}\n")
    with pytest.raises(RunError, match="was changed"):
        write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)


def test_two_writers_of_one_file_do_not_meet(basics: Source, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    with held(path), pytest.raises(RunError, match="another process"):
        write_traces(path, basics, Split.TEST, PLAN, limit=LIMIT)


def test_no_programs_is_an_error(basics: Source, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no programs in split test"):
        write_traces(tmp_path / "x.jsonl", basics, Split.TEST, PLAN, limit=0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(basics: Source, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        write_traces(tmp_path / "file" / "x.jsonl", basics, Split.TEST, PLAN, limit=1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"task_id": "1"}, "task_id"),
        ({"output": "f(1)"}, "not a literal"),
        ({"origin": "guess"}, "guess"),
        ({"extra": 1}, "unknown fields"),
        ({}, "comes twice"),
    ],
)
def test_broken_traces_are_refused_by_line(
    trace_file: Path, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    lines = trace_file.read_text().splitlines()[:2]
    lines.append(json.dumps({**json.loads(lines[1]), **change}))
    path = tmp_path / "broken.jsonl"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(FormatError, match=rf"broken\.jsonl:3: .*{says}"):
        read_traces(path)


def test_other_files_are_no_trace_files(basics: Source, tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"schema": "probe.sample", "version": 1}\n')
    for use in (read_traces, lambda p: write_traces(p, basics, Split.TEST, PLAN, limit=1)):
        with pytest.raises(ProbeError, match=r"expected a file of probe\.trace"):
            use(path)
    with pytest.raises(FormatError, match="lacks"):
        TraceSummary.from_json({})
