"""The line to a server: one request until it is answered, refused, or given up.

Called by :mod:`probe.models.server`, from several threads at once. Requests that can succeed
later are repeated: lost connections, time-outs, answers that are no answers, 408, 409, 429 and
5xx. The wait doubles each time, with jitter; a wait that the server asks for (``Retry-After``) is
kept by all requests of the line. Everything else becomes one line that says what to do. A key is
taken out of whatever a server says.
"""

from __future__ import annotations

import email.utils
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import random
from typing import Any, TypeVar

from generators.errors import ModelError
from probe.models.endpoint import KEY_VARIABLES

__all__ = ["AbandonedError", "ContextOverflowError", "GarbledError", "Line", "Patience"]

T = TypeVar("T")
_LATER = frozenset({408, 409, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_LIMITED = 429
_TOO_LONG = re.compile(
    r"context[ _-]?(length|size|window)|maximum (model|context|sequence|input) length"
    r"|max_model_len|exceeds? the (model'?s? )?(maximum|available|context)"
    r"|inputs?`? tokens? \+|prompt is too long|input is too long|too many (input )?tokens",
    re.IGNORECASE,
)
_OUT_OF_MONEY = ("insufficient_quota", "billing_hard_limit_reached")
_LONGEST_QUOTE = 300


class ContextOverflowError(ModelError):
    """Prompt and budget exceed what the server can hold.

    Attributes:
        prompt_tokens: Length of the prompt as the server says, 0 if it does not.
    """

    def __init__(self, message: str, prompt_tokens: int) -> None:
        super().__init__(message)
        self.prompt_tokens = prompt_tokens


class GarbledError(ValueError):
    """A response that is not what was asked for; says in what."""


class AbandonedError(Exception):
    """The line was closed while a request waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a request is repeated; all times in seconds.

    Attributes:
        attempts: Tries of a request that fails; a refusal for the rate limit does not count.
        limited: Refusals for the rate limit that a request accepts.
        first_wait: Wait before the second try; doubles each time.
        longest_wait: Longest wait of the line's own choice.
        longest_asked: Longest wait that a server may ask for.
    """

    attempts: int = 6
    limited: int = 20
    first_wait: float = 1.0
    longest_wait: float = 30.0
    longest_asked: float = 600.0

    def wait(self, failures: int) -> float:
        """Return the wait after so many failures: doubling, less up to a quarter by chance."""
        longest = min(self.longest_wait, self.first_wait * 2.0 ** min(failures - 1, 30))
        return longest * (1 - random() / 4)


class Line:
    """Requests to one server, from any thread.

    Args:
        client: An ``openai.OpenAI`` that does not repeat anything itself.
        url: The server, for messages.
        key: Key and its variable, to keep it out of messages.
        patience: How long to repeat.
    """

    def __init__(
        self, client: Any, *, url: str, key: tuple[str, str] | None, patience: Patience
    ) -> None:
        self.client = client
        self._url = url
        self._key = key
        self._patience = patience
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._not_before = 0.0

    def close(self) -> None:
        """End all waits and connections; requests under way fail as abandoned."""
        self._closed.set()
        self.client.close()

    def call(
        self, ask: Callable[[Any], T], *, attempts: int | None = None, not_found: str = ""
    ) -> T:
        """Return what ``ask`` makes of the server's response.

        Args:
            ask: Sends one request with the client and reads the response; raises
                :class:`GarbledError` if it cannot be read.
            attempts: Tries while nothing, or nothing readable, answers; default as ``patience``.
            not_found: What to add to the message of a 404.

        Raises:
            ContextOverflowError: The prompt does not fit.
            ModelError: The server refuses, or does not answer in spite of patience.
            AbandonedError: The line was closed.
        """
        import openai

        failures = limited = 0
        while True:
            self._pause()
            most = attempts or self._patience.attempts
            asked: float | None = None
            try:
                return ask(self.client)
            except openai.APIStatusError as error:
                self._check_closed()
                asked = self._judge(error, not_found)
                most = self._patience.attempts
                what = f"answers {error.status_code}: {self.quote(error)}"
                if error.status_code == _LIMITED:
                    limited += 1
                    self._limited(asked, limited, what)
                    continue
            except openai.APITimeoutError:
                what = "does not answer in time (see --request-timeout)"
            except openai.APIConnectionError as error:
                what = f"cannot be reached ({_cause(error)}); is it running?"
            except (GarbledError, ValueError, openai.APIResponseValidationError) as error:
                what = f"gives an answer that cannot be read: {self._clean(str(error))}"
            self._check_closed()
            failures += 1
            if failures >= most:
                tries = f" ({failures} tries)" if failures > 1 else ""
                raise ModelError(f"the server {self._url} {what}{tries}")
            self._closed.wait(asked or self._patience.wait(failures))

    def quote(self, error: Any) -> str:
        """Return what the server said with a status, without the key, short, on one line."""
        return self._clean(_said(error.body) or _plain(error.body) or "nothing more")

    def _pause(self) -> None:
        """Wait until the server takes requests again."""
        while (left := self._not_before - time.monotonic()) > 0:
            if self._closed.wait(left * (1 + random() / 10)):
                break
        self._check_closed()

    def _check_closed(self) -> None:
        if self._closed.is_set():
            raise AbandonedError

    def _limited(self, asked: float | None, times: int, what: str) -> None:
        """Hold back all requests of the line after a refusal for the rate limit."""
        if times >= self._patience.limited:
            raise ModelError(
                f"the server {self._url} {what} ({times} tries); lower --concurrency, or repeat "
                "the command later: it goes on where it stopped"
            )
        until = time.monotonic() + (asked or self._patience.wait(times))
        with self._lock:
            self._not_before = max(self._not_before, until)

    def _judge(self, error: Any, not_found: str) -> float | None:
        """Return the wait that the server asks for, if the request may be repeated.

        Raises:
            ContextOverflowError: The prompt does not fit.
            ModelError: Repeating is no use.
        """
        status, body = error.status_code, error.body
        quoted = self.quote(error)
        details = body if isinstance(body, dict) else {}
        kinds = {str(details.get(name)) for name in ("code", "type")}
        if status in (400, 413, 422, 500) and (
            _TOO_LONG.search(quoted)
            or kinds & {"context_length_exceeded", "exceed_context_size_error"}
        ):
            tokens = details.get("n_prompt_tokens")
            raise ContextOverflowError(quoted, tokens if isinstance(tokens, int) else 0)
        if status == 401:
            raise ModelError(f"the server {self._url} {self._about_key()} ({quoted})")
        if status not in _LATER or kinds & set(_OUT_OF_MONEY):
            more = f"; {not_found}" if status == 404 and not_found else ""
            raise ModelError(f"the server {self._url} answers {status}: {quoted}{more}")
        asked = _retry_after(error.response.headers)
        if asked is not None and asked > self._patience.longest_asked:
            raise ModelError(
                f"the server {self._url} asks to wait {asked:.0f} seconds ({quoted}); repeat the "
                "command then: it goes on where it stopped"
            )
        return asked

    def _about_key(self) -> str:
        if self._key is None:
            return f"wants a key; put it into the environment variable {KEY_VARIABLES[0]}"
        return f"does not take the key in the environment variable {self._key[1]}"

    def _clean(self, text: str) -> str:
        """Return a foreign text without the key, on one line, not too long."""
        if self._key is not None:
            text = text.replace(self._key[0], "***")
        text = " ".join(text.split())
        return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."


def _said(body: Any) -> str:
    """Return the message in an error's body: OpenAI's form, FastAPI's, or a plain one."""
    if not isinstance(body, dict):
        return ""
    inner = body.get("error")
    for value in (body.get("message"), body.get("detail"), _said(inner) or inner):
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _plain(body: Any) -> str:
    """Return a body that is text; tags of a web page are taken out."""
    if body is None:
        return ""
    return re.sub(r"<[^>]*>", " ", body if isinstance(body, str) else str(body)).strip()


def _cause(error: BaseException) -> str:
    """Return the deepest reason of a lost connection, such as ``Connection refused``."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _retry_after(headers: Any) -> float | None:
    """Return the seconds that a response asks to wait: a number, or a date of RFC 9110."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) / unit
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
            except (TypeError, ValueError, OverflowError):
                continue
        if seconds == seconds:  # not nan
            return max(0.0, seconds)
    return None
