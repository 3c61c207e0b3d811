"""Damaged single files beside and around runs: an error of one line, or what was written.

Left out: what PEFT, torch and safetensors read themselves (weights of models and adapters; their
hashes are in manifests). Checkpoints are in ``tests/probe/training``, where torch is imported.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl, trace_files
from generators.errors import DataError
from generators.perturb.files import write_variants
from generators.perturb.records import VariantPlan
from generators.problems import hub
from generators.problems.mathqa import download
from generators.problems.sources import load_source
from generators.records import Split
from generators.stored import summary_path
from generators.trace_files import write_traces
from generators.trace_summary import TraceSummary
from generators.tracing import TracePlan
from probe.analysis.overlap import file_lines
from probe.cost import Meter, read_cost
from probe.models import adapter as adapters
from probe.models import store

TRACES = "traces.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A whole file, and how it is read.

    Attributes:
        content: The whole file.
        path: Where it lies.
        read: What reads it, given the path.
        exact: Whether nothing but what the whole file gives may be read.
    """

    content: bytes
    path: Path
    read: Callable[[Path], Any]
    exact: bool = True


BASICS = load_source("basics")


def make_traces(folder: Path) -> TraceSummary:
    return write_traces(folder / TRACES, BASICS, Split.TEST, TracePlan(inputs=1), limit=2)


def trace_summary(folder: Path, patch: pytest.MonkeyPatch) -> Record:
    del patch
    make_traces(folder)
    path = summary_path(folder / TRACES)
    return Record(content=path.read_bytes(), path=path, read=lambda _: make_traces(folder))


def variant_summary(folder: Path, patch: pytest.MonkeyPatch) -> Record:
    del patch
    make_traces(folder)
    out = folder / "variants.jsonl"

    def read(_: Path) -> dict[str, Any]:
        return write_variants(out, folder / TRACES, VariantPlan())

    read(out)
    path = summary_path(out)
    return Record(content=path.read_bytes(), path=path, read=read)


def unfinished_traces(folder: Path, patch: pytest.MonkeyPatch) -> Record:
    """All programs are done; what a damaged file lacks would be traced again, and is not here."""
    traces = folder / TRACES
    kept: list[bytes] = []
    publish = trace_files._publish

    def keeping(path: Path, head: Any, partial: Path, *rest: Any) -> Any:
        kept.append(partial.read_bytes())
        return publish(path, head, partial, *rest)

    with patch.context() as inner:
        inner.setattr(trace_files, "_publish", keeping)
        make_traces(folder)
    whole = traces.read_bytes()

    def stop(*_: Any, **__: Any) -> Any:
        raise DataError("a program would be traced again")

    patch.setattr(trace_files, "choose_backend", stop)

    def read(_: Path) -> bytes:
        traces.unlink(missing_ok=True)
        make_traces(folder)
        return traces.read_bytes()

    path = folder / f"{TRACES}.partial"
    path.write_bytes(kept[0])
    assert read(path) == whole
    return Record(content=kept[0], path=path, read=read)


def cost(folder: Path, patch: pytest.MonkeyPatch) -> Record:
    del patch
    path = folder / "cost.json"
    jsonl.write_json(path, Meter().read())

    def read(path: Path) -> None:
        jsonl.write_json(folder / "again.json", Meter().read(read_cost(path)))

    return Record(content=path.read_bytes(), path=path, read=read)


def model_sheet(folder: Path, patch: pytest.MonkeyPatch) -> Record:
    del patch
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    store.seal(folder, {"name": "a", "obtained": "hub", "origin": {"revision": "b"}})
    path = folder / store.CHECKSUMS

    def read(path: Path) -> Any:
        found = store.open_stored(path.parent)
        return found and found.weights

    return Record(content=path.read_bytes(), path=path, read=read)


def adapter_file(name: str) -> Callable[[Path, pytest.MonkeyPatch], Record]:
    def make(folder: Path, patch: pytest.MonkeyPatch) -> Record:
        patch.setattr(adapters, "_attach", lambda model, _: model)
        (folder / "adapter").mkdir()
        base = {"base_model_name_or_path": "base", "r": 4, "target_modules": ["q_proj"]}
        (folder / "adapter" / "adapter_config.json").write_text(json.dumps(base))
        (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
        identity = {"model": {"name": "base", "weights": {"w": "0"}}, "prompts": {"p@1": "0"}}
        (folder / "manifest.json").write_text(json.dumps({"identity": identity}))

        def read(_: Path) -> Any:
            weights = {"w": "0"}
            return adapters.attach_adapter(None, folder, base_name="base", weights=weights)[1][
                "sha256"
            ]

        path = folder / name
        return Record(content=path.read_bytes(), path=path, read=read)

    return make


def hub_rows(folder: Path, patch: pytest.MonkeyPatch) -> Record:
    del patch
    import pyarrow
    from pyarrow import parquet

    rows = [
        {
            "text": one.text,
            "code": one.code,
            "task_id": one.task_id,
            "test_setup_code": "",
            "test_list": list(one.test_list),
            "challenge_test_list": ["assert f(1) == 1"],
        }
        for one in load_source("basics").problems[:3]
    ]
    path = folder / "part.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return Record(
        content=path.read_bytes(),
        path=path,
        read=lambda path: hub._read_parquet(path, "part", hub._COLUMNS["full"]),
        exact=False,  # the hash of the content decides, in sources.py
    )


def math_archive(folder: Path, patch: pytest.MonkeyPatch) -> Record:
    path = folder / "MathQA.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MathQA/train.json", json.dumps([{"Problem": "two", "correct": "a"}] * 3))
        archive.writestr("MathQA/readme.txt", "words")
    patch.setattr(download, "ARCHIVE_URL", path.as_uri())
    patch.delenv("HF_HUB_OFFLINE", raising=False)

    def read(_: Path) -> bool:
        """Names may be lost, and are then missed; a content is what it was, by the zip's check."""
        return set(download.fetch_archive().values()) <= {
            json.dumps([{"Problem": "two", "correct": "a"}] * 3)
        }

    return Record(content=path.read_bytes(), path=path, read=read)


def overlap_text(folder: Path, patch: pytest.MonkeyPatch) -> Record:
    del patch
    content = "".join(one.code for one in load_source("basics").problems[:3]).encode()
    read = lambda path: list(file_lines(path))  # noqa: E731
    return Record(content=content, path=folder / "text.py", read=read, exact=False)


RECORDS = {
    "trace summary": trace_summary,
    "variant summary": variant_summary,
    "unfinished traces": unfinished_traces,
    "cost": cost,
    "model sheet": model_sheet,
    "adapter config": adapter_file("adapter/adapter_config.json"),
    "adapter's manifest": adapter_file("manifest.json"),
    "parquet of the hub": hub_rows,
    "MathQA's archive": math_archive,
    "text": overlap_text,
}


@pytest.mark.parametrize("name", RECORDS)
def test_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: Any) -> None:
    record = RECORDS[name](tmp_path, monkeypatch)
    record.path.write_bytes(record.content)
    whole = record.read(record.path)
    assert whole is not False
    damage.survives(
        record.content,
        record.path,
        record.read,
        lambda found: not record.exact or found == whole,
    )
