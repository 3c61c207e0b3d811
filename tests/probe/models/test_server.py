"""Completions from a server: what is asked, how refusals and lost connections end.

Long, since all of it talks to one stand-in for a server.
"""

from __future__ import annotations

import email.utils
import logging
import sys
import time
from types import ModuleType
from typing import Any

import pytest

from generators.errors import ModelError, UsageError
from probe.models.server import ServerGenerator, request_seed
from probe.models.server_line import Patience
from probe.models.text import Completion, Decoding, Finish, Request
from probe.prompts import ChatMode

QUICK = Patience(attempts=3, limited=4, first_wait=0.02, longest_wait=0.1, longest_asked=5.0)
GREEDY = Decoding(max_new_tokens=8, stop=("\n",))
KEY = "sk-never-to-be-seen-0123456789"


def connect(server: Any, name: str | None = "toy", **options: Any) -> ServerGenerator:
    spec = f"{server.url}#{name}" if name else server.url
    return ServerGenerator(spec, **{"patience": QUICK, **options})


def make_requests(count: int) -> list[Request]:
    return [Request(key=f"{i}", prompt=f"p{i}", task_id=f"{i // 2}", k=i % 2) for i in range(count)]


def ask(
    server: Any, count: int = 1, decoding: Decoding = GREEDY, **options: Any
) -> list[Completion]:
    return list(connect(server, **options).generate(make_requests(count), decoding))


