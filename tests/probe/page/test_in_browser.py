"""A person in a real browser, with a real model behind the page, through a whole dialog."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generators import jsonl
from probe.tasks.dialog.feedback import FEEDBACK_SCHEMA
from probe.tasks.dialog.recording import FEEDBACK_FILE
from probe.verify import verify

pytestmark = pytest.mark.slow

playwright = pytest.importorskip("playwright.sync_api")


@pytest.fixture
def server(
    make_model_folder: Callable[..., Path], tmp_path: Path
) -> Iterator[tuple[str, Path, subprocess.Popen[str]]]:
    """Yield the address of a page, the folder of its sessions, and its process."""
    model = make_model_folder("llama", max_position_embeddings=4096)
    folder = tmp_path / "people"
    process = subprocess.Popen(
        [
            sys.executable, "-c", "from probe.cli import main; main()", "dialog", "serve",
            "--model", str(model), "--source", "basics", "--problems", "2", "--turns", "1",
            "--no-resample", "--max-new-tokens", "6", "--sessions", str(folder), "--quiet",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"open (http://127\.0\.0\.1:\d+/\S+/) in a browser; Ctrl-C ends\n", line)
    assert found, line
    yield found[1], folder, process
    if process.poll() is None:
        process.kill()
    process.wait(30)
    process.stdout.close()


@pytest.fixture
def browser() -> Iterator[object]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


def test_a_whole_dialog(
    server: tuple[str, Path, subprocess.Popen[str]], browser: object, tmp_path: Path
) -> None:
    address, folder, process = server
    page = browser.new_page(viewport={"width": 900, "height": 1100})  # type: ignore[attr-defined]
    messages, requests = [], []
    page.on("console", lambda message: messages.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    page.set_default_timeout(60_000)
    page.goto(address)
    assert "A model writes programs" in page.inner_text("main")
    page.get_by_label("Who you are").fill("Ann")
    page.get_by_label("Name of the session").fill("first-try")
    page.get_by_role("button", name="Begin").click()

    page.get_by_text("Program 1 of 2").wait_for()  # the page looks again by itself
    assert page.locator("textarea").evaluate("node => node === document.activeElement")
    page.keyboard.type("Return the list. Not its length.")
    page.get_by_role("button", name="Send").click()
    assert "The model gets one sentence" in page.get_by_role("alert").inner_text()
    assert page.locator("textarea").input_value() == "Return the list."
    page.get_by_role("button", name="Send").click()
    page.get_by_text("Program 2 of 2").wait_for()
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("link", name="first-try").click()
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("Program 1 of 1").wait_for()
    page.get_by_role("button", name="Nothing to say").click()
    page.get_by_role("heading", name="This session is finished").wait_for()
    page.locator("table").last.get_by_role("link").first.click()
    assert "Reply 1" in page.inner_text("main")

    assert all("status of 400" in message for message in messages)  # words that were sent back
    assert all(url.startswith(address) for url in requests)
    assert page.goto(address.rsplit("/", 2)[0] + "/").status == 404
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    run = folder / "first-try"
    (row,) = [row for _, row in jsonl.read(run / FEEDBACK_FILE, FEEDBACK_SCHEMA)]
    assert (row["text"], row["author"]) == ("Return the list.", "human Ann")
    assert verify(run)[0].ok


def test_narrow_pages_do_not_scroll_sideways(
    server: tuple[str, Path, subprocess.Popen[str]], browser: object
) -> None:
    address, _, _ = server
    page = browser.new_page(viewport={"width": 360, "height": 700})  # type: ignore[attr-defined]
    page.set_default_timeout(60_000)
    page.goto(address)
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= 360
    page.get_by_label("Who you are").fill("Ann")
    page.get_by_label("Name of the session").fill("narrow")
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("Program 1 of 2").wait_for()
    assert page.evaluate(wide) <= 360
