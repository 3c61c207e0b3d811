"""The page in a real browser: no errors, no requests, filters and links to items work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from probe.report.build import build_report

pytestmark = pytest.mark.slow

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-pings",
    "--disable-features=OptimizationHints,MediaRouter,Translate",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # the browser's own requests go nowhere either
    "--virtual-time-budget=5000",
    "--enable-logging=stderr",
    "--log-level=0",
)


@dataclass
class Seen:
    """What a browser made of a page: the document, console messages, what the page asked for."""

    document: str
    messages: list[str]
    requests: list[str]


@pytest.fixture
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is not installed")
    return found


def visit(chromium: str, address: str, scratch: Path) -> Seen:
    log = scratch / "network.json"
    done = subprocess.run(
        [
            chromium,
            *FLAGS,
            f"--user-data-dir={scratch / 'profile'}",
            f"--log-net-log={log}",
            "--dump-dom",
            address,
        ],
        capture_output=True,
        check=True,
        timeout=120,
    )
    messages = [
        line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line
    ]
    events = [event.get("params", {}) for event in json.loads(log.read_text("utf-8"))["events"]]
    requests = [
        event["url"]
        for event in events
        if "url" in event and event.get("initiator", "not an origin") != "not an origin"
    ]
    return Seen(document=done.stdout.decode(), messages=messages, requests=requests)


@pytest.fixture
def page(usual_runs: list[Path], tmp_path: Path) -> Path:
    return build_report(usual_runs, tmp_path / "out").index


def test_no_error_and_no_request(chromium: str, page: Path, tmp_path: Path) -> None:
    seen = visit(chromium, page.as_uri(), tmp_path)
    assert seen.messages == []
    assert seen.requests == []
    assert "186 items</output>" in seen.document
    assert not re.search(r'<form class="filter" hidden', seen.document)


def test_a_request_would_be_noticed(chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<img src="http://example.org/x.png"><script>y</script>', encoding="utf-8")
    seen = visit(chromium, page.as_uri(), tmp_path)
    assert seen.requests == ["http://example.org/x.png"]
    assert any("ReferenceError" in message for message in seen.messages)


def test_a_link_to_an_item_opens_it(chromium: str, page: Path, tmp_path: Path) -> None:
    seen = visit(chromium, f"{page.as_uri()}#item-10-1", tmp_path)
    opened = re.findall(r'<details class="item" id="([^"]*)"[^>]* open=""', seen.document)
    assert opened == ["item-10-1"]


def test_filters_hide_what_does_not_fit(chromium: str, page: Path, tmp_path: Path) -> None:
    """A copy of the page, its policy taken off, gets a script that acts as a reader does."""
    text = page.read_text(encoding="utf-8")
    wanted = len(re.findall(r'data-pattern="0.1" data-type="int"', text))
    assert 0 < wanted < 60
    act = """<script>
    const form = document.querySelector(".filter");
    form.elements.show.value = "0.1";
    form.elements.type.value = "int";
    form.dispatchEvent(new Event("input", {bubbles: true}));
    </script></body>"""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    copy = tmp_path / "copy.html"
    copy.write_text(text.replace("</body>", act), encoding="utf-8")
    seen = visit(chromium, copy.as_uri(), tmp_path)
    shown = re.findall(r'<details class="item"((?:(?!hidden)[^>])*)>', seen.document)
    assert len(shown) == wanted
    assert all('data-type="int"' in attributes for attributes in shown)
    assert f"{wanted} item" in seen.document


def test_the_browser_runs_no_other_script(chromium: str, page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    bad = "<script>document.title = 'owned'</script></body>"
    copy = tmp_path / "copy.html"
    copy.write_text(text.replace("</body>", bad), encoding="utf-8")
    seen = visit(chromium, copy.as_uri(), tmp_path)
    assert "<title>owned</title>" not in seen.document
    assert any("Content Security Policy" in message for message in seen.messages)
