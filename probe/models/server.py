"""Completions from an OpenAI-compatible server: vLLM, llama.cpp, ``transformers serve``, others.

Called by :mod:`probe.tasks.asking` for ``--model http://host:port/v1#name``. Plain prompts go to
the completions endpoint; with ``--chat-template model`` each prompt is one user message for the
chat endpoint, and the server applies its model's template. How a request is repeated and what a
refusal means is in :mod:`probe.models.server_line`, how a response is read in
:mod:`probe.models.server_answer`, what a server tells of itself in
:mod:`probe.models.server_facts`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from generators.errors import ModelError
from generators.jsonl import sha256_text
from probe.models.endpoint import api_key, parse_endpoint
from probe.models.server_answer import read_completion
from probe.models.server_facts import (
    choose_model,
    list_models,
    names_of,
    reported,
    server_chat,
    shown_by,
)
from probe.models.server_line import AbandonedError, ContextOverflowError, Line, Patience
from probe.models.text import Completion, Decoding, Request
from probe.prompts import ChatMode, Turn

__all__ = ["ServerGenerator", "request_seed"]

_CONCURRENCY = 8
_TIMEOUT = 600.0
_INSTALL = "pip install 'openai>=1.60'"

# Servers with sampling defaults of their own: set to no effect, so that temperature and top-p
# say all there is to say. Other servers refuse names that are not OpenAI's.
_NEUTRAL: Mapping[str, Mapping[str, float]] = {
    "llamacpp": {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0},
    "vllm": {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0},
    "sglang": {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0},
}


class ServerGenerator:
    """Completions from a server, several requests in flight.

    Making one asks the server for its models. The order of the completions is that in which they
    end; what they say does not depend on it.

    Args:
        spec: ``http://host:port/v1#model``; without ``#model`` the server's only model.
        chat: Whether prompts are user messages, for the server to put into its template.
        concurrency: Requests in flight.
        timeout: Longest time for a request, in seconds.
        patience: How long requests are repeated.

    Attributes:
        chat: The chat template; its hash where the server shows the text (llama.cpp does).
        identity: As that of a loaded model (:class:`probe.models.load.LoadedModel`):
            ``obtained`` is ``server``, ``origin`` has the URL and what the server reports of
            itself, ``weights`` is empty, since nothing is known of them.

    Raises:
        UsageError: The URL or the key cannot be used.
        ModelError: The ``openai`` client is missing, or the server cannot be reached, refuses, or
            does not have the model.
    """

    def __init__(
        self,
        spec: str,
        *,
        chat: ChatMode = ChatMode.NONE,
        concurrency: int = _CONCURRENCY,
        timeout: float = _TIMEOUT,
        patience: Patience | None = None,
    ) -> None:
        self._endpoint = parse_endpoint(spec)
        self._key = api_key()
        self._concurrency = max(1, concurrency)
        self._timeout = timeout
        self._patience = patience or Patience()
        line = self._open()
        try:
            models = list_models(line, self._endpoint)
            entry = choose_model(self._endpoint, models)
            shown = shown_by(line, self._endpoint, entry)
        finally:
            line.close()
        self._has = names_of(models)
        self._name = self._endpoint.model or str(entry.get("id"))
        self._neutral = dict(_NEUTRAL.get(str(entry.get("owned_by")), {}))
        self.chat = server_chat(chat, shown)
        self.identity = self._describe(entry, shown)

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """Yield one completion per request, as they end.

        A prompt that the server has no room for gives ``OVERFLOW``. With a temperature above 0
        each request has a seed of its own, made from ``(seed, task_id, k)``.

        Args:
            requests: What to complete, or to reply to; keys are distinct.
            decoding: How.

        Raises:
            UsageError: The decoding makes no sense.
            ModelError: The server refuses, or does not answer in spite of patience. Completions
                that had ended before are yielded first.
        """
        decoding.check()
        return self._generate(list(requests), decoding)

    def alone(self, request: Request, decoding: Decoding) -> None:  # noqa: ARG002
        """Return nothing: what a server decodes beside a request is not known."""
        return

    def _generate(self, requests: list[Request], decoding: Decoding) -> Iterator[Completion]:
        waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
        done: queue.SimpleQueue[Completion | BaseException] = queue.SimpleQueue()
        for request in requests:
            waiting.put(request)
        line = self._open()
        work = partial(_work, waiting, done, partial(self._complete, line, decoding))
        try:
            for number in range(min(self._concurrency, len(requests))):
                # Daemons, so that Ctrl-C does not wait for answers under way.
                threading.Thread(target=work, name=f"request-{number}", daemon=True).start()
            failure: BaseException | None = None
            for _ in requests:
                result = done.get()
                if isinstance(result, BaseException):
                    failure = result
                    break
                yield result
            if failure is not None:
                yield from _rest(done)
                raise failure
        finally:
            line.close()

    def _complete(self, line: Line, decoding: Decoding, request: Request) -> Completion:
        """Return the completion of one request."""
        hint = "" if self.chat.mode is ChatMode.MODEL else "; see also --chat-template model"
        try:
            return line.call(
                lambda client: self._ask(client, request, decoding),
                not_found=f"it lists {self._has}; the model asked for is {self._name!r}{hint}",
            )
        except ContextOverflowError as error:
            return Completion.overflow(request.key, error.prompt_tokens)

    def _ask(self, client: Any, request: Request, decoding: Decoding) -> Completion:
        """Send one request and read the response."""
        options: dict[str, Any] = {
            "model": self._name,
            "max_tokens": decoding.max_new_tokens,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
        }
        if decoding.stop:
            options["stop"] = list(decoding.stop)
        if not decoding.greedy:
            options["seed"] = request_seed(decoding.seed, request)
        if self._neutral:
            options["extra_body"] = self._neutral
        if self.chat.mode is ChatMode.MODEL:
            turns = request.turns or (Turn(role="user", text=request.prompt),)
            messages = [{"role": turn.role, "content": turn.text} for turn in turns]
            response = client.chat.completions.create(messages=messages, **options)
        else:
            response = client.completions.create(prompt=request.prompt, **options)
        return read_completion(response, request, decoding)

    def _open(self) -> Line:
        """Return a fresh line to the server."""
        try:
            import openai
        except ModuleNotFoundError:
            raise ModelError(
                f"a model on a server needs the openai client, which is missing: {_INSTALL}"
            ) from None
        client = openai.OpenAI(
            base_url=self._endpoint.url,
            api_key=self._key[0] if self._key else "none",
            max_retries=0,
            timeout=openai.Timeout(self._timeout, connect=min(10.0, self._timeout)),
        )
        return Line(client, url=self._endpoint.url, key=self._key, patience=self._patience)

    def _describe(self, entry: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
        """Return the model's identity."""
        meta = entry.get("meta")
        facts: dict[str, Any] = meta if isinstance(meta, dict) else {}
        endpoint = "chat/completions" if self.chat.mode is ChatMode.MODEL else "completions"
        return {
            "spec": f"{self._endpoint.url}#{self._name}",
            "name": self._name,
            "obtained": "server",
            "origin": {
                "url": self._endpoint.url,
                "model": self._name,
                "reported": reported(entry, shown),
            },
            "weights": {},
            "adapter": None,
            "parameters": facts.get("n_params"),
            "dtype": str(facts.get("ftype") or "not reported"),
            "device": "server",
            "end_tokens": [],
            "context_length": entry.get("max_model_len") or facts.get("n_ctx"),
            "decoding": {"strategy": "server", "endpoint": endpoint, "set": self._neutral},
        }


def request_seed(seed: int, request: Request) -> int:
    """Return the seed of one request, 0 to 2**31 - 1, from ``(seed, task_id, k)`` alone."""
    text = "\0".join([str(seed), request.task_id, str(request.k)])
    return int(sha256_text(text)[:8], 16) & 0x7FFFFFFF


def _work(
    waiting: queue.SimpleQueue[Request],
    done: queue.SimpleQueue[Completion | BaseException],
    complete: Callable[[Request], Completion],
) -> None:
    """One thread's work: requests until there are no more, or the line is closed."""
    while True:
        try:
            request = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            done.put(complete(request))
        except AbandonedError:
            return
        except BaseException as error:
            done.put(error)
            return


def _rest(done: queue.SimpleQueue[Completion | BaseException]) -> Iterator[Completion]:
    """Yield the completions that are there already."""
    while True:
        try:
            result = done.get_nowait()
        except queue.Empty:
            return
        if isinstance(result, Completion):
            yield result
