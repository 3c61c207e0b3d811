"""Hand-made rows in MathQA's schema, and a local server that has MathQA's archive."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from generators.problems.mathqa import download
from generators.problems.mathqa.convert import convert_row
from generators.problems.mathqa.records import MathProblem, MathSplit

Row = dict[str, str]
SPLITS = (MathSplit.DEV, MathSplit.TEST, MathSplit.CHALLENGE_TEST)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where fetched files are to lie; nothing is there yet."""
    return tmp_path / "cache" / "data" / "mathqa"


@pytest.fixture
def make_raw() -> Callable[..., Row]:
    def make(**changes: str) -> Row:
        return {
            "Problem": "what is 20 % of 1,500 ?",
            "Rationale": '"20 / 100 * 1500 = 300 . answer : b"',
            "options": "a ) 200 , b ) 300 , c ) 30 , d ) 3 , e ) none of these",
            "correct": "b",
            "annotated_formula": "multiply(divide(20, const_100), 1500)",
            "linear_formula": "divide(n0,const_100)|multiply(n1,#0)|",
            "category": "gain",
            **changes,
        }

    return make


@pytest.fixture
def make_problem(make_raw: Callable[..., Row]) -> Callable[..., MathProblem]:
    def make(index: int = 0, split: MathSplit = MathSplit.DEV, /, **changes: str) -> MathProblem:
        problem = convert_row(make_raw(**changes), split, index)
        assert isinstance(problem, MathProblem), problem
        return problem

    return make


@dataclass
class FakeHome:
    """What the server answers, and which requests it got."""

    body: bytes = b""
    status: int = 200
    requests: list[str] = field(default_factory=list)

    def publish(self, files: dict[str, bytes]) -> None:
        """Serve an archive of these files."""
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        self.body, self.status = sink.getvalue(), 200


class HomeHandler(BaseHTTPRequestHandler):
    """Answers every request with the same body."""

    home: FakeHome

    def do_GET(self) -> None:
        self.home.requests.append(self.path)
        self.send_response(self.home.status)
        self.send_header("Content-Length", str(len(self.home.body)))
        self.end_headers()
        self.wfile.write(self.home.body)

    def log_message(self, *args: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHome]:
    """A running server in the place of MathQA's home page."""
    fake = FakeHome(status=404)
    handler = type("Handler", (HomeHandler,), {"home": fake})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        url = f"http://127.0.0.1:{server.server_port}/MathQA.zip"
        monkeypatch.setattr(download, "ARCHIVE_URL", url)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


@pytest.fixture
def real_files(data_dir: Path) -> dict[str, bytes]:
    """The published files that the data folder has, by name."""
    return {f"{one}.json": (data_dir / "mathqa" / f"{one}.json").read_bytes() for one in SPLITS}
