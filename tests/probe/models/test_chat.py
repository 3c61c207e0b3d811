"""Chat templates: rendered as the tokenizer does, hashed, binding for what was trained in them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.errors import ModelError, UsageError
from generators.jsonl import sha256_text
from probe.config import ExecutionConfig, FinetuneConfig, ModelOptions
from probe.models.chat import ChatGenerator, check_trained_in, model_template
from probe.models.fake import FakeGenerator
from probe.models.load import load_model
from probe.models.text import Decoding, Request, chat_of
from probe.prompts import NO_CHAT, ChatMode
from probe.runs import read_run
from probe.tasks.asking import open_model
from probe.tasks.execution import evaluate_execution
from probe.training.run import finetune_run, preview_items
from probe.verify import verify

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[{{ message['role'] }}]{{ message['content'] }}"
    "[/]{% endfor %}{% if add_generation_prompt %}[bot]{% endif %}"
)


@pytest.fixture(scope="module")
def folder(
    make_model_folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A tiny Llama that has a chat template and room for whole prompts."""
    target = tmp_path_factory.mktemp("chat") / "tiny-llama"
    shutil.copytree(make_model_folder("llama", max_position_embeddings=4096), target)
    (target / "chat_template.jinja").write_text(TEMPLATE)
    return target


def test_a_prompt_becomes_one_user_message(folder: Path) -> None:
    loaded = load_model(str(folder), device="cpu")
    chat = model_template(ChatMode.MODEL, loaded.tokenizer, loaded.name)
    assert chat.render("def f():") == "<s>[user]def f():[/][bot]"
    assert chat.sha256 == sha256_text(TEMPLATE)
    ids = loaded.encode(chat.render("x"))
    assert ids.count(loaded.tokenizer.bos_token_id) == 1
    plain = loaded.tokenizer.apply_chat_template(
        [{"role": "user", "content": "x"}], add_generation_prompt=True, return_dict=False
    )
    assert ids == plain
    assert model_template(ChatMode.NONE, loaded.tokenizer, loaded.name) is NO_CHAT
    assert NO_CHAT.to_json() == {"chat_template": "none", "chat_template_sha256": None}


def test_a_template_that_prints_the_day_says_the_same_tomorrow(folder: Path) -> None:
    tokenizer = load_model(str(folder), device="cpu").tokenizer
    tokenizer.chat_template = (
        "{% if date_string is not defined %}{% set date_string = strftime_now('%d %b %Y') %}"
        "{% endif %}{{ date_string }}: {{ messages[0].content }}"
    )
    chat = model_template(ChatMode.MODEL, tokenizer, "tiny")
    assert chat.render("x") == "26 Jul 2024: x"


def test_models_without_a_usable_template_are_refused(llama_folder: Path) -> None:
    tokenizer = load_model(str(llama_folder), device="cpu").tokenizer
    with pytest.raises(ModelError, match="tiny has no chat template"):
        model_template(ChatMode.MODEL, tokenizer, "tiny")
    tokenizer.chat_template = "{{ raise_exception('no users') }}"
    with pytest.raises(ModelError, match="tiny cannot be rendered: no users"):
        model_template(ChatMode.MODEL, tokenizer, "tiny")


def test_a_generator_replies_to_rendered_prompts(folder: Path) -> None:
    loaded = load_model(str(folder), device="cpu")
    chat = model_template(ChatMode.MODEL, loaded.tokenizer, loaded.name)
    inner = FakeGenerator(lambda request: request.prompt)
    generator = ChatGenerator(inner, chat)
    (found,) = generator.generate([Request(key="k", prompt="hi")], Decoding(max_new_tokens=99))
    assert found.text == "<s>[user]hi[/][bot]"
    assert generator.identity is inner.identity
    assert chat_of(generator) is chat
    assert chat_of(inner) is NO_CHAT


