"""A server as a user names it, ``http://host:port/v1#model``, and the key that opens it.

Called by the tasks, the training and :mod:`probe.models.server`; needs neither torch nor the
``openai`` client. Nothing here keeps or prints a key: a URL that holds one is refused unread.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from generators.errors import UsageError

__all__ = [
    "KEY_VARIABLES",
    "Endpoint",
    "api_key",
    "is_server",
    "parse_endpoint",
    "refuse_server",
    "without_secrets",
]

KEY_VARIABLES = ("PROBE_API_KEY", "OPENAI_API_KEY")
_SCHEMES = ("http://", "https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a server's routes begin, and which of its models is meant.

    Attributes:
        url: Scheme, host, port and path, without a slash at the end.
        model: Name after ``#``; ``None`` if there is none.
    """

    url: str
    model: str | None

    @property
    def root(self) -> str:
        """The URL without a last ``/v1``: where servers keep what is not in OpenAI's interface."""
        return self.url.removesuffix("/v1")


def is_server(spec: str) -> bool:
    """Return whether a model is named by the URL of a server."""
    return spec.lower().startswith(_SCHEMES)


def parse_endpoint(spec: str) -> Endpoint:
    """Read ``http://host:port/v1#model``.

    Raises:
        UsageError: It is no such URL, or holds a user name, a password or a query, any of which
            may be a secret that a run folder would keep.
    """
    try:
        parts = urlsplit(spec)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not is_server(spec) or not host or spec != spec.strip():
        raise UsageError(
            f"{without_secrets(spec)!r} is no URL of a server; give http://host:port/v1#model"
        )
    if "@" in parts.netloc:
        raise UsageError(
            "the server's URL holds a user name or a password; leave it out and put a key into "
            f"the environment variable {KEY_VARIABLES[0]}"
        )
    if parts.query:
        raise UsageError(
            "the server's URL holds a query (?...), which may be a secret; leave it out and put "
            f"a key into the environment variable {KEY_VARIABLES[0]}"
        )
    path = parts.path.rstrip("/")
    url = f"{parts.scheme.lower()}://{parts.netloc.lower()}{path}"
    return Endpoint(url=url, model=parts.fragment or None)


def without_secrets(spec: str) -> str:
    """Return the text of a URL without user, password and query, however broken it is."""
    scheme, mark, rest = spec.partition("://")
    if not mark:
        return spec
    place, hash_mark, fragment = rest.partition("#")
    place = place.partition("?")[0].rpartition("@")[2]
    return f"{scheme}{mark}{place}{hash_mark}{fragment.rpartition('@')[2]}"


def refuse_server(spec: str, why: str) -> None:
    """Refuse a server where a model's weights are needed.

    Raises:
        UsageError: ``spec`` names a server; ends with ``why``.
    """
    if is_server(spec):
        raise UsageError(f"--model {without_secrets(spec)} is a server: {why}")


def api_key(environment: Mapping[str, str] | None = None) -> tuple[str, str] | None:
    """Return the key and the variable it stands in, or ``None``.

    Raises:
        UsageError: It holds characters that no HTTP header can carry.
    """
    found = os.environ if environment is None else environment
    for name in KEY_VARIABLES:
        key = found.get(name, "").strip()
        if not key:
            continue
        if not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError(f"{name} holds characters that a key cannot have; set it again")
        return key, name
    return None
