"""Sessions of people who give feedback on a page: each is a dialog run in a thread of its own.

Called by :mod:`probe.page.app`. A session is a run folder, so it can be kept, gone on with and
verified as every other run; what is typed is in its samples at once. The sessions share one model,
which answers one of them at a time.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from threading import Condition, Lock, Thread
from typing import Any

from generators.errors import ProbeError, RunError, UsageError
from generators.jsonl import read_json
from probe.config import DialogConfig
from probe.manifest import MANIFEST_SCHEMA
from probe.models.text import Completion, Decoding, Request, TextGenerator, chat_of
from probe.runs import MANIFEST, RESULTS, read_run
from probe.tasks.dialog.feedback import Failure
from probe.tasks.dialog.givers import Giver
from probe.tasks.dialog.task import evaluate_dialog

__all__ = ["Asked", "Session", "Sessions", "State"]

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LONGEST_AUTHOR = 60


class State(StrEnum):
    """What a session is at."""

    KEPT = "kept"
    WORKING = "working"
    WAITING = "waiting"
    FINISHED = "finished"
    FAILED = "failed"


class _Left(ProbeError):
    """The person has left; the session is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A failure that a person shall speak about.

    Attributes:
        failure: What failed.
        number: Its place in this turn's failures that nothing was said about, from 1.
        total: How many they are.
    """

    failure: Failure
    number: int
    total: int


class _Shared:
    """A model that answers one session at a time."""

    def __init__(self, generator: TextGenerator) -> None:
        self._generator = generator
        self._lock = Lock()
        self.identity = generator.identity
        self.chat = chat_of(generator)
        if hasattr(generator, "prompt_length"):
            self.prompt_length = generator.prompt_length

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """Yield one completion per request; the model is held until the last is taken."""
        with self._lock:
            yield from self._generator.generate(requests, decoding)

    def alone(self, request: Request, decoding: Decoding) -> Completion | None:
        """Return nothing: the other session's requests may be under way."""
        del request, decoding
        return None


class Session:
    """One person's dialogs with the model.

    Attributes:
        name: That of the run folder.
        config: The dialog run.
    """

    def __init__(self, name: str, config: DialogConfig, generator: TextGenerator) -> None:
        self.name = name
        self.config = config
        self._generator = generator
        self._changed = Condition()
        self._state = State.FINISHED if (config.out / RESULTS).is_file() else State.KEPT
        self._asked: Asked | None = None
        self._typed: str | None = None
        self._leaving = False
        self._thread: Thread | None = None
        self._done, self._total = 0, 0
        self.trouble = ""

    @property
    def state(self) -> State:
        """What the session is at."""
        return self._state

    @property
    def asked(self) -> Asked | None:
        """What waits for the person's words, if anything does."""
        return self._asked

    @property
    def doing(self) -> str:
        """What the model is at, in words."""
        return f"{self._done} of {self._total} replies" if self._total else "getting ready"

    def results(self) -> dict[str, Any]:
        """Return the results of a finished session.

        Raises:
            ProbeError: Its files are not as they were written.
        """
        return read_run(self.config.out).results

    def go_on(self) -> None:
        """Begin, or go on with what is kept; a session that runs or is finished is left alone."""
        with self._changed:
            if self._state in (State.KEPT, State.FAILED):
                self._state, self._leaving, self.trouble = State.WORKING, False, ""
                self._thread = Thread(target=self._hold, name=f"session {self.name}", daemon=True)
                self._thread.start()

    def say(self, key: str, text: str) -> bool:
        """Give the person's words about a failure; whether it was the one that waits."""
        with self._changed:
            if self._asked is None or self._asked.failure.key != key:
                return False
            self._typed, self._asked, self._state = text, None, State.WORKING
            self._changed.notify_all()
            return True

    def leave(self) -> None:
        """Stop asking; what was said is kept."""
        with self._changed:
            self._leaving = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait until the session has stopped, at most so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _hold(self) -> None:
        state, trouble = State.FAILED, ""
        try:
            evaluate_dialog(self.config, lambda: self._generator, progress=self, person=self._ask)
            state = State.FINISHED
        except _Left:
            state = State.KEPT
        except ProbeError as error:
            trouble = str(error)
        except Exception:
            _LOG.exception("session %s", self.name)
            trouble = "something went wrong that should not have; the terminal says what"
        with self._changed:
            self._state, self.trouble, self._asked = state, trouble, None

    def _ask(self, failure: Failure, number: int, total: int) -> str:
        with self._changed:
            self._typed = None
            self._asked = Asked(failure=failure, number=number, total=total)
            self._state = State.WAITING
            self._changed.wait_for(lambda: self._words() is not None or self._leaving)
            words = self._words()
            if words is None:
                self._asked = None
                raise _Left("the person has left")
            return words

    def _words(self) -> str | None:
        return self._typed

    def start(self, label: str, total: int | None) -> None:
        """Show what is being done; see :class:`generators.progress.Progress`."""
        del label
        self._done, self._total = 0, total or 0

    def advance(self, n: int = 1) -> None:
        """Show progress."""
        self._done += n
        if self._leaving:
            raise _Left("the person has left")

    def finish(self) -> None:
        """Show nothing any more."""
        self._total = 0


