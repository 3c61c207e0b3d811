"""The zygote's channels: to the parent in frames, from children as it comes.

Called by :mod:`generators.sandbox.zygote` and :mod:`generators.sandbox.watch`, inside the sandbox.

Protocol with the parent, both directions: four bytes of length, then the body. A job is a JSON
object; the next one may be sent before the last is answered. A reply is one line of JSON, a
newline and the child's frames; an empty body is a sign of life. A job that would have to wait
long for the one before it is given back at once.
"""

from __future__ import annotations

import os
from typing import Any

__all__ = ["put_off", "read_now", "receive", "send"]

_CHUNK = 1 << 16


def receive(descriptor: int) -> bytes | None:
    """Return the next body, ``None`` at the end of the channel."""
    head = _read_exactly(descriptor, 4)
    return None if head is None else _read_exactly(descriptor, int.from_bytes(head, "big"))


def _read_exactly(descriptor: int, size: int) -> bytes | None:
    whole = os.read(descriptor, size)
    while len(whole) < size:
        part = os.read(descriptor, size - len(whole))
        if not part:
            return None
        whole += part
    return whole


def send(descriptor: int, body: bytes) -> None:
    """Send a body."""
    frame = len(body).to_bytes(4, "big") + body
    while frame:
        frame = frame[os.write(descriptor, frame) :]


def put_off(job: dict[str, Any]) -> bytes:
    """Return the reply that gives a job back as it came."""
    return f'{{"id": {job["id"]}, "reason": "later"}}\n'.encode()


def read_now(descriptor: int) -> bytes | None:
    """Read what is there: ``None`` for nothing yet, empty at the end."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None
