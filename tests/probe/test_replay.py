"""Replaying: the same model gives the same answers again, another model is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import ModelError, RunError, UsageError
from probe.config import DialogConfig, ExecutionConfig, ModelOptions, SynthesisConfig
from probe.models.chat import ChatGenerator
from probe.models.fake import FakeGenerator
from probe.models.server_facts import server_chat
from probe.models.text import Completion, Decoding, Request
from probe.prompts import ChatMode, ChatTemplate
from probe.replay import replay, replay_lines, replay_options
from probe.runs import MANIFEST, SAMPLES
from probe.tasks.asking import open_model
from probe.tasks.dialog.task import evaluate_dialog
from probe.tasks.execution import evaluate_execution
from probe.tasks.synthesis import evaluate_synthesis

Answer = Callable[[Request], str]


def echo(request: Request) -> str:
    return f" {len(request.prompt)}\n"


def ask(answer: Answer, **facts: Any) -> Callable[[Path | None], FakeGenerator]:
    fake = FakeGenerator(answer)
    fake.identity.update(facts)
    return lambda _: fake


@pytest.fixture
def run(tiny_traces: Path, tmp_path: Path) -> Path:
    out = tmp_path / "run"
    evaluate_execution(ExecutionConfig(traces=tiny_traces, out=out), lambda: FakeGenerator(echo))
    return out


def test_the_same_model_gives_the_same(run: Path) -> None:
    found = replay(run, ask(echo), limit=5)
    assert len(found.items) == 5
    assert (found.same_texts.estimate, found.same_answers.estimate) == (1, 1)
    assert found.to_json()["differences"] == []
    assert "5 of 5 completions" in replay_lines(found)[0]


def test_which_items_are_asked_depends_on_the_seed_alone(run: Path) -> None:
    keys = [[item.key for item in replay(run, ask(echo), limit=4, seed=s).items] for s in (0, 0, 1)]
    assert keys[0] == keys[1] != keys[2]


def test_the_model_sees_what_it_saw(run: Path) -> None:
    """``echo`` answers with the prompt's length, so equal answers are equal prompts."""
    asked: list[Request] = []

    def answer(request: Request) -> str:
        asked.append(request)
        return echo(request)

    replay(run, ask(answer), limit=1000)
    stored = {row["key"]: row["prompt_sha256"] for row in map(json.loads, _lines(run)[1:])}
    assert {r.key: jsonl.sha256_text(r.prompt) for r in asked} == stored


def _lines(run: Path) -> list[str]:
    return (run / SAMPLES).read_text(encoding="utf-8").splitlines()


