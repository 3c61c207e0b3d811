"""Damaged files of bundles, reports and a page's sessions: an error, or what was written.

Rebuilding a whole report for each damage is left out; ``test_changed_bytes.py`` does some.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import ProbeError
from probe.archive import bundle, opened
from probe.checksums import CHECKSUMS, checksum_differences
from probe.cli import main
from probe.config import DialogConfig
from probe.manifest import MANIFEST_SCHEMA
from probe.models.fake import FakeGenerator
from probe.page.app import make_app
from probe.page.sessions import Sessions
from probe.report.front import front_page


@pytest.fixture(scope="module")
def archive(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "a.tar.gz"
    bundle([runs[0]], path)
    return path


@pytest.mark.parametrize("packed", [True, False], ids=["the stream", "what is in it"])
def test_archives(archive: Path, tmp_path: Path, *, packed: bool, damage: Any) -> None:
    whole = gzip.decompress(archive.read_bytes())

    def read(path: Path) -> bool:
        """Whatever was changed in a file is found by its hash."""
        if not packed:
            path.write_bytes(gzip.compress(path.read_bytes(), compresslevel=0))
        with opened(path) as folder:
            if checksum_differences(folder):
                return True
            return sorted(file.name for file in folder.iterdir()) == sorted(
                [
                    "checksums.txt",
                    "commands.md",
                    "environment.txt",
                    "index.html",
                    "report.md",
                    "results.json",
                    "runs",
                ]
            )

    content = archive.read_bytes() if packed else whole
    (tmp_path / "a.tar.gz").write_bytes(content)
    assert read(tmp_path / "a.tar.gz")
    damage.survives(content, tmp_path / "a.tar.gz", read, bool)


@pytest.mark.parametrize("sealed", [True, False], ids=["with checksums", "without"])
def test_results_of_a_report(report: Path, tmp_path: Path, *, sealed: bool, damage: Any) -> None:
    (tmp_path / "one" / "runs").mkdir(parents=True)
    for name in ("index.html", "report.md", "results.json"):
        shutil.copy(report / name, tmp_path / "one")
    lines = (report / CHECKSUMS).read_text().splitlines(keepends=True)
    if sealed:
        own = [line for line in lines if "/" not in line]
        (tmp_path / "one" / CHECKSUMS).write_text("".join(own))
    path = tmp_path / "one" / "results.json"
    content = path.read_bytes()
    whole = front_page(tmp_path)
    damage.survives(
        content,
        path,
        lambda _: front_page(tmp_path),
        lambda found: not sealed or (found == whole and path.read_bytes() == content),
    )


@pytest.mark.parametrize("name", ["manifest.json", "results.json"])
def test_sessions_of_a_page(
    runs: list[Path], tmp_path: Path, name: str, reseal: Callable[[Path], None], damage: Any
) -> None:
    run = tmp_path / "people" / "one"
    shutil.copytree(runs[2], run)
    path = run / "manifest.json"
    document = json.loads(path.read_text())
    document["identity"]["feedback"] = {"kind": "human", "name": "Ann"}
    jsonl.write_json(path, document)
    reseal(run)
    whole = json.loads((run / "results.json").read_text())
    config = DialogConfig(out=tmp_path, source="basics")

    def read(_: Path) -> Any:
        try:
            found = list(Sessions(tmp_path / "people", config, FakeGenerator(lambda _: "")))
        except ProbeError as error:
            raise AssertionError("one broken session keeps all from being listed") from error
        return [session.results() for session in found]

    damage.survives(
        (run / name).read_bytes(), run / name, read, lambda found: found in ([], [whole])
    )


@pytest.mark.parametrize("identity", [[1], "x", {"verb": "evaluate dialog", "feedback": [1]}])
def test_what_is_no_session_is_passed_over(tmp_path: Path, identity: object) -> None:
    head = jsonl.header(MANIFEST_SCHEMA, identity=identity)
    jsonl.write_json(tmp_path / "people" / "one" / "manifest.json", head)
    config = DialogConfig(out=tmp_path, source="basics")
    assert list(Sessions(tmp_path / "people", config, FakeGenerator(lambda _: ""))) == []


def test_a_page_says_that_a_finished_session_was_altered(runs: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "people" / "one"
    shutil.copytree(runs[2], run)
    document = json.loads((run / "manifest.json").read_text())
    document["identity"]["feedback"] = {"kind": "human", "name": "Ann"}
    jsonl.write_json(run / "manifest.json", document)
    config = DialogConfig(out=tmp_path, source="basics")
    sessions = Sessions(tmp_path / "people", config, FakeGenerator(lambda _: ""))
    answer = make_app(sessions, "token", {}).test_client().get("/token/sessions/one")
    assert answer.status_code == 200
    assert "manifest.json has another hash" in answer.text


def broken_archive(archive: Path, report: Path, folder: Path) -> list[str]:
    del report
    content = archive.read_bytes()
    (folder / "a.tar.gz").write_bytes(content[:40] + b"\x00\xff" + content[42:])
    return ["verify", str(folder / "a.tar.gz")]


def altered_report(archive: Path, report: Path, folder: Path) -> list[str]:
    del archive
    shutil.copytree(report, folder / "one")
    (folder / "one" / "results.json").write_text("{}")
    return ["front", str(folder)]


def altered_run(archive: Path, report: Path, folder: Path) -> list[str]:
    del archive
    shutil.copytree(report / "runs" / "dialog", folder / "run")
    (folder / "run" / "feedback.jsonl").write_text("")
    return ["report", str(folder / "run"), "--out", str(folder / "out"), "--quiet"]


def lost_summary(archive: Path, report: Path, folder: Path) -> list[str]:
    del archive, report
    traces = folder / "t.jsonl"
    command = ["make-traces", "--source", "basics", "--limit", "1", "--inputs", "0", "--quiet"]
    command += ["--out", str(traces)]
    with pytest.raises(SystemExit):
        main(command)
    path = folder / "t.summary.json"
    path.write_text(path.read_text().replace('"traces": ', '"traces": 1'))
    return command


@pytest.mark.parametrize("make", [broken_archive, altered_report, altered_run, lost_summary])
def test_on_the_command_line(
    archive: Path,
    report: Path,
    tmp_path: Path,
    make: Callable[[Path, Path, Path], list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = make(archive, report, tmp_path)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(command)
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    assert line.startswith(f"probe: {tmp_path}")
