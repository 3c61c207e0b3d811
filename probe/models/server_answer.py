"""From a server's response to a completion: the text, why it ended, what it cost.

Pure functions, called by :mod:`probe.models.server`. A server's ``finish_reason`` has one word,
``stop``, for a stop string and for an end token; what tells them apart is looked for in this
order:

1. the text holds a stop string (some servers leave it in): it is cut there, ``STOP``;
2. the server names what it stopped at (vLLM: ``stop_reason``, SGLang: ``matched_stop``);
3. no stop strings were asked for: ``EOS``;
4. otherwise it cannot be known (llama.cpp), and ``STOP`` stands for either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probe.models.server_line import GarbledError
from probe.models.text import Completion, Decoding, Finish, Request

__all__ = ["read_completion"]

_NAMES_STOP = ("stop_reason", "matched_stop")
_CUT_SHORT = ("length", "max_tokens", "content_filter")


def read_completion(response: Any, request: Request, decoding: Decoding) -> Completion:
    """Return the completion in a response of the completions or the chat endpoint.

    ``content_filter`` counts as ``LENGTH``: the text was cut short. A completion that ended with
    ``length`` before its budget met the end of the context, which is ``OVERFLOW``, as it is for a
    model on this machine.

    Raises:
        GarbledError: It has no text.
    """
    choices = getattr(response, "choices", None)
    if not isinstance(choices, list) or not choices:
        raise GarbledError(f"no choices in {str(response)[:100]!r}")
    text = _text(choices[0])
    reason = str(getattr(choices[0], "finish_reason", None) or "stop")
    prompt_tokens, new_tokens = _usage(getattr(response, "usage", None))
    extra: Mapping[str, Any] = getattr(choices[0], "model_extra", None) or {}
    text, finish = _ending(text, reason, extra, decoding)
    early = reason != "content_filter" and 0 < new_tokens < decoding.max_new_tokens
    if finish is Finish.LENGTH and early:
        text, finish, new_tokens = "", Finish.OVERFLOW, 0
    return Completion(
        key=request.key,
        text=text,
        finish=finish,
        prompt_tokens=prompt_tokens,
        completion_tokens=new_tokens,
    )


def _text(choice: Any) -> str:
    """Return what was said; a chat message without content (a refusal, say) is an empty text."""
    text = getattr(choice, "text", None)
    if text is None and (message := getattr(choice, "message", None)) is not None:
        text = getattr(message, "content", None) or ""
    if not isinstance(text, str):
        raise GarbledError(f"no text in {str(choice)[:100]!r}")
    return text


def _usage(usage: Any) -> tuple[int, int]:
    """Return tokens of prompt and completion as the server counts them; 0 if it does not."""
    found = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    prompt, new = (value if type(value) is int and value > 0 else 0 for value in found)
    return prompt, new


def _ending(
    text: str, reason: str, extra: Mapping[str, Any], decoding: Decoding
) -> tuple[str, Finish]:
    """Return the text up to the first stop string that is complete, and why it ended."""
    ends = [text.index(stop) + len(stop) for stop in decoding.stop if stop in text]
    if ends:
        said = text[: min(ends)]
        return said[: min(said.index(s) for s in decoding.stop if s in said)], Finish.STOP
    if reason in _CUT_SHORT:
        return text, Finish.LENGTH
    if not decoding.stop:
        return text, Finish.EOS
    for name in _NAMES_STOP:
        if name in extra:
            return text, Finish.STOP if isinstance(extra[name], str) else Finish.EOS
    return text, Finish.STOP