def test_other_texts_are_told_from_other_answers(run: Path) -> None:
    found = replay(run, ask(lambda request: echo(request).replace("\n", " \n")), limit=6)
    assert (found.same_texts.estimate, found.same_answers.estimate) == (0, 1)
    found = replay(run, ask(lambda _: " None\n"), limit=6)
    assert (found.same_texts.estimate, found.same_answers.estimate) == (0, 0)
    assert "another answer" in replay_lines(found)[1]
    assert "now ' None'" in replay_lines(found)[1]


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"weights": {"model.safetensors": "00"}}, "another model: weights.model.safetensors"),
        ({"parameters": 5}, "another model: parameters: 0 -> 5"),
        ({"adapter": {"name": "x", "sha256": "ab"}}, "another adapter: its sha256 is None"),
    ],
)
def test_another_model_is_refused(run: Path, facts: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        replay(run, ask(echo, **facts))


def test_another_device_is_told(run: Path) -> None:
    found = replay(run, ask(echo, device="cuda"), limit=2)
    assert found.other == ('device: null -> "cuda"',)
    assert 'not as in the run: device: null -> "cuda"' in replay_lines(found)


def test_adapters_are_asked_for_and_refused(
    run: Path, tmp_path: Path, reseal: Callable[[Path], None]
) -> None:
    with pytest.raises(UsageError, match="leave --adapter out"):
        replay(run, ask(echo), adapter=tmp_path)
    manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    manifest["identity"]["model"]["adapter"] = {"name": "tuned", "sha256": "ab"}
    (run / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    reseal(run)
    with pytest.raises(UsageError, match="under the adapter 'tuned': give its folder"):
        replay(run, ask(echo))


def test_a_run_without_completions_is_refused(run: Path, reseal: Callable[[Path], None]) -> None:
    head, *rows = _lines(run)
    bare = [{k: v for k, v in json.loads(row).items() if k != "completion"} for row in rows]
    (run / SAMPLES).write_text("\n".join([head, *map(json.dumps, bare)]) + "\n", encoding="utf-8")
    reseal(run)
    with pytest.raises(RunError, match="nothing to replay"):
        replay(run, ask(echo))


def test_a_chat_prompt_is_not_put_into_the_template_again(
    tiny_traces: Path, tmp_path: Path
) -> None:
    chat = ChatTemplate(mode=ChatMode.MODEL, sha256="0", render=lambda prompt: f"<u>{prompt}</u>")
    out = tmp_path / "run"
    config = ExecutionConfig(traces=tiny_traces, out=out)
    evaluate_execution(config, lambda: ChatGenerator(FakeGenerator(echo), chat))
    assert replay_options(out, ModelOptions(model="")).chat_template is ChatMode.MODEL
    found = replay(out, lambda _: ChatGenerator(FakeGenerator(echo), chat), limit=5)
    assert found.same_texts.estimate == 1


def test_a_dialog_is_asked_as_it_was(tmp_path: Path) -> None:
    """Its replies greedily, its second tries as they were drawn, each with its conversation."""
    drawn: list[float] = []

    class FakeDraws(FakeGenerator):
        def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
            drawn.extend([decoding.temperature] * len(requests))
            for done in super().generate(requests, decoding):
                yield replace(done, text=f"x = {decoding.temperature} + {len(done.text)}")

    config = DialogConfig(
        source="basics", out=tmp_path / "run", problems=3, turns=2, batch_invariance_items=0
    )
    evaluate_dialog(config, lambda: FakeDraws(echo))
    drawn.clear()
    found = replay(config.out, lambda _: FakeDraws(echo), limit=100)
    assert found.same_texts.estimate == 1
    assert sorted(drawn) == [0.0] * 9 + [0.5] * 6  # three problems, three replies, two new tries


def test_a_servers_dialog_is_asked_in_messages(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def answer(request: Request) -> str:
        asked.append([turn.text for turn in request.turns])
        return "x = 1"

    def server() -> FakeGenerator:
        found = FakeGenerator(answer, chat=server_chat(ChatMode.MODEL, {}))
        found.identity["spec"] = "http://localhost:1/v1#model"
        return found

    config = DialogConfig(
        source="basics",
        out=tmp_path / "run",
        problems=2,
        turns=1,
        resample=False,
        batch_invariance_items=0,
    )
    evaluate_dialog(config, server)
    before = sorted(asked)
    assert all(len(texts) > 1 for texts in before)
    asked.clear()
    found = replay(config.out, lambda _: server(), limit=100)
    assert found.same_texts.estimate == 1
    assert sorted(asked) == before


@pytest.mark.parametrize("samples", [1, 2])
def test_a_real_model_gives_the_same(llama_folder: Path, tmp_path: Path, samples: int) -> None:
    """Greedy and drawn, with solved examples that the samples keep apart."""
    options = ModelOptions(model=str(llama_folder))
    config = SynthesisConfig(
        source="basics",
        shot_ids=(),
        asserts=1,
        samples=samples,
        temperature=0.0 if samples == 1 else 0.7,
        max_new_tokens=12,
        limit=4,
        model=options,
        out=tmp_path / "run",
    )
    evaluate_synthesis(config, lambda: open_model(options)(None))
    as_stored = replay_options(config.out, ModelOptions(model=""))
    assert as_stored.model == str(llama_folder)
    assert as_stored.dtype == "float32"
    found = replay(config.out, open_model(as_stored), limit=4)
    assert found.same_texts.estimate == 1
    assert found.other == ()
