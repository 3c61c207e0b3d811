"""The generator without a model ends its answers as a model would."""

from __future__ import annotations

import pytest

from probe.models.fake import FakeGenerator
from probe.models.text import Completion, Decoding, Finish, Request


def complete(answer: str, *, budget: int = 20, stop: tuple[str, ...] = ("\n",)) -> Completion:
    generator = FakeGenerator(lambda request: answer)
    (completion,) = generator.generate(
        [Request(key="k", prompt="prompt")], Decoding(max_new_tokens=budget, stop=stop)
    )
    return completion


@pytest.mark.parametrize(
    ("answer", "text", "finish", "tokens"),
    [
        (" 4\nmore", " 4", Finish.STOP, 3),
        (" 4", " 4", Finish.EOS, 3),
        ("x" * 30, "x" * 20, Finish.LENGTH, 20),
        ("x" * 20 + "\n", "x" * 20, Finish.LENGTH, 20),
        ("x" * 20, "x" * 20, Finish.LENGTH, 20),
        ("\n", "", Finish.STOP, 1),
        ("", "", Finish.EOS, 1),
    ],
)
def test_ends(answer: str, text: str, finish: Finish, tokens: int) -> None:
    assert complete(answer) == Completion(
        key="k", text=text, finish=finish, prompt_tokens=6, completion_tokens=tokens
    )


def test_first_stop_string_to_be_complete_wins() -> None:
    assert complete("ab END cd\n", stop=("\n", "END")).text == "ab "
    assert complete("abcd", stop=("bcd", "c")).text == "ab"


def test_overflow() -> None:
    generator = FakeGenerator(lambda request: request.prompt, context_length=10)
    requests = [Request(key="fits", prompt="12345"), Request(key="over", prompt="123456")]
    fits, over = generator.generate(requests, Decoding(max_new_tokens=5))
    assert fits.text == "12345"
    assert (over.finish, over.text, over.prompt_tokens) == (Finish.OVERFLOW, "", 6)


def test_identity_has_what_a_manifest_keeps() -> None:
    assert FakeGenerator(lambda request: "").identity["obtained"] == "fake"
