"""Serving the page on the loopback address, until Ctrl-C. Called by ``probe dialog serve``."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from generators.errors import UsageError

__all__ = ["serve_until_interrupted"]

_LOOPBACK = "127.0.0.1"


class _Silent(WSGIRequestHandler):
    """Writes no line for a request: its address has the token in it."""

    def log(self, type: str, message: str, *args: object) -> None:
        del type, message, args


def serve_until_interrupted(app: Flask, port: int, ready: Callable[[str], None]) -> None:
    """Serve an application.

    Args:
        app: What answers.
        port: Where; 0 for a free one.
        ready: Told the address, ``http://127.0.0.1:PORT/``, when it can be reached.

    Raises:
        UsageError: The port is taken.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        server = make_server(_LOOPBACK, port, app, threaded=True, request_handler=_Silent)
    except (OSError, SystemExit):  # what it does when the port is taken
        raise UsageError(f"port {port} cannot be had; choose another --port") from None
    ready(f"http://{_LOOPBACK}:{server.server_port}/")
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
