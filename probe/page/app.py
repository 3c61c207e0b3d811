"""The page: what a browser gets, and what it may send.

Called by ``probe dialog serve``. Plain HTML without scripts. Every address begins with a token
that only the address printed in the terminal has; requests for another host than this machine are
refused, so that no web page can reach it by a name that it points here. What models and people
wrote is escaped.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, abort, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from generators import jsonl
from generators.errors import ProbeError
from generators.records import SAMPLE_SCHEMA
from probe.page.sessions import Session, Sessions, State
from probe.report.numbers import percent_interval, visible_lines
from probe.runs import SAMPLES
from probe.statistics import Estimate
from probe.tasks.dialog.feedback import execution_sentence
from probe.tasks.dialog.results import Kind
from probe.tasks.dialog.sentences import limited

__all__ = ["make_app", "make_token"]

_HOSTS = {"127.0.0.1", "localhost"}
_MOST_BYTES = 64 * 1024
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_STATES = {
    State.KEPT: "kept",
    State.WORKING: "the model writes",
    State.WAITING: "waits for you",
    State.FINISHED: "finished",
    State.FAILED: "stopped",
}


def make_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(24)


def make_app(sessions: Sessions, token: str, about: Mapping[str, str]) -> Flask:
    """Make the WSGI application.

    Args:
        sessions: Everybody's sessions.
        token: First part of every address.
        about: What the sessions have in common, in words, by what it is.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _MOST_BYTES
    app.jinja_options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.filters["seen"] = visible_lines
    pages = _Pages(sessions, about)
    for rule, name, method in (
        ("/", "overview", "GET"),
        ("/style.css", "style", "GET"),
        ("/sessions", "begin", "POST"),
        ("/sessions/<name>", "session", "GET"),
        ("/sessions/<name>/say", "say", "POST"),
        ("/sessions/<name>/go-on", "go_on", "POST"),
        ("/sessions/<name>/leave", "leave", "POST"),
        ("/sessions/<name>/<int:task>", "transcript", "GET"),
    ):
        app.add_url_rule(f"/{token}{rule}", name, getattr(pages, name), methods=[method])

    @app.before_request
    def only_this_machine() -> None:
        if urlsplit(f"//{request.host}").hostname not in _HOSTS:
            abort(403)

    @app.after_request
    def with_headers(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response

    @app.errorhandler(HTTPException)
    def plain(error: HTTPException) -> tuple[str, int]:
        return f"{error.code} {error.name}\n", error.code or 500

    return app


class _Pages:
    """The answers to requests."""

    def __init__(self, sessions: Sessions, about: Mapping[str, str]) -> None:
        self._sessions = sessions
        self._about = about

    def overview(self, trouble: str = "", given: Mapping[str, str] | None = None) -> str:
        """List the sessions; a form begins another."""
        return render_template(
            "overview.html.j2",
            sessions=[(one, _STATES[one.state]) for one in self._sessions],
            about=self._about,
            folder=self._sessions.folder.name,
            trouble=trouble,
            given=given or {},
        )

    def style(self) -> Response:
        """Send the style sheet."""
        return Response(render_template("page.css"), mimetype="text/css")

    def begin(self) -> Any:
        """Begin a session."""
        name, author = request.form.get("name", ""), request.form.get("author", "")
        try:
            session = self._sessions.begin(name.strip(), author)
        except ProbeError as error:
            return self.overview(str(error), {"name": name, "author": author}), 400
        return redirect(url_for("session", name=session.name), 303)

    def session(self, name: str) -> str:
        """Show what a session is at: a failure, the model at work, or what came of it."""
        return self._shown(self._known(name))

    def _shown(self, session: Session, trouble: str = "", typed: str = "") -> str:
        found, asked = session.state, session.asked  # in this order: a thread goes on meanwhile
        shown: dict[str, Any] = {"session": session, "trouble": trouble or session.trouble}
        if asked is not None:
            return render_template(
                "asked.html.j2",
                asked=asked,
                outcome=execution_sentence(asked.failure.reply, show_expected=True),
                typed=typed,
                **shown,
            )
        if found is State.FINISHED:
            try:
                results = session.results()
            except ProbeError as error:
                return render_template("altered.html.j2", **{**shown, "trouble": str(error)})
            solved = [percent_interval(Estimate(**one)) for one in results["solved"]]
            return render_template(
                "finished.html.j2",
                results=results,
                solved=solved,
                dialogs=_outcomes(session),
                folder=session.config.out.name,
                **shown,
            )
        if found in (State.KEPT, State.FAILED):
            return render_template("kept.html.j2", **shown)
        return render_template("working.html.j2", **shown)

    def say(self, name: str) -> Any:
        """Take the person's words about a failure."""
        session = self._known(name)
        key, typed = request.form.get("key", ""), request.form.get("text", "")
        text = "" if "nothing" in request.form else typed.strip()
        if "nothing" not in request.form:
            if not text:
                trouble = "Say something, or choose “Nothing to say”."
            elif not limited(text).text:
                trouble = "That is code alone; say it in words."
            elif limited(text).cut:
                trouble = f"The model gets one sentence: {limited(text).text}"
                text = limited(text).text
            else:
                trouble = ""
            if trouble:
                return self._shown(session, trouble, text or typed), 400
        if not session.say(key, text):
            return self._shown(session, "That was said already; here is how it goes on."), 409
        return self._back(session)

    def go_on(self, name: str) -> Response:
        """Go on with a session that was kept."""
        session = self._known(name)
        session.go_on()
        return self._back(session)

    def leave(self, name: str) -> Response:
        """Stop a session; it is kept."""
        session = self._known(name)
        session.leave()
        session.wait(10)
        return redirect(url_for("overview"), 303)

    def transcript(self, name: str, task: int) -> str:
        """Show a dialog."""
        session = self._known(name)
        rows = [row for row in _rows(session) if row["task_id"] == task]
        if not rows:
            abort(404)
        return render_template("transcript.html.j2", session=session, task=task, rows=rows)

    def _known(self, name: str) -> Session:
        try:
            return self._sessions[name]
        except KeyError:
            abort(404)

    def _back(self, session: Session) -> Response:
        return redirect(url_for("session", name=session.name), 303)


def _rows(session: Session) -> list[dict[str, Any]]:
    """Return the replies and feedbacks of a finished session, in the order of the talk."""
    if session.state is not State.FINISHED:
        abort(404)
    rows = [row for _, row in jsonl.read(session.config.out / SAMPLES, SAMPLE_SCHEMA)]
    talk = [row for row in rows if row["kind"] != Kind.RESAMPLE]
    return sorted(talk, key=lambda r: (r["task_id"], r["turn"], r["kind"] == Kind.FEEDBACK))


def _outcomes(session: Session) -> dict[int, str]:
    """Return by problem the outcome of the last reply."""
    return {
        row["task_id"]: row["outcome"].replace("_", " ")
        for row in _rows(session)
        if row["kind"] == Kind.REPLY
    }
