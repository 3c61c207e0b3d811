"""The page without a browser: whole sessions, what is refused, what is kept."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from generators import jsonl
from generators.errors import ProbeError, UsageError
from generators.problems.sources import load_source
from probe.config import DialogConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.page.app import make_app
from probe.page.sessions import Sessions, State
from probe.tasks.dialog.feedback import FEEDBACK_SCHEMA
from probe.tasks.dialog.recording import FEEDBACK_FILE
from probe.verify import verify

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}
TOKEN = "token-of-the-tests"


def mending(request: Request) -> str:
    """Fail with hostile text, and mend after any feedback that asks for it."""
    live = request.prompt.rpartition("I need to write a function called")[2]
    if "please" in live:
        return f"{PROBLEMS[int(request.task_id)].code}\n[DONE]"
    return "raise ValueError('<script>alert(1)</script>\u202e')\n[DONE]"


def config(folder: Path) -> DialogConfig:
    return DialogConfig(
        out=folder,
        source="basics",
        problems=2,
        turns=2,
        resample=False,
        max_new_tokens=9999,
        batch_invariance_items=0,
    )


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    found = Sessions(tmp_path / "people", config(tmp_path), FakeGenerator(mending))
    yield found
    found.close()


@pytest.fixture
def browser(sessions: Sessions) -> FlaskClient:
    return make_app(sessions, TOKEN, {"Model": "a <fake>"}).test_client()


def begin(browser: FlaskClient, name: str = "one", author: str = "Ann O'Nym") -> TestResponse:
    form = {"name": name, "author": author}
    return browser.post(f"/{TOKEN}/sessions", data=form, follow_redirects=True)


def look(browser: FlaskClient, text: str, name: str = "one", seconds: float = 60) -> str:
    """Return the session's page once it says something."""
    end = time.monotonic() + seconds
    while True:
        page = browser.get(f"/{TOKEN}/sessions/{name}").text
        if text in page:
            return page
        assert time.monotonic() < end, page
        time.sleep(0.02)


def say(browser: FlaskClient, page: str, text: str | None, name: str = "one") -> TestResponse:
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    form = {"key": found[1]} | ({"text": text} if text is not None else {"nothing": "1"})
    return browser.post(f"/{TOKEN}/sessions/{name}/say", data=form)


def test_a_whole_session(browser: FlaskClient, sessions: Sessions) -> None:
    assert "The model writes" in begin(browser).text or "Task" in begin(browser, "x").text
    first = look(browser, "Program 1 of 2")
    assert "&lt;script&gt;" in first
    assert "<script" not in first
    assert "\u202e" not in first  # would turn the line around
    assert say(browser, first, "please, do it").status_code == 303
    second = look(browser, "Program 2 of 2")
    assert say(browser, second, None).status_code == 303
    done = look(browser, "This session is finished")
    assert "50.0%" in done
    run = sessions["one"].config.out
    assert verify(run)[0].ok
    (row,) = [row for _, row in jsonl.read(run / FEEDBACK_FILE, FEEDBACK_SCHEMA)]
    assert (row["text"], row["author"]) == ("please, do it", "human Ann O'Nym")
    solved, other = re.findall(rf"/{TOKEN}/sessions/one/(\d+)", done)
    pages = [browser.get(f"/{TOKEN}/sessions/one/{task}").text for task in (solved, other)]
    assert {"please, do it" in page for page in pages} == {True, False}
    assert all("human Ann O&#39;Nym" in page for page in pages)
    assert browser.get(f"/{TOKEN}/sessions/one/999").status_code == 404


def test_what_is_typed_is_kept_when_somebody_leaves(
    browser: FlaskClient, sessions: Sessions, tmp_path: Path
) -> None:
    begin(browser)
    say(browser, look(browser, "Program 1 of 2"), "please, once")
    look(browser, "Program 2 of 2")
    left = browser.post(f"/{TOKEN}/sessions/one/leave", follow_redirects=True)
    assert "kept" in left.text
    run = sessions["one"].config.out
    rows = [row for _, row in jsonl.read(run / FEEDBACK_FILE, FEEDBACK_SCHEMA)]
    assert [row["text"] for row in rows] == ["please, once"]

    again = Sessions(tmp_path / "people", config(tmp_path), FakeGenerator(mending))
    client = make_app(again, TOKEN, {}).test_client()
    assert again["one"].state is State.KEPT
    assert "Ann O&#39;Nym" in client.get(f"/{TOKEN}/").text
    assert client.get(f"/{TOKEN}/sessions/one/{rows[0]['task_id']}").status_code == 404
    client.post(f"/{TOKEN}/sessions/one/go-on")
    say(client, look(client, "Program 1 of 1"), "please, twice")
    assert "100.0%" in look(client, "This session is finished")
    assert verify(run)[0].ok
    third = Sessions(tmp_path / "people", config(tmp_path), FakeGenerator(mending))
    assert third["one"].state is State.FINISHED


