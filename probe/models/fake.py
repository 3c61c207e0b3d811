"""A text generator without a model, for tests and for checking scorers.

Implements :class:`probe.models.text.TextGenerator`: the answers come from a function, and end at
stop strings and at the budget as a model's would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from probe.models.text import Completion, Decoding, Finish, Request
from probe.prompts import NO_CHAT, ChatTemplate

__all__ = ["FakeGenerator"]


class FakeGenerator:
    """Answers each request with what a function says; a token is a character.

    Args:
        answer: Gives the text that a model would go on with, stop strings included.
        name: What the manifest calls it.
        context_length: Most characters of prompt and budget together; ``None`` is unlimited.
        chat: What it says that it puts prompts into; the function gets them as they are.
    """

    def __init__(
        self,
        answer: Callable[[Request], str],
        *,
        name: str = "fake",
        context_length: int | None = None,
        chat: ChatTemplate = NO_CHAT,
    ) -> None:
        self._answer = answer
        self.chat = chat
        self._context_length = context_length
        self.identity: dict[str, Any] = {
            "spec": name,
            "name": name,
            "obtained": "fake",
            "origin": {},
            "weights": {},
            "adapter": None,
            "parameters": 0,
        }

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """Yield one completion per request, in order."""
        budget, stop = decoding.max_new_tokens, decoding.stop
        for request in requests:
            length = len(request.prompt)
            if self._context_length is not None and length + budget > self._context_length:
                yield Completion.overflow(request.key, length)
                continue
            text, finish, used = _end(self._answer(request), budget, stop)
            yield Completion(
                key=request.key,
                text=text,
                finish=finish,
                prompt_tokens=length,
                completion_tokens=used,
            )

    def alone(self, request: Request, decoding: Decoding) -> Completion | None:
        """Return what one request gives, which is the same."""
        return next(self.generate([request], decoding))


def _end(answer: str, budget: int, stop: tuple[str, ...]) -> tuple[str, Finish, int]:
    """Return the text, why it ended, and the number of tokens it took.

    As with a model, the first stop string to be complete ends the answer.
    """
    ends = [answer.find(text) + len(text) for text in stop if text in answer]
    used = min(ends, default=len(answer) + 1)  # one more for the end token
    if used > budget:
        return answer[:budget], Finish.LENGTH, budget
    said = answer[:used]
    cut = min((said.find(text) for text in stop if text in said), default=len(said))
    return said[:cut], Finish.STOP if ends else Finish.EOS, used
