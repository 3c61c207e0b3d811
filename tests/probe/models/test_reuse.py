"""Answers given again: to the same questions of the same model, and to no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import ModelError, UsageError
from generators.records import SAMPLE_SCHEMA
from probe.config import ExecutionConfig, ModelOptions, SynthesisConfig
from probe.models.chat import ChatGenerator
from probe.models.fake import FakeGenerator
from probe.models.reuse import ReusedAnswers
from probe.models.text import Request, TextGenerator
from probe.prompts import ChatMode, ChatTemplate
from probe.report.build import build_report
from probe.runs import SAMPLES
from probe.tasks.asking import open_model
from probe.tasks.execution import evaluate_execution
from probe.tasks.synthesis import evaluate_synthesis
from probe.verify import verify

Wrap = Callable[[TextGenerator], TextGenerator]


class FakeCounted(FakeGenerator):
    """Answers with the prompt's length and knows what it was asked."""

    def __init__(self, **facts: Any) -> None:
        self.asked: list[Request] = []
        super().__init__(self.say)
        self.identity |= facts

    def say(self, request: Request) -> str:
        self.asked.append(request)
        return f" {len(request.prompt) + 1000 * request.k}\n"


@pytest.fixture
def config(tiny_traces: Path, tmp_path: Path) -> ExecutionConfig:
    return ExecutionConfig(traces=tiny_traces, out=tmp_path / "first", batch_invariance_items=0)


def rows(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in jsonl.read(path / SAMPLES, SAMPLE_SCHEMA)]


def again(config: ExecutionConfig, model: FakeCounted, **changes: Any) -> Path:
    out = config.out.with_name(changes.pop("name", "again"))
    evaluate_execution(
        replace(config, out=out, **changes), lambda: ReusedAnswers(model, [config.out])
    )
    return out


def test_nothing_is_asked_twice(config: ExecutionConfig, tmp_path: Path) -> None:
    evaluate_execution(config, FakeCounted)
    model = FakeCounted()
    out = again(config, model)
    assert model.asked == []
    found = rows(out)
    assert {row.pop("reused_from") for row in found} == {
        jsonl.read_header(config.out / SAMPLES, SAMPLE_SCHEMA)["identity_sha256"]
    }
    assert found == rows(config.out)
    assert verify(out)[0].ok
    build_report([out], tmp_path / "report")
    told = (tmp_path / "report" / "report.md").read_text()
    assert f"{len(found)} of {len(found)} answers are those of an earlier run" in told


def test_only_what_is_missing_is_asked(config: ExecutionConfig) -> None:
    evaluate_execution(replace(config, limit=4), FakeCounted)
    model = FakeCounted()
    out = again(config, model)
    known = {row["key"] for row in rows(config.out)}
    assert {request.key for request in model.asked} == {row["key"] for row in rows(out)} - known
    assert {row["key"] for row in rows(out) if "reused_from" in row} == known


def test_other_prompts_are_asked(config: ExecutionConfig) -> None:
    evaluate_execution(config, FakeCounted)
    model = FakeCounted()
    out = again(config, model, shots=0)
    assert len(model.asked) == len(rows(out))


def test_items_decoded_alone_ask_the_model(config: ExecutionConfig) -> None:
    evaluate_execution(config, FakeCounted)
    model = FakeCounted()
    again(config, model, batch_invariance_items=3)
    assert len(model.asked) == 3


def test_an_answer_keeps_its_first_origin(config: ExecutionConfig) -> None:
    evaluate_execution(config, FakeCounted)
    second = again(config, FakeCounted(), name="second")
    third = config.out.with_name("third")
    evaluate_execution(replace(config, out=third), lambda: ReusedAnswers(FakeCounted(), [second]))
    assert [row["reused_from"] for row in rows(third)] == [
        row["reused_from"] for row in rows(second)
    ]


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"weights": {"model": "1"}}, "another model than is asked here: weights.model"),
        ({"dtype": "bfloat16"}, "another model than is asked here: dtype"),
        ({"adapter": {"sha256": "1"}}, "another model than is asked here: adapter"),
        ({"parameters": 5}, "another model than is asked here: parameters"),
    ],
)
def test_another_model_is_refused(
    config: ExecutionConfig, facts: dict[str, Any], says: str
) -> None:
    evaluate_execution(config, FakeCounted)
    with pytest.raises(ModelError, match=says):
        again(config, FakeCounted(**facts))


def test_weights_of_known_hashes_need_no_number(config: ExecutionConfig) -> None:
    weights = {"model.safetensors": "5e" * 32}
    evaluate_execution(config, lambda: FakeCounted(weights=weights))
    model = FakeCounted(weights=weights, parameters=5)
    again(config, model)
    assert model.asked == []


def test_another_decoding_is_refused(config: ExecutionConfig) -> None:
    evaluate_execution(config, FakeCounted)
    with pytest.raises(UsageError, match=r'"max_new_tokens":5,.* but of .*"max_new_tokens":64,'):
        again(config, FakeCounted(), max_new_tokens=5)


def test_drawn_samples_are_those_of_their_problem_and_number(tmp_path: Path) -> None:
    config = SynthesisConfig(
        source="basics",
        out=tmp_path / "first",
        limit=3,
        samples=2,
        temperature=0.5,
        batch_invariance_items=0,
    )
    evaluate_synthesis(config, FakeCounted)
    model = FakeCounted()
    more = replace(config, out=tmp_path / "more", samples=3)
    evaluate_synthesis(more, lambda: ReusedAnswers(model, [config.out]))
    assert {request.k for request in model.asked} == {2}
    other = FakeCounted()
    seeded = replace(config, out=tmp_path / "seeded", seed=1, limit=None)
    with pytest.raises(UsageError, match="decoding_seed"):
        evaluate_synthesis(seeded, lambda: ReusedAnswers(other, [config.out]))


def test_messages_of_chat_models_are_told_apart_by_what_is_read(config: ExecutionConfig) -> None:
    def chatting(mark: str) -> Wrap:
        chat = ChatTemplate(mode=ChatMode.MODEL, sha256="0", render=lambda text: mark + text)
        return lambda model: ChatGenerator(model, chat)

    evaluate_execution(config, lambda: chatting("<a>")(FakeCounted()))
    same, other = FakeCounted(), FakeCounted()
    for model, mark, name in ((same, "<a>", "same"), (other, "<b>", "other")):
        evaluate_execution(
            replace(config, out=config.out.with_name(name)),
            lambda model=model, mark=mark: ReusedAnswers(chatting(mark)(model), [config.out]),
        )
    assert same.asked == []
    assert len(other.asked) == len(rows(config.out))


def test_a_real_model_is_spared(llama_folder: Path, config: ExecutionConfig) -> None:
    options = ModelOptions(model=str(llama_folder))
    first = replace(config, model=options, shots=0, limit=3, max_new_tokens=4)
    evaluate_execution(first, lambda: open_model(options)(None))
    spared = replace(options, answers_from=(first.out,))
    second = replace(first, model=spared, out=config.out.with_name("second"), limit=4)
    evaluate_execution(second, lambda: open_model(spared)(None))
    assert sum("reused_from" in row for row in rows(second.out)) == 3
    assert len(rows(second.out)) == 4
