"""What a server tells of itself: its models, the one that is meant, its chat template.

Called by :mod:`probe.models.server` when it first meets a server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from generators.errors import ModelError, UsageError
from generators.jsonl import canonical_json, sha256_text
from probe.models.endpoint import Endpoint
from probe.models.server_line import GarbledError, Line
from probe.prompts import NO_CHAT, ChatMode, ChatTemplate, Turn

__all__ = [
    "choose_model",
    "list_models",
    "messages_of",
    "names_of",
    "reported",
    "server_chat",
    "shown_by",
]

_TIMEOUT = 30.0
_MOST_NAMES = 20

# What servers report of a model that stays the same from one day to the next.
_LASTING = ("id", "owned_by", "root", "parent", "max_model_len", "meta", "aliases")


def list_models(line: Line, endpoint: Endpoint) -> list[dict[str, Any]]:
    """Return the server's models as it describes them; none if it has no such list."""
    import openai

    def ask(client: Any) -> list[dict[str, Any]]:
        try:
            body = client.get("/models", cast_to=object, options={"timeout": _TIMEOUT})
        except openai.NotFoundError:
            return []
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
            raise GarbledError(f"no list of models at {endpoint.url}/models; is the URL right?")
        return data

    return line.call(ask, attempts=1)


def choose_model(endpoint: Endpoint, listed: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the entry of the model that is meant.

    Raises:
        UsageError: No name is given and the server has several models, or does not list them.
        ModelError: The server does not have it.
    """
    if not listed:
        if endpoint.model is None:
            raise UsageError(
                f"the server {endpoint.url} lists no models; name one: {endpoint.url}#name "
                "(and see that the URL is right: it often ends in /v1)"
            )
        return {}
    if endpoint.model is None:
        if len(listed) > 1:
            raise UsageError(
                f"the server {endpoint.url} has several models: {names_of(listed)}; name one: "
                f"{endpoint.url}#{listed[0].get('id')}"
            )
        return listed[0]
    for entry in listed:
        if endpoint.model in (entry.get("id"), *(entry.get("aliases") or ())):
            return entry
    raise ModelError(
        f"the server {endpoint.url} has no model {endpoint.model!r}; it has {names_of(listed)}"
    )


def shown_by(line: Line, endpoint: Endpoint, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what llama.cpp shows at ``/props``; other servers are not asked."""
    import openai

    if entry.get("owned_by") != "llamacpp":
        return {}

    def ask(client: Any) -> dict[str, Any]:
        try:
            body = client.get(
                f"{endpoint.root}/props", cast_to=object, options={"timeout": _TIMEOUT}
            )
        except (openai.NotFoundError, openai.PermissionDeniedError, openai.AuthenticationError):
            return {}
        return body if isinstance(body, dict) else {}

    return line.call(ask)


def reported(entry: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a manifest keeps of a server's own words."""
    found = {name: entry[name] for name in _LASTING if name in entry}
    if "build_info" in shown:
        found["build_info"] = shown["build_info"]
    return found


def names_of(models: Sequence[Mapping[str, Any]]) -> str:
    """Return the names of a server's models for a message."""
    names = [str(entry.get("id")) for entry in models]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more or "no models"


def server_chat(mode: ChatMode, shown: Mapping[str, Any]) -> ChatTemplate:
    """Return the chat template; a server's is hashed where it is shown, never applied here."""
    if mode is ChatMode.NONE:
        return NO_CHAT
    text = shown.get("chat_template")
    digest = sha256_text(text) if isinstance(text, str) and text else None
    return ChatTemplate(mode=mode, sha256=digest, render=str, render_turns=_as_json)


def _as_json(turns: Sequence[Turn]) -> str:
    """Return the messages that a server gets, as a sample keeps them."""
    return canonical_json([{"role": turn.role, "content": turn.text} for turn in turns])


def messages_of(prompt: str) -> tuple[Turn, ...]:
    """Return the messages that a sample keeps as its prompt; none if it is one message's text."""
    try:
        found = json.loads(prompt)
        return tuple(Turn(role=str(one["role"]), text=str(one["content"])) for one in found)
    except (ValueError, TypeError, KeyError):
        return ()
