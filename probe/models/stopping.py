"""When a completion is over, and what its text is.

Called by :mod:`probe.models.decode` after each token. Tokens end an answer by their id, stop
strings by the text that tokens spell, across their borders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from probe.models.text import Completion, Finish

__all__ = ["AnswerEnd"]


class AnswerEnd:
    """The end conditions of a set of completions.

    Args:
        tokenizer: Turns tokens into text.
        end_ids: Tokens that end an answer.
        stop: Texts that end an answer and are not part of it.
        max_new_tokens: Budget of each completion.
    """

    def __init__(
        self, tokenizer: Any, end_ids: frozenset[int], stop: tuple[str, ...], max_new_tokens: int
    ) -> None:
        self._tokenizer = tokenizer
        self.end_ids = end_ids
        self._stop = stop
        self._budget = max_new_tokens
        # A token is at least one byte, so the text of this many tokens holds any stop string.
        self._window = max((len(text.encode()) for text in stop), default=0)

    def reached(self, anchor: int, tokens: Sequence[int]) -> Finish | None:
        """Return why the answer is over after the last of ``tokens``, or ``None``.

        Args:
            anchor: The last token of the prompt.
            tokens: The tokens generated, at least one.
        """
        if tokens[-1] in self.end_ids:
            return Finish.EOS
        if self._stop:
            tail = [anchor, *tokens][-self._window - 1 :]
            seen = self._decode(tail)  # may show a stop string that the anchor began
            if self._cut(seen) is not None and self._cut(self.text(anchor, tokens)) is not None:
                return Finish.STOP
        return Finish.LENGTH if len(tokens) >= self._budget else None

    def completion(
        self, key: str, finish: Finish, prompt: Sequence[int], tokens: Sequence[int]
    ) -> Completion:
        """Return the finished completion; ``tokens`` are all tokens generated for it."""
        kept = tokens[:-1] if finish is Finish.EOS else tokens
        text = self.text(prompt[-1], kept)
        if finish is Finish.STOP:
            text = text[: self._cut(text)]
        return Completion(
            key=key,
            text=text,
            finish=finish,
            prompt_tokens=len(prompt),
            completion_tokens=len(tokens),
        )

    def text(self, anchor: int, tokens: Sequence[int]) -> str:
        """Return the text that ``tokens`` add after the token ``anchor``.

        Some tokenizers drop the space in front of the first token they decode; decoding from the
        anchor on keeps it.
        """
        return self._decode([anchor, *tokens])[len(self._decode([anchor])) :]

    def _cut(self, text: str) -> int | None:
        """Return where the first stop string begins."""
        return min((text.index(stop) for stop in self._stop if stop in text), default=None)

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(
            list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text
