"""A local server that speaks the hub's routes for a model snapshot."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "c" * 40


def serve(repositories: dict[str, Path], *, gated: bool) -> ThreadingHTTPServer:
    """Serve folders as repositories until ``shutdown``."""
    options = {"repositories": repositories, "gated": gated}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_HubHandler,), options))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _HubHandler(BaseHTTPRequestHandler):
    """The hub's routes for a snapshot: model info, file tree, ``resolve``."""

    repositories: dict[str, Path]
    gated: bool

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        for name, folder in self.repositories.items():
            if path.startswith(f"/{name}/resolve/"):
                file = folder / path.split("/", 5)[5]
                if self.gated:
                    return self._send(403, b"", {"X-Error-Code": "GatedRepo"})
                if file.is_file():
                    return self._send(200, file.read_bytes(), {})
            elif path.startswith(f"/api/models/{name}/revision/"):
                return self._send_json(_info(name, folder))
            elif path.startswith(f"/api/models/{name}/tree/"):
                return self._send_json(_tree(folder))
        return self._send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def _send_json(self, value: Any) -> None:
        if self.gated:
            self._send(403, b"", {"X-Error-Code": "GatedRepo"})
        else:
            self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {
            "X-Repo-Commit": COMMIT,
            "ETag": f'"{hashlib.sha256(body).hexdigest()}"',
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def _info(name: str, folder: Path) -> dict[str, Any]:
    files = [{"rfilename": p.name, "size": p.stat().st_size} for p in folder.iterdir()]
    return {"id": name, "sha": COMMIT, "siblings": files}


def _tree(folder: Path) -> list[dict[str, Any]]:
    return [
        {"type": "file", "path": p.name, "size": p.stat().st_size, "oid": "0" * 40}
        for p in sorted(folder.iterdir())
    ]
