"""Run folders: identity, resume, refusal, torn lines, one writer at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from generators.errors import DataError, FormatError, RunError
from generators.jsonl import read_json
from generators.locks import locked
from probe import runs
from probe.checksums import CHECKSUMS
from probe.cost import COST_SCHEMA
from probe.manifest import MANIFEST_SCHEMA
from probe.report.build import REPORT_SCHEMA
from probe.runs import (
    COST,
    MANIFEST,
    RESULTS,
    RESULTS_SCHEMA,
    SAMPLES,
    RunWriter,
    read_run,
)

IDENTITY = {"verb": "test", "config": {"seed": 0, "shots": 3}}


def finish(path: Path, keys: list[str]) -> None:
    with RunWriter(path, IDENTITY) as run:
        run.append([{"key": key} for key in keys if key not in run.done])
        run.finish({"task": "test", "n_items": len(keys)}, keys)


def test_an_interrupted_run_ends_with_the_bytes_of_an_undisturbed_one(tmp_path: Path) -> None:
    finish(tmp_path / "a", ["1", "2", "3"])
    with RunWriter(tmp_path / "b", IDENTITY) as run:
        run.append([{"key": "3"}])
    finish(tmp_path / "b", ["1", "2", "3"])
    for name in (SAMPLES, RESULTS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_torn_line_is_asked_for_again_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RunWriter(tmp_path, IDENTITY) as run:
        run.append([{"key": "1"}, {"key": "2"}])
    path = tmp_path / SAMPLES
    path.write_bytes(path.read_bytes()[:-5])
    with RunWriter(tmp_path, IDENTITY) as run:
        assert list(run.done) == ["1"]
    assert caplog.messages == [f"{path} ended in a torn line; 8 bytes cut off"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    finish(tmp_path, ["1", "2"])
    assert len(caplog.messages) == 1  # nothing is torn any more


def test_a_sample_that_comes_twice_is_written_once(tmp_path: Path) -> None:
    """As when Ctrl-C comes right after samples were written: they are handed over again."""
    with RunWriter(tmp_path, IDENTITY) as run:
        run.append([{"key": "1"}])
        run.append([{"key": "1"}, {"key": "2"}])
    with RunWriter(tmp_path, IDENTITY) as run:
        assert list(run.done) == ["1", "2"]


def test_what_could_not_be_written_is_not_taken_for_done(file_limit: Any, tmp_path: Path) -> None:
    with RunWriter(tmp_path, IDENTITY) as run:
        run.append([{"key": "1"}])
        with file_limit(4096), pytest.raises(DataError, match="cannot write"):
            run.append([{"key": "2", "text": "x" * 9999}])
        assert list(run.done) == ["1"]
        run.append([{"key": "2", "text": "x" * 9999}])
    with RunWriter(tmp_path, IDENTITY) as run:
        assert list(run.done) == ["1", "2"]


def test_a_torn_header_starts_anew(tmp_path: Path) -> None:
    with RunWriter(tmp_path, IDENTITY) as run:
        run.append([{"key": "1"}])
    (tmp_path / SAMPLES).write_text('{"schema": "pro')
    finish(tmp_path, ["1"])
    assert [row["key"] for row in read_run(tmp_path).samples] == ["1"]


def test_a_folder_of_another_run_is_refused_and_the_field_named(tmp_path: Path) -> None:
    finish(tmp_path, ["1"])
    before = {child.name: child.read_bytes() for child in tmp_path.iterdir()}
    other = {"verb": "test", "config": {"seed": 0, "shots": 0}}
    with pytest.raises(RunError, match=r"another run \(config\.shots: 3 -> 0\)"):
        RunWriter(tmp_path, other).__enter__()
    assert {child.name: child.read_bytes() for child in tmp_path.iterdir()} == before


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunError, match="not empty and holds no run"):
        RunWriter(tmp_path, IDENTITY).__enter__()
    assert [child.name for child in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("")
    with pytest.raises(RunError, match="is a file"):
        RunWriter(path, IDENTITY).__enter__()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with (
        RunWriter(tmp_path, IDENTITY),
        pytest.raises(RunError, match="written by another process"),
    ):
        RunWriter(tmp_path, IDENTITY).__enter__()
    finish(tmp_path, ["1"])


def test_a_folder_that_became_anothers_while_it_was_locked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process has written its run between the look at the folder and the lock."""

    def late(*arguments: Path) -> AbstractContextManager[None]:
        monkeypatch.undo()
        finish(tmp_path / "run", ["1"])
        return locked(*arguments)

    monkeypatch.setattr(runs, "locked", late)
    with pytest.raises(RunError, match=r"another run \(config\.seed: 0 -> 1\)"):
        RunWriter(tmp_path / "run", {**IDENTITY, "config": {"seed": 1, "shots": 3}}).__enter__()


