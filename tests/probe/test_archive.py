"""One archive for a reviewer: what is in it, that it verifies, that a bad one is refused."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from generators.errors import FormatError, RunError, UsageError
from generators.records import Split
from probe.archive import bundle, opened
from probe.config import ExecutionConfig, MakeTracesConfig
from probe.models.fake import FakeGenerator
from probe.report.bundle import write_report
from probe.tasks.execution import evaluate_execution
from probe.tasks.traces import make_traces
from probe.verify import verify

ROOT = Path(__file__).parents[2]
STORED = (  # written programs, a fine-tuning run without its adapter, a dialog
    "writing-by-size/runs/qwen2.5-coder-1.5b",
    "smollm2-135m/runs/lora-120",
    "qwen2.5-coder-1.5b/runs/dialog-model",
)
VERIFY = """
import sys
from probe.cli import main
try:
    main(["verify", "theirs.tar.gz", "--json", "--quiet", "--workers", "1"])
except SystemExit as end:
    heavy = {"torch", "transformers", "peft"} & set(sys.modules)
    sys.exit(" ".join(heavy) or end.code)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    traces = folder / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=0, limit=4, out=traces))
    evaluate_execution(
        ExecutionConfig(traces=traces, out=folder / "run"),
        lambda: FakeGenerator(lambda _: " True\n"),
    )
    return folder / "run"


def test_it_holds_all_and_verifies(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "mine.tar.gz"
    names = bundle([run], out)
    assert {
        "bundle/index.html",
        "bundle/report.md",
        "bundle/results.json",
        "bundle/environment.txt",
        "bundle/commands.md",
        "bundle/checksums.txt",
        "bundle/runs/run/samples.jsonl",
        "bundle/runs/run/manifest.json",
    } <= set(names)
    found = verify(out)
    assert len(found) == 2
    assert all(part.ok and str(part.path).startswith(str(out)) for part in found)
    with opened(out) as folder:
        assert "torch==" in (folder / "environment.txt").read_text()
        assert "## run" in (folder / "commands.md").read_text()
        assert str(run.parent) not in (folder / "commands.md").read_text()
    assert not folder.exists()


def test_several_runs_verify_in_another_place(run: Path, tmp_path: Path) -> None:
    """A new process in another folder, without the runs, data and cache, and without torch."""
    sources = tmp_path / "sources"
    shutil.copytree(run, sources / "predicted")
    shutil.copy(run.parent / "test.jsonl", sources / "test.jsonl")
    for name in STORED:
        shutil.copytree(ROOT / "reports" / name, sources / Path(name).name)
    inputs = sorted(sources.iterdir())
    names = {path.name for path in inputs if path.is_dir()}
    place = tmp_path / "place"
    bundle(inputs, place / "theirs.tar.gz")
    shutil.rmtree(sources)
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    places = {"HOME": str(place), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", VERIFY],
        cwd=place,
        env=kept | places,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    parts = {part["path"]: part for part in json.loads(done.stdout)["parts"]}
    assert parts.keys() == names | {"theirs.tar.gz"}
    assert all(part["ok"] for part in parts.values())
    predicted = parts["predicted"]
    assert {"traces", "problems", "templates"} <= set(predicted["checked"])
    assert any("true outputs by running again" in text for text in predicted["checked"])
    assert predicted["unchecked"] == []
    unchecked = parts["dialog-model"]["unchecked"]
    assert any("mbpp-sanitized is not here" in text for text in unchecked)
    assert "adapter_sha256: the adapter is not in the folder" in parts["lora-120"]["unchecked"]
    with opened(place / "theirs.tar.gz") as folder:
        for file in folder.rglob("*"):
            assert not file.is_file() or str(tmp_path).encode() not in file.read_bytes(), file


def test_the_same_bytes_from_runs_and_from_their_report(run: Path, tmp_path: Path) -> None:
    write_report([run], tmp_path / "report")
    for name, source in (("a", run), ("b", run), ("c", tmp_path / "report")):
        bundle([source], tmp_path / f"{name}.tar.gz")
    a, b, c = ((tmp_path / f"{name}.tar.gz").read_bytes() for name in "abc")
    assert a == b == c


def repacked(archive: Path, name: str, content: bytes, out: Path) -> Path:
    """Return a copy of an archive in which a file has other content."""
    with tarfile.open(archive, "r:gz") as old, tarfile.open(out, "w:gz") as new:
        for entry in old:
            stream = old.extractfile(entry)
            assert stream is not None
            data = content if entry.name == name else stream.read()
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))
    return out


@pytest.mark.parametrize("name", ["environment.txt", "commands.md", "runs/run/samples.jsonl"])
def test_a_changed_file_is_named(run: Path, tmp_path: Path, name: str) -> None:
    bundle([run], tmp_path / "a.tar.gz")
    with opened(tmp_path / "a.tar.gz") as folder:
        content = (folder / name).read_bytes()
    changed = content.replace(b"e", b"E", 1)
    other = repacked(tmp_path / "a.tar.gz", f"bundle/{name}", changed, tmp_path / "b.tar.gz")
    try:
        told = "".join(text for part in verify(other) for text in part.differences)
    except FormatError as error:
        told = str(error)
    assert name.rpartition("/")[2] in told


def test_archives_that_are_none(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"something\.tar\.gz"):
        bundle([run], tmp_path / "a.zip")
    bad = tmp_path / "bad.tar.gz"
    for content in (b"", b"no archive", gzip.compress(b"no archive")):
        bad.write_bytes(content)
        with pytest.raises(FormatError, match="archive"):
            verify(bad)
    bundle([run], tmp_path / "a.tar.gz")
    whole = (tmp_path / "a.tar.gz").read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="archive"):
        verify(bad)


def test_a_flipped_byte_in_the_stream(run: Path, tmp_path: Path) -> None:
    """Deflate has errors of its own, where the check of the whole is not reached."""
    bundle([run], tmp_path / "a.tar.gz")
    whole = (tmp_path / "a.tar.gz").read_bytes()
    bad = tmp_path / "bad.tar.gz"
    told = set()
    for place in range(10, 400, 13):
        bad.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            assert not all(part.ok for part in verify(bad))
        except (FormatError, RunError) as error:
            told.add(str(error).partition("bad.tar.gz: ")[2].partition(":")[0])
    assert "no archive that can be opened" in told


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside-of-the-archive", "bundle/../../up"])
def test_an_archive_writes_only_into_its_folder(tmp_path: Path, name: str) -> None:
    bad = tmp_path / "bad.tar.gz"
    with tarfile.open(bad, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(FormatError):
        verify(bad)