@pytest.fixture(scope="module")
def tuned(folder: Path, tiny_traces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step of training in the chat template."""
    out = tmp_path_factory.mktemp("tuned") / "run"
    finetune_run(finetuning(folder, tiny_traces, out))
    return out


def finetuning(folder: Path, traces: Path, out: Path) -> FinetuneConfig:
    options = ModelOptions(model=str(folder), device="cpu", chat_template=ChatMode.MODEL)
    return FinetuneConfig(
        traces=traces, out=out, model=options, max_steps=1, max_length=4096, limit=6
    )


def test_training_is_on_rendered_prompts_and_bare_answers(
    folder: Path, tiny_traces: Path, tuned: Path
) -> None:
    config = read_run(tuned).manifest["identity"]["config"]
    assert config["chat_template"] == "model"
    assert config["chat_template_sha256"] == sha256_text(TEMPLATE)
    shown = preview_items(finetuning(folder, tiny_traces, tuned))
    assert (tuned / "preview.txt").read_text() == shown
    first = shown.split("item 2")[0]
    assert first.count("'<s>'") == 1
    learned = first.rpartition("  learned ")[2]
    assert learned.split()[-1] == "'<|endoftext|>'"
    assert "\u010a" not in learned  # a message is over at EOS, not at the end of the line
    assert not learned.startswith("'\u0120")


def evaluation(traces: Path, out: Path, options: ModelOptions) -> ExecutionConfig:
    return ExecutionConfig(
        traces=traces, out=out, model=options, shots=0, limit=3, max_new_tokens=4
    )


def test_a_tuned_model_is_asked_as_it_was_trained(
    folder: Path, tiny_traces: Path, tuned: Path, tmp_path: Path
) -> None:
    options = ModelOptions(model=str(folder), device="cpu", chat_template=ChatMode.MODEL)
    out = tmp_path / "run"
    evaluate_execution(evaluation(tiny_traces, out, options), lambda: open_model(options)(tuned))
    (found,) = verify(out)
    assert found.ok
    run = read_run(out)
    config = run.manifest["identity"]["config"]
    assert config["chat_template_sha256"] == sha256_text(TEMPLATE)
    assert config["stop"] == []
    for row in run.samples:
        assert row["prompt"].startswith("<s>[user]#")
        assert row["prompt"].endswith(f"assert {row['call']} ==[/][bot]")
        assert row["prompt_sha256"] == sha256_text(row["prompt"])
        assert row["read_as"] == "reply"
    plain = replace(options, chat_template=ChatMode.NONE)
    for where in (tuned, tuned / "adapter"):
        with pytest.raises(UsageError, match=r"trained with --chat-template model; it cannot be"):
            open_model(plain)(where)


def test_another_template_than_that_of_the_training_is_refused(
    folder: Path, tuned: Path, tmp_path: Path
) -> None:
    other = tmp_path / "tiny-llama"
    shutil.copytree(folder, other)
    (other / "chat_template.jinja").write_text(TEMPLATE + "\n")
    options = ModelOptions(model=str(other), device="cpu", chat_template=ChatMode.MODEL)
    with pytest.raises(ModelError, match="trained with another chat template"):
        open_model(options)(tuned)


@pytest.mark.parametrize("record", ["old", "other verb", "broken", "none"])
def test_runs_that_do_not_say(folder: Path, tuned: Path, tmp_path: Path, record: str) -> None:
    """A run of before templates were recorded had none; a bare adapter says nothing."""
    run = tmp_path / "run"
    shutil.copytree(tuned, run)
    manifest: Any = json.loads((run / "manifest.json").read_text())
    if record == "old":
        for name in ("chat_template", "chat_template_sha256"):
            del manifest["identity"]["config"][name]
    elif record == "other verb":
        manifest["identity"]["verb"] = "merge"
    (run / "manifest.json").write_text("{" if record == "broken" else json.dumps(manifest))
    if record == "none":
        (run / "manifest.json").unlink()
    chat = model_template(
        ChatMode.MODEL, load_model(str(folder), device="cpu").tokenizer, "tiny-llama"
    )
    if record == "old":
        check_trained_in(run, NO_CHAT)
        with pytest.raises(UsageError, match="trained with --chat-template none"):
            check_trained_in(run, chat)
    else:
        check_trained_in(run, chat)
        check_trained_in(run, NO_CHAT)
