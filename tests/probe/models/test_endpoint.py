"""Servers by URL: what is one, which is refused, and that no secret comes out of it."""

from __future__ import annotations

import pytest

from generators.errors import UsageError
from probe.models.endpoint import (
    api_key,
    is_server,
    parse_endpoint,
    refuse_server,
    without_secrets,
)


@pytest.mark.parametrize(
    ("spec", "url", "model", "root"),
    [
        ("http://h:1/v1#m", "http://h:1/v1", "m", "http://h:1"),
        ("HTTP://Host:1/v1/#org/Name:q4", "http://host:1/v1", "org/Name:q4", "http://host:1"),
        ("https://h/openai/v1", "https://h/openai/v1", None, "https://h/openai"),
        ("http://[::1]:8000#m", "http://[::1]:8000", "m", "http://[::1]:8000"),
        ("http://h:1/v1#", "http://h:1/v1", None, "http://h:1"),
    ],
)
def test_urls(spec: str, url: str, model: str | None, root: str) -> None:
    found = parse_endpoint(spec)
    assert (found.url, found.model, found.root) == (url, model, root)
    assert is_server(spec)


@pytest.mark.parametrize("spec", ["smollm2-135m", "./http", "org/name", "httpx://h", ""])
def test_other_models_are_no_servers(spec: str) -> None:
    assert not is_server(spec)
    refuse_server(spec, "why")


@pytest.mark.parametrize("spec", ["http://", "http://#m", "http://h:port/v1", "http://[::1/v1"])
def test_broken_urls(spec: str) -> None:
    with pytest.raises(UsageError, match="no URL of a server; give http://host:port/v1#model"):
        parse_endpoint(spec)


@pytest.mark.parametrize(
    "spec",
    [
        "http://user:hunter2@h:1/v1#m",
        "http://hunter2@h:1/v1#m",
        "http://h:1/v1?api_key=hunter2#m",
        "http://user:hunter2@h:port/v1#m",
        "http://user:hunter2@[::1/v1",
    ],
)
def test_secrets_in_urls_are_refused_and_not_repeated(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_endpoint(spec)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in without_secrets(spec)
    with pytest.raises(UsageError, match="is a server: no") as caught:
        refuse_server(spec, "no")
    assert "hunter2" not in str(caught.value)


def test_keys() -> None:
    assert api_key({}) is None
    assert api_key({"PROBE_API_KEY": " ", "OPENAI_API_KEY": ""}) is None
    assert api_key({"OPENAI_API_KEY": "b"}) == ("b", "OPENAI_API_KEY")
    both = {"PROBE_API_KEY": "a\n", "OPENAI_API_KEY": "b"}
    assert api_key(both) == ("a", "PROBE_API_KEY")
    for wrong in ("two words", "k\u00e9y", "line\nbreak"):
        with pytest.raises(UsageError, match="PROBE_API_KEY holds characters") as caught:
            api_key({"PROBE_API_KEY": wrong})
        assert wrong not in str(caught.value)