class Sessions:
    """All sessions below one folder.

    Args:
        folder: Holds a run folder for each.
        config: What all sessions have in common.
        generator: The model.

    Raises:
        UsageError: The folder is a file or a run.
    """

    def __init__(self, folder: Path, config: DialogConfig, generator: TextGenerator) -> None:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--sessions wants a folder, and {folder} is a file")
        if (folder / MANIFEST).exists():
            raise UsageError(f"{folder} is a run; --sessions wants the folder that runs go into")
        self.folder = folder
        self._config = replace(config, feedback=Giver.HUMAN)
        self._generator = _Shared(generator)
        self._sessions: dict[str, Session] = {}
        self._lock = Lock()
        for manifest in sorted(folder.glob(f"*/{MANIFEST}")):
            with suppress(ProbeError):  # something else lies there
                self._find(manifest)

    def _find(self, manifest: Path) -> None:
        identity = read_json(manifest, MANIFEST_SCHEMA).get("identity")
        feedback = identity.get("feedback") if isinstance(identity, dict) else None
        if not isinstance(identity, dict) or not isinstance(feedback, dict):
            return
        if identity.get("verb") == "evaluate dialog" and feedback.get("kind") == Giver.HUMAN:
            self._add(manifest.parent.name, str(feedback.get("name")))

    def _add(self, name: str, author: str) -> Session:
        config = replace(self._config, out=self.folder / name, author=author)
        session = self._sessions[name] = Session(name, config, self._generator)
        return session

    def __iter__(self) -> Iterator[Session]:
        """Yield the sessions by name."""
        with self._lock:
            return iter([self._sessions[name] for name in sorted(self._sessions)])

    def __getitem__(self, name: str) -> Session:
        """Return a session.

        Raises:
            KeyError: There is none of this name.
        """
        with self._lock:
            return self._sessions[name]

    def begin(self, name: str, author: str) -> Session:
        """Begin a session.

        Raises:
            UsageError: The name or the author cannot be used.
            RunError: The name is taken.
        """
        author = " ".join(author.split())
        if not _NAME.fullmatch(name):
            raise UsageError(
                "a session's name has small letters, digits and hyphens, at most 40 of them"
            )
        if not author or len(author) > _LONGEST_AUTHOR or not author.isprintable():
            raise UsageError(f"say who you are in 1 to {_LONGEST_AUTHOR} characters")
        with self._lock:
            if name in self._sessions or (self.folder / name).exists():
                raise RunError(f"there is something called {name} already; choose another name")
            session = self._add(name, author)
        session.go_on()
        return session

    def close(self, seconds: float = 30) -> None:
        """Let everybody leave; sessions are kept."""
        for session in self:
            session.leave()
        for session in self:
            session.wait(seconds)