def refused(server: Any, count: int = 1, **options: Any) -> str:
    """The one line of a run that fails."""
    with pytest.raises(ModelError) as caught:
        ask(server, count, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert server.url in text
    return text


def test_what_is_asked(toy_server: Any) -> None:
    (found,) = ask(toy_server)
    assert found == Completion(
        key="0", text=" 1", finish=Finish.STOP, prompt_tokens=5, completion_tokens=2
    )
    assert toy_server.paths == ["/v1/completions"]
    assert toy_server.asked == [
        {"model": "toy", "prompt": "p0", "max_tokens": 8, "temperature": 0.0, "top_p": 1.0,
         "stop": ["\n"]}
    ]  # fmt: skip


def test_a_chat_is_one_user_message(toy_server: Any) -> None:
    generator = connect(toy_server, chat=ChatMode.MODEL)
    list(generator.generate(make_requests(1), Decoding(max_new_tokens=8)))
    assert toy_server.paths == ["/v1/chat/completions"]
    assert toy_server.asked[0]["messages"] == [{"role": "user", "content": "p0"}]
    assert "prompt" not in toy_server.asked[0]
    assert "stop" not in toy_server.asked[0]
    assert generator.chat.mode is ChatMode.MODEL
    assert generator.chat.sha256 is None
    assert generator.chat.render("p") == "p"


def test_sampling_has_a_seed_for_each_request_whatever_the_order(toy_server: Any) -> None:
    drawn = Decoding(max_new_tokens=8, temperature=0.5, top_p=0.9, seed=7)
    ask(toy_server, 6, drawn)
    seeds = {body["prompt"]: body["seed"] for body in toy_server.asked}
    assert len(set(seeds.values())) == 6
    assert all(0 <= seed < 2**31 for seed in seeds.values())
    assert {body["temperature"] for body in toy_server.asked} == {0.5}
    assert {body["top_p"] for body in toy_server.asked} == {0.9}
    assert seeds == {r.prompt: request_seed(7, r) for r in make_requests(6)}
    assert request_seed(8, make_requests(1)[0]) != seeds["p0"]


@pytest.mark.parametrize(
    ("owner", "sent"),
    [
        ("llamacpp", {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}),
        ("vllm", {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}),
        ("openai", {}),
    ],
)
def test_sampling_defaults_of_known_servers_are_set_to_no_effect(
    toy_server: Any, owner: str, sent: dict[str, float]
) -> None:
    toy_server.models[0]["owned_by"] = owner
    generator = connect(toy_server)
    list(generator.generate(make_requests(1), GREEDY))
    assert sent.items() <= toy_server.asked[0].items()
    assert ("top_k" in toy_server.asked[0]) is bool(sent)
    assert generator.identity["decoding"]["set"] == sent


def test_several_requests_are_in_flight(toy_server: Any, toy_replies: ModuleType) -> None:
    def slow(body: dict[str, Any], number: int) -> Any:
        time.sleep(0.05)
        return toy_replies.said(body["prompt"])

    toy_server.answer = slow
    found = ask(toy_server, 12, concurrency=4)
    assert {c.key: c.text for c in found} == {r.key: r.prompt for r in make_requests(12)}
    assert 2 <= toy_server.most_at_once <= 4


def test_identity(toy_server: Any) -> None:
    toy_server.models[0] |= {
        "owned_by": "llamacpp", "aliases": ["other"], "meta": {"n_params": 7, "ftype": "Q4_1"},
    }  # fmt: skip
    toy_server.props = {"chat_template": "{{ messages }}", "build_info": "b1", "model_path": "/x"}
    identity = connect(toy_server, None).identity
    assert identity["spec"] == f"{toy_server.url}#toy"
    assert (identity["name"], identity["obtained"]) == ("toy", "server")
    assert (identity["weights"], identity["adapter"]) == ({}, None)
    assert identity["parameters"] == 7
    reported = identity["origin"]["reported"]
    assert set(reported) == {"id", "owned_by", "aliases", "meta", "build_info"}  # not the date
    assert connect(toy_server, "other").identity["name"] == "other"
    chat = connect(toy_server, chat=ChatMode.MODEL)
    assert chat.chat.sha256 is not None
    assert chat.identity["decoding"]["endpoint"] == "chat/completions"


class TestWhichModel:
    def test_the_only_one_needs_no_name(self, toy_server: Any) -> None:
        assert connect(toy_server, None).identity["name"] == "toy"

    def test_of_several_one_must_be_named(self, toy_server: Any) -> None:
        toy_server.models.append({"id": "train"})
        with pytest.raises(UsageError, match=r"several models: toy, train; name one: http.*#toy"):
            connect(toy_server, None)
        assert connect(toy_server, "train").identity["name"] == "train"

    def test_an_unknown_one_is_refused_with_what_there_is(self, toy_server: Any) -> None:
        with pytest.raises(ModelError, match=r"has no model 'tpy'; it has toy$"):
            connect(toy_server, "tpy")

    @pytest.mark.parametrize("nothing", [404, "empty"])
    def test_a_server_without_a_list(self, toy_server: Any, nothing: Any) -> None:
        toy_server.list_status = nothing if nothing == 404 else 200
        toy_server.models = []
        with pytest.raises(UsageError, match=r"lists no models; name one: .*#name"):
            connect(toy_server, None)
        assert connect(toy_server, "any").identity["name"] == "any"

    def test_one_that_is_gone_when_asked(self, toy_server: Any, toy_replies: ModuleType) -> None:
        toy_server.answer = lambda *_: toy_replies.refusal(404, "The model `toy` does not exist.")
        text = refused(toy_server)
        assert "answers 404: The model `toy` does not exist.; it lists toy" in text
        assert len(toy_server.asked) == 1


class TestPatience:
    @pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 0])
    def test_what_may_pass_is_repeated(
        self, toy_server: Any, toy_replies: ModuleType, status: int
    ) -> None:
        def twice(body: dict[str, Any], number: int) -> Any:
            return toy_replies.refusal(status, "not now") if number < 2 else toy_replies.said(" 1")

        toy_server.answer = twice
        assert [c.text for c in ask(toy_server)] == [" 1"]
        assert len(toy_server.asked) == 3

    @pytest.mark.parametrize(
        "garbage", [b"<html>hello</html>", b"{", b"[]", b'{"choices": []}', b'{"choices": ["a"]}']
    )
    def test_garbage_is_repeated_then_said(
        self, toy_server: Any, toy_replies: ModuleType, garbage: bytes
    ) -> None:
        toy_server.answer = lambda *_: (200, garbage, {})
        assert "answer that cannot be read" in refused(toy_server)
        assert len(toy_server.asked) == QUICK.attempts

    def test_it_ends(self, toy_server: Any, toy_replies: ModuleType) -> None:
        toy_server.answer = lambda *_: toy_replies.refusal(503, "<b>busy</b>\nhere")
        assert "answers 503" in refused(toy_server)
        assert len(toy_server.asked) == QUICK.attempts
        toy_server.answer = lambda *_: toy_replies.refusal(429, "slow down")
        assert "lower --concurrency" in refused(toy_server)

    @pytest.mark.parametrize("form", ["seconds", "milliseconds", "date"])
    def test_a_wait_that_is_asked_for_holds_all_requests(
        self, toy_server: Any, toy_replies: ModuleType, form: str
    ) -> None:
        wait = {
            "seconds": {"Retry-After": "0.6"},
            "milliseconds": {"retry-after-ms": "600"},
            "date": {"Retry-After": email.utils.formatdate(time.time() + 2, usegmt=True)},
        }[form]

        def limited(body: dict[str, Any], number: int) -> Any:
            if number == 0:
                return toy_replies.refusal(429, "rate limit", wait)
            return toy_replies.said(" 1")

        toy_server.answer = limited
        assert len(ask(toy_server, 3, concurrency=1)) == 3
        assert toy_server.times[1] - toy_server.times[0] >= 0.59

    def test_too_long_a_wait_is_left_to_the_user(
        self, toy_server: Any, toy_replies: ModuleType
    ) -> None:
        toy_server.answer = lambda *_: toy_replies.refusal(429, "x", {"Retry-After": "3600"})
        assert "asks to wait 3600 seconds" in refused(toy_server)
        assert len(toy_server.asked) == 1

    def test_an_empty_purse_is_not_waited_for(
        self, toy_server: Any, toy_replies: ModuleType
    ) -> None:
        toy_server.answer = lambda *_: toy_replies.refusal(429, "pay", code="insufficient_quota")
        assert "answers 429: pay" in refused(toy_server)
        assert len(toy_server.asked) == 1

    def test_a_server_that_takes_too_long(self, toy_server: Any, toy_replies: ModuleType) -> None:
        def late(body: dict[str, Any], number: int) -> Any:
            time.sleep(0.5)
            return toy_replies.said("late")

        toy_server.answer = late
        assert "does not answer in time" in refused(toy_server, timeout=0.1)

    def test_waits_double_up_to_a_limit(self) -> None:
        patience = Patience(first_wait=1.0, longest_wait=30.0)
        for failures, most in ((1, 1), (2, 2), (5, 16), (9, 30), (5000, 30)):
            assert 0.75 * most <= patience.wait(failures) <= most