def test_words_that_are_no_feedback_are_sent_back(browser: FlaskClient) -> None:
    begin(browser)
    page = look(browser, "Program 1 of 2")
    assert "Say something" in say(browser, page, "  ").text
    assert "say it in words" in say(browser, page, "```\nx = 1\n```").text
    cut = say(browser, page, "Sort it. And <b>reverse</b> it.")
    assert cut.status_code == 400
    assert "The model gets one sentence: Sort it." in cut.text
    assert ">Sort it.</textarea>" in cut.text
    assert "Program 1 of 2" in cut.text


def test_a_page_sent_twice_speaks_once(browser: FlaskClient, sessions: Sessions) -> None:
    begin(browser)
    page = look(browser, "Program 1 of 2")
    assert say(browser, page, "please, a").status_code == 303
    look(browser, "Program 2 of 2")
    late = say(browser, page, "please, b")
    assert late.status_code == 409
    assert "said already" in late.text
    assert "Program 2 of 2" in late.text


def test_two_sessions_share_the_model(browser: FlaskClient) -> None:
    begin(browser, "one")
    begin(browser, "two", "Bob")
    for name in ("one", "two"):
        look(browser, "Program 1 of 2", name)
    say(browser, look(browser, "Program 1 of 2", "two"), "please, me first", "two")
    look(browser, "Program 2 of 2", "two")
    assert "Program 1 of 2" in look(browser, "Program", "one")
    overview = browser.get(f"/{TOKEN}/").text
    assert overview.count("waits for you") == 2


@pytest.mark.parametrize(
    ("name", "author", "told"),
    [
        ("../up", "Ann", "small letters"),
        ("", "Ann", "small letters"),
        ("one", "  ", "say who you are"),
        ("one", "A" * 61, "say who you are"),
        ("one", "A\u202eB", "say who you are"),
    ],
)
def test_names_that_cannot_be(browser: FlaskClient, name: str, author: str, told: str) -> None:
    found = begin(browser, name, author)
    assert found.status_code == 400
    assert told in found.text


def test_a_name_is_taken_once(browser: FlaskClient, sessions: Sessions) -> None:
    begin(browser)
    assert "choose another name" in begin(browser).text
    (sessions.folder / "file").parent.mkdir(exist_ok=True)
    (sessions.folder / "file").touch()
    assert "choose another name" in begin(browser, "file").text


def test_without_the_token_there_is_nothing(browser: FlaskClient) -> None:
    for path in ("/", "/sessions", "/style.css", f"/{TOKEN[:-1]}/", "/sessions/one"):
        found = browser.get(path)
        assert (found.status_code, found.text) == (404, "404 Not Found\n")
    assert browser.post("/sessions", data={"name": "one", "author": "A"}).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", ""])
def test_other_hosts_are_refused(browser: FlaskClient, host: str) -> None:
    assert browser.get(f"/{TOKEN}/", headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:9", "localhost"])
def test_this_machine_is_served(browser: FlaskClient, host: str) -> None:
    found = browser.get(f"/{TOKEN}/", headers={"Host": host})
    assert found.status_code == 200
    assert "a &lt;fake&gt;" in found.text
    assert "default-src 'none'" in found.headers["Content-Security-Policy"]
    assert found.headers["Referrer-Policy"] == "no-referrer"
    assert found.headers["Cache-Control"] == "no-store"


def test_a_request_has_a_size(browser: FlaskClient) -> None:
    begin(browser)
    page = look(browser, "Program 1 of 2")
    assert say(browser, page, "x" * 70_000).status_code == 413


def test_trouble_is_told_and_can_be_gone_on_from(tmp_path: Path) -> None:
    class FakeBroken(FakeGenerator):
        def generate(self, requests: object, decoding: object) -> Iterator[object]:  # type: ignore[override]
            raise ProbeError("the model <is> away")
            yield

    found = Sessions(tmp_path / "people", config(tmp_path), FakeBroken(mending))
    client = make_app(found, TOKEN, {}).test_client()
    begin(client)
    assert "the model &lt;is&gt; away" in look(client, "the model &lt;is")
    assert found["one"].state is State.FAILED
    whole = Sessions(tmp_path / "people", config(tmp_path), FakeGenerator(mending))
    client = make_app(whole, TOKEN, {}).test_client()
    client.post(f"/{TOKEN}/sessions/one/go-on")
    look(client, "Program 1 of 2")
    whole.close()


def test_folders_that_hold_no_sessions(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        Sessions(tmp_path / "file", config(tmp_path), FakeGenerator(mending))
    run = tmp_path / "run"
    run.mkdir()
    (run / "manifest.json").write_text("{}")
    with pytest.raises(UsageError, match="is a run"):
        Sessions(run, config(tmp_path), FakeGenerator(mending))
    assert list(Sessions(tmp_path, config(tmp_path), FakeGenerator(mending))) == []
