"""Serving the page on the loopback address, until Ctrl-C. Called by ``probe dialog serve``."""

from __future__ import annotations

import logging
import socket
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
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((_LOOPBACK, port))
            listening.listen()
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(f"port {port}: {reason}; choose another --port") from None
        server = make_server(
            _LOOPBACK,
            port,
            app,
            threaded=True,
            request_handler=_Silent,
            fd=listening.fileno(),
        )
        ready(f"http://{_LOOPBACK}:{listening.getsockname()[1]}/")
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            pass
        finally:
            server.server_close()