class TestRefusals:
    def test_a_dead_server(self, toy_server: Any) -> None:
        toy_server.shutdown()
        toy_server.server_close()
        text = refused(toy_server)
        assert "cannot be reached (Connection refused); is it running?" in text

    def test_one_that_dies_gives_what_had_ended(
        self, toy_server: Any, toy_replies: ModuleType
    ) -> None:
        toy_server.answer = lambda body, number: (
            toy_replies.said(" 1") if number < 5 else (0, b"", {})
        )
        got = []
        with pytest.raises(ModelError, match="cannot be reached"):
            got.extend(
                c.key for c in connect(toy_server, concurrency=1).generate(make_requests(9), GREEDY)
            )
        # extend adds each before it asks for the next
        assert got == ["0", "1", "2", "3", "4"]

    def test_a_request_that_makes_no_sense(self, toy_server: Any, toy_replies: ModuleType) -> None:
        toy_server.answer = lambda *_: toy_replies.refusal(400, "unknown field top_p")
        assert "answers 400: unknown field top_p" in refused(toy_server)
        assert len(toy_server.asked) == 1
        with pytest.raises(UsageError, match="budget"):
            connect(toy_server).generate([], Decoding(max_new_tokens=0))

    def test_a_missing_client_is_named_with_what_to_type(
        self, toy_server: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "openai", None)
        with pytest.raises(ModelError, match=r"pip install 'openai>="):
            connect(toy_server)


