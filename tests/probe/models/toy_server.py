"""A local HTTP server that speaks as much of OpenAI's interface as the tests need.

What it says to a completion comes from a function of the request's body and of how many requests
came before; a reply is a status, a body (an object, or bytes as they are) and headers.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any, dict[str, str]]


def said(text: str, finish: str = "stop", tokens: tuple[int, int] = (5, 2), **extra: Any) -> Reply:
    """The reply of a server that goes on with ``text``, good for either endpoint."""
    choice = {
        "index": 0,
        "text": text,
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish,
        **extra,
    }
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": 0}
    body = {"id": "x", "object": "o", "created": 1, "model": "m", "choices": [choice]}
    return 200, {**body, "usage": usage}, {}


def refusal(status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> Reply:
    """An error in OpenAI's form."""
    return status, {"error": {"message": message, **more}}, headers or {}


class ToyServer(ThreadingHTTPServer):
    """Counts what it is asked; set ``answer``, ``models`` or ``props`` to change what it says."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models: Any = [{"id": "toy", "object": "model", "created": 1, "owned_by": "toys"}]
        self.list_status = 200
        self.props: dict[str, Any] | None = None
        self.key: str | None = None
        self.answer: Callable[[dict[str, Any], int], Reply] = lambda body, number: said(" 1")
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.times: list[float] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no matter."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ToyServer

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        if self._locked():
            return
        if self.path == "/v1/models" and server.list_status == 200:
            models = server.models
            self._send((200, {"object": "list", "data": models}, {}))
        elif self.path == "/v1/models":
            self._send(refusal(server.list_status, "no list here"))
        elif self.path == "/props" and server.props is not None:
            self._send((200, server.props, {}))
        else:
            self._send(refusal(404, "no such page"))

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._locked():
            return
        with server.lock:
            number = len(server.asked)
            server.asked.append(body)
            server.paths.append(self.path)
            server.times.append(time.monotonic())
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            reply = server.answer(body, number)
        finally:
            with server.lock:
                server.at_once -= 1
        self._send(reply)

    def _locked(self) -> bool:
        key = self.server.key
        sent = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if key is None or sent == key:
            return False
        self._send(refusal(401, f"Incorrect API key provided: {sent}", code="invalid_api_key"))
        return True

    def _send(self, reply: Reply) -> None:
        status, body, headers = reply
        if status == 0:  # hang up without a word
            self.close_connection = True
            return
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def serve() -> ToyServer:
    """Serve until ``shutdown``."""
    server = ToyServer()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server
