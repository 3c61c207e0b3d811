"""Damaged bodies of a server's answers, through the real client: an error, or a completion.

A text that was altered cannot be told from another text; its type and the counts can be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import openai
import pytest

from probe.models.server_answer import read_completion
from probe.models.server_line import Line, Patience
from probe.models.text import Completion, Decoding, Finish, Request

BODY = "body.json"
DECODING = Decoding(max_new_tokens=8, stop=("\n",))
REQUEST = Request(key="1", prompt="2 + 3 =")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A line to a server that answers with the content of a file."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = (tmp_path / BODY).read_bytes()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    made = Line(client, url=url, key=None, patience=Patience(attempts=1))
    yield made
    made.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("chat", [False, True], ids=["completion", "chat"])
def test_answers(line: Line, tmp_path: Path, *, chat: bool, damage: Any) -> None:
    said = {"message": {"role": "assistant", "content": "5"}} if chat else {"text": "5"}
    body = {
        "id": "1",
        "object": "chat.completion" if chat else "text_completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "stop_reason": "\n", **said}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
    }

    def ask(client: Any) -> Completion:
        if chat:
            turns = [{"role": "user", "content": REQUEST.prompt}]
            response = client.chat.completions.create(model="m", messages=turns)
        else:
            response = client.completions.create(model="m", prompt=REQUEST.prompt)
        return read_completion(response, REQUEST, DECODING)

    def holds(found: Completion) -> bool:
        counts = (found.prompt_tokens, found.completion_tokens)
        return type(found.text) is str and all(type(n) is int and n >= 0 for n in counts)

    content = json.dumps(body).encode()
    (tmp_path / BODY).write_bytes(content)
    whole = line.call(ask)
    assert (whole.text, whole.finish, whole.prompt_tokens) == ("5", Finish.STOP, 7)
    damage.survives(content, tmp_path / BODY, lambda _: line.call(ask), holds)