class TestOverflow:
    @pytest.mark.parametrize(
        ("status", "message", "more"),
        [
            (400, "This model's maximum context length is 2048 tokens. However, ...", {}),
            (400, "x", {"code": "context_length_exceeded"}),
            (400, "request (7500 tokens) exceeds the available context size (2048 tokens)",
             {"type": "exceed_context_size_error", "n_prompt_tokens": 7500}),
            (400, "The prompt (length 9) is longer than the maximum model length of 4.", {}),
            (422, "`inputs` tokens + `max_new_tokens` must be <= 2048", {}),
            (500, "the request exceeds the available context size", {}),
        ],
    )  # fmt: skip
    def test_a_prompt_that_does_not_fit_is_a_result(
        self, toy_server: Any, toy_replies: ModuleType, status: int, message: str, more: Any
    ) -> None:
        def answer(body: dict[str, Any], number: int) -> Any:
            if body["prompt"] == "p1":
                return toy_replies.refusal(status, message, **more)
            return toy_replies.said(" 1")

        toy_server.answer = answer
        found = {c.key: c for c in ask(toy_server, 3)}
        assert [found[key].finish for key in "012"] == ["stop", "overflow", "stop"]
        assert found["1"].text == ""
        assert found["1"].prompt_tokens == more.get("n_prompt_tokens", 0)
        assert len(toy_server.asked) == 3

    def test_so_is_a_text_that_meets_the_end_of_the_context(
        self, toy_server: Any, toy_replies: ModuleType
    ) -> None:
        toy_server.answer = lambda *_: toy_replies.said("abc", "length", (5, 3))
        (found,) = ask(toy_server)
        assert (found.finish, found.text) == (Finish.OVERFLOW, "")


@pytest.mark.parametrize(
    ("text", "finish", "extra", "stop", "read", "ended"),
    [
        (" 1", "stop", {}, ("\n",), " 1", Finish.STOP),  # cannot be known
        (" 1", "stop", {}, (), " 1", Finish.EOS),
        (" 1\n", "stop", {}, ("\n",), " 1", Finish.STOP),  # left in by the server
        (" 1\nmore", "length", {}, ("\n",), " 1", Finish.STOP),  # not heeded by it
        (" 1xyz", "stop", {}, ("z", "xy"), " 1", Finish.STOP),
        (" 1", "stop", {"stop_reason": "\n"}, ("\n",), " 1", Finish.STOP),
        (" 1", "stop", {"stop_reason": None}, ("\n",), " 1", Finish.EOS),
        (" 1", "stop", {"matched_stop": 2}, ("\n",), " 1", Finish.EOS),
        (" 1", "length", {}, ("\n",), " 1", Finish.LENGTH),
        (" 1", "content_filter", {}, ("\n",), " 1", Finish.LENGTH),
    ],
)
def test_why_a_text_ended(
    toy_server: Any, toy_replies: ModuleType, text: str, finish: str, extra: dict[str, Any],
    stop: tuple[str, ...], read: str, ended: Finish,
) -> None:  # fmt: skip
    toy_server.answer = lambda *_: toy_replies.said(text, finish, (5, 8), **extra)
    (found,) = ask(toy_server, 1, Decoding(max_new_tokens=8, stop=stop))
    assert (found.text, found.finish, found.completion_tokens) == (read, ended, 8)


class TestKeys:
    def test_a_missing_one(self, toy_server: Any) -> None:
        toy_server.key = KEY
        assert "wants a key; put it into the environment variable PROBE_API_KEY" in refused(
            toy_server
        )

    @pytest.mark.parametrize("name", ["PROBE_API_KEY", "OPENAI_API_KEY"])
    def test_a_wrong_one_is_named_by_its_variable_and_never_repeated(
        self, toy_server: Any, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        toy_server.key = "another"
        monkeypatch.setenv(name, KEY)
        text = refused(toy_server)
        assert f"does not take the key in the environment variable {name}" in text
        assert "Incorrect API key provided: ***" in text
        assert KEY not in text

    def test_the_right_one_is_in_no_identity_error_or_log(
        self,
        toy_server: Any,
        toy_replies: ModuleType,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        toy_server.key = KEY
        monkeypatch.setenv("PROBE_API_KEY", KEY)
        caplog.set_level(logging.DEBUG)
        generator = connect(toy_server)
        assert [c.text for c in generator.generate(make_requests(1), GREEDY)] == [" 1"]
        assert KEY not in str(generator.identity)
        for status in (400, 403, 404, 503):
            toy_server.answer = lambda *_, s=status: toy_replies.refusal(s, f"got {KEY}")
            assert KEY not in refused(toy_server)
        toy_server.answer = lambda *_: (200, f"<p>{KEY}</p>".encode(), {})
        assert KEY not in refused(toy_server)
        assert caplog.records
        assert KEY not in caplog.text
