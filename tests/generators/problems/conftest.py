"""Small sources in MBPP's schema, and a local server that speaks the hub's file routes."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from generators.problems.lookup import cached_path
from generators.problems.mbpp import split_of
from generators.problems.registry import HUB_REPOSITORY, HUB_REVISION, source_info

Row = dict[str, Any]

STRINGS = pa.list_(pa.string())
FULL = pa.schema(
    {
        "task_id": pa.int32(),
        "text": pa.string(),
        "code": pa.string(),
        "test_list": STRINGS,
        "test_setup_code": pa.string(),
        "challenge_test_list": STRINGS,
    }
)
SANITIZED = pa.schema(
    {
        "source_file": pa.string(),
        "task_id": pa.int32(),
        "prompt": pa.string(),
        "code": pa.string(),
        "test_imports": STRINGS,
        "test_list": STRINGS,
    }
)


@pytest.fixture(autouse=True)
def closed_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data folder, an empty cache, and a hub that nobody answers for."""
    monkeypatch.delenv("PROBE_DATA_DIR", raising=False)
    monkeypatch.setenv("PROBE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def make_row() -> Callable[..., Row]:
    def make(task_id: int = 11, /, **changes: Any) -> Row:
        row: Row = {
            "task_id": task_id,
            "text": f"Write a function to add {task_id}.",
            "code": f"def add_{task_id}(x):\r\n\treturn x + {task_id}",
            "test_list": [f"assert add_{task_id}(1) == {task_id + 1}"],
            "test_setup_code": "",
            "challenge_test_list": [],
        }
        return {key: value for key, value in {**row, **changes}.items() if value is not ...}

    return make


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    def make(rows: list[Any] | str, name: str = "mine.jsonl") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
        path.write_text(text, encoding="utf-8")
        return path

    return make


@dataclass
class FakeHub:
    """What the server serves by path, and which requests it got."""

    endpoint: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def publish(self, folder: str, rows: list[Row]) -> None:
        """Serve rows as the hub's dataset repository holds them: one parquet file a split."""
        schema = FULL if folder == "full" else SANITIZED
        for split in ("prompt", "test", "validation", "train"):
            part = [row for row in rows if split_of(row["task_id"]) == split]
            sink = pa.BufferOutputStream()
            parquet.write_table(pa.Table.from_pylist(part, schema=schema), sink)
            self.files[f"{folder}/{split}-00000-of-00001.parquet"] = sink.getvalue().to_pybytes()


class HubHandler(BaseHTTPRequestHandler):
    """The two routes of the hub that a download takes: ``resolve``, and the storage behind it."""

    hub: FakeHub
    resolve = f"/datasets/{HUB_REPOSITORY}/resolve/{HUB_REVISION}/"

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.wfile.write(self.answer())

    def answer(self) -> bytes:
        self.hub.requests.append(f"{self.command} {self.path}")
        storage = self.path.startswith("/storage/")
        name = self.path.removeprefix("/storage/" if storage else self.resolve)
        body = self.hub.files.get(name)
        if body is None:
            known = self.path.startswith(self.resolve)
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if known else "RevisionNotFound")
            self.send_header("X-Repo-Commit", HUB_REVISION)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return b""
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        self.send_response(200 if storage else 302)
        self.send_header("X-Repo-Commit", HUB_REVISION)
        self.send_header("ETag", etag)
        if storage:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("X-Linked-ETag", etag)
            self.send_header("X-Linked-Size", str(len(body)))
            self.send_header("Location", f"{self.hub.endpoint}/storage/{name}")
            self.send_header("Content-Length", "0")
        self.end_headers()
        return body if storage else b""

    def log_message(self, *args: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A running server; ``HF_ENDPOINT`` points to it."""
    fake = FakeHub()
    handler = type("Handler", (HubHandler,), {"hub": fake})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        fake.endpoint = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("HF_ENDPOINT", fake.endpoint)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


@pytest.fixture
def made_folder(make_row: Any, make_file: Callable[..., Path], tmp_path: Path) -> Path:
    """A data folder with an mbpp.jsonl of unknown content."""
    make_file([make_row(1), make_row(11)], "folder/mbpp/mbpp.jsonl")
    return tmp_path / "folder"


@pytest.fixture
def real_cache(data_dir: Path) -> Path:
    """The cache's mbpp.jsonl, a copy of the real one."""
    path = cached_path(source_info("mbpp"))
    path.parent.mkdir(parents=True)
    shutil.copyfile(data_dir / "mbpp" / "mbpp.jsonl", path)
    return path