def test_an_unfinished_run_is_not_read(tmp_path: Path) -> None:
    with RunWriter(tmp_path, IDENTITY) as run:
        run.append([{"key": "1"}])
    with pytest.raises(RunError, match="not finished"):
        read_run(tmp_path)
    with pytest.raises(RunError, match="there is no "):
        read_run(tmp_path / "nowhere")


def test_samples_of_another_run_and_double_keys_are_refused(tmp_path: Path) -> None:
    finish(tmp_path / "a", ["1"])
    (tmp_path / "a" / CHECKSUMS).unlink()  # they would tell first
    path = tmp_path / "a" / SAMPLES
    text = path.read_text()
    path.write_text(text + '{"key": "1"}\n')
    with pytest.raises(FormatError, match="key of its own"):
        RunWriter(tmp_path / "a", IDENTITY).__enter__()
    path.write_text(text.replace('"identity_sha256": "', '"identity_sha256": "f'))
    with pytest.raises(RunError, match="belongs to another run"):
        RunWriter(tmp_path / "a", IDENTITY).__enter__()


@pytest.mark.parametrize("version", [0, 2, "1", None])
@pytest.mark.parametrize("schema", [MANIFEST_SCHEMA, RESULTS_SCHEMA, COST_SCHEMA, REPORT_SCHEMA])
def test_an_unknown_version_is_refused(schema: str, version: object, tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.write_text(json.dumps({"schema": schema, "version": 1}), encoding="utf-8")
    assert read_json(path, schema)["version"] == 1
    path.write_text(json.dumps({"schema": schema, "version": version}), encoding="utf-8")
    with pytest.raises(FormatError, match=f"version {version!r} of {schema} is not known"):
        read_json(path, schema)


@pytest.mark.parametrize("name", [MANIFEST, RESULTS, COST])
def test_a_run_with_a_file_of_a_later_version_is_refused(
    name: str, reseal: Callable[[Path], None], tmp_path: Path
) -> None:
    with RunWriter(tmp_path, IDENTITY) as run:
        run.append([{"key": "1"}])
    if name != COST:
        finish(tmp_path, ["1"])
    later = json.loads((tmp_path / name).read_text(encoding="utf-8")) | {"version": 2}
    (tmp_path / name).write_text(json.dumps(later), encoding="utf-8")
    if name != COST:
        reseal(tmp_path)
    refused = rf"{name}: version 2 of probe\.\w+ is not known"
    with pytest.raises(FormatError, match=refused):
        finish(tmp_path, ["1"]) if name == COST else read_run(tmp_path)


def test_a_finished_run_is_not_gone_on_with_where_something_below_was_changed(
    tmp_path: Path,
) -> None:
    with RunWriter(tmp_path, IDENTITY) as run:
        (tmp_path / "adapter").mkdir()
        (tmp_path / "adapter" / "config.json").write_text("{}")
        run.append([{"key": "1"}])
        run.finish({"task": "test", "n_items": 1}, ["1"])
    finish(tmp_path, ["1"])
    sums = (tmp_path / CHECKSUMS).read_bytes()
    (tmp_path / "adapter" / "config.json").write_text("[]")
    with pytest.raises(RunError, match=r"adapter/config\.json has another hash"):
        finish(tmp_path, ["1"])
    assert (tmp_path / CHECKSUMS).read_bytes() == sums
