"""Dialogs with models of known behaviour: one that mends, one that repeats, one that is lucky.

Long, since its models of known behaviour serve all of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import FormatError, UsageError
from generators.problems.sources import load_source
from generators.records import SAMPLE_SCHEMA
from probe.config import DialogConfig, ModelOptions
from probe.conversation import as_text, worked_examples
from probe.models.chat import ChatGenerator
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.prompts import ChatMode, ChatTemplate
from probe.runs import RESULTS, SAMPLES
from probe.tasks.asking import open_model
from probe.tasks.dialog.feedback import FEEDBACK_SCHEMA
from probe.tasks.dialog.givers import Giver
from probe.tasks.dialog.recording import FEEDBACK_FILE
from probe.tasks.dialog.task import evaluate_dialog
from probe.verify import verify

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}
Answer = Callable[[Request], str]


@pytest.fixture
def config(tmp_path: Path) -> DialogConfig:
    return DialogConfig(
        source="basics",
        out=tmp_path / "run",
        problems=8,
        turns=3,
        max_new_tokens=9999,
        batch_invariance_items=0,
    )


def gold(request: Request) -> str:
    return f"{PROBLEMS[int(request.task_id)].code}\n[DONE]\n\nUser: thanks"


def wrong(request: Request) -> str:
    return f"def wrong(*args):\n    return {request.task_id}\n[DONE]"


def feedbacks(request: Request) -> int:
    """Count the feedback sentences in the live conversation."""
    live = request.prompt.rpartition("I need to write a function called")[2]
    return live.count("User: ")


def mends_after(count: int) -> Answer:
    return lambda request: gold(request) if feedbacks(request) >= count else wrong(request)


def run(config: DialogConfig, answer: Answer, **options: Any) -> dict[str, Any]:
    return evaluate_dialog(config, lambda: FakeGenerator(answer, **options))


def rows(config: DialogConfig, kind: str) -> list[dict[str, Any]]:
    found = [row for _, row in jsonl.read(config.out / SAMPLES, SAMPLE_SCHEMA)]
    return [row for row in found if row["kind"] == kind]


def estimates(found: list[dict[str, Any]]) -> list[float]:
    return [one["estimate"] for one in found]


def test_a_model_that_mends_after_two_feedbacks(config: DialogConfig) -> None:
    results = run(config, mends_after(2))
    assert estimates(results["solved"]) == [0, 0, 1, 1]
    assert estimates(results["resampled"]["solved"]) == [0, 0, 0, 0]
    differences = results["resampled"]["feedback_minus_it"]
    assert [one["difference"]["estimate"] for one in differences] == [0, 1, 1]
    assert differences[1]["p_holm"] < 0.05 < differences[0]["p_holm"]
    assert results["feedback"]["given"] == 16
    assert results["feedback"]["authors"] == {"execution": 16}
    assert results["replies"]["repeats"]["estimate"] == 0.5
    assert results["mended"] == [
        {"turn": 1, "before": "other_error", "after": "other_error", "count": 8},
        {"turn": 2, "before": "other_error", "after": "passed", "count": 8},
    ]
    assert verify(config.out)[0].ok


def test_a_model_that_is_lucky_gains_nothing_by_feedback(config: DialogConfig) -> None:
    """Right on the second try whether it hears feedback or not."""

    def answer(request: Request) -> str:
        return gold(request) if feedbacks(request) == 1 or request.k == 1 else wrong(request)

    results = run(config, answer)
    assert estimates(results["solved"]) == estimates(results["resampled"]["solved"]) == [0, 1, 1, 1]
    tokens = results["resampled"]["as_many_tokens"]
    assert tokens["solved"]["estimate"] == 1
    assert tokens["feedback_minus_it"]["difference"]["estimate"] == 0


def test_a_model_that_repeats_itself(config: DialogConfig) -> None:
    results = run(config, wrong)
    assert estimates(results["solved"]) == [0, 0, 0, 0]
    assert results["replies"]["n"] == 8 * 3
    assert results["replies"]["repeats"]["estimate"] == 1
    assert results["replies"]["worse"]["estimate"] == 0


def test_solved_problems_are_not_asked_again(config: DialogConfig) -> None:
    results = run(config, gold)
    assert results["n_items"] == 8
    assert results["resampled"] is None
    assert results["feedback"]["given"] == 0


def test_a_reply_that_loses_a_test_is_worse(config: DialogConfig) -> None:
    def answer(request: Request) -> str:
        test = PROBLEMS[int(request.task_id)].test_list[0].removeprefix("assert ")
        call, _, expected = test.partition(" == ")
        name = call.partition("(")[0]
        value = expected if feedbacks(request) == 0 else "nothing"
        return f"def {name}(*a):\n    return {value}\n[DONE]"

    results = run(replace(config, turns=1, resample=False), answer)
    assert results["replies"]["worse"]["estimate"] == 1


@pytest.mark.parametrize(("show", "says"), [(True, " should be "), (False, "which is not right")])
def test_execution_feedback_may_hide_what_is_expected(
    config: DialogConfig, show: bool, says: str
) -> None:
    def answer(request: Request) -> str:
        name = PROBLEMS[int(request.task_id)].test_list[0].removeprefix("assert ").partition("(")[0]
        return f"def {name}(*a):\n    return ['never', 'right']\n[DONE]"

    config = replace(config, show_expected=show, turns=1, resample=False)
    results = run(config, answer)
    said = [row["text"] for row in rows(config, "feedback")]
    assert len(said) == 8
    assert all(says in text for text in said)
    assert (results["feedback"]["with_expected_value"] > 0) is show


def test_what_was_said_is_in_the_next_prompt(config: DialogConfig) -> None:
    run(config, mends_after(2))
    said = {(row["task_id"], row["turn"]): row["text"] for row in rows(config, "feedback")}
    for row in rows(config, "reply"):
        live = row["prompt"]
        for turn in range(row["turn"]):
            assert f"User: {said[row['task_id'], turn]}\n\n" in live
        assert live.endswith("Assistant: [CODE]\n")


class FakeCounting(FakeGenerator):
    """Counts the words of a prompt as its tokens."""

    def prompt_length(self, request: Request) -> int:
        return len(request.prompt.split())


def test_the_oldest_exchanges_leave_a_prompt_that_is_too_long(config: DialogConfig) -> None:
    whole = replace(config, resample=False, max_new_tokens=1)
    evaluate_dialog(whole, lambda: FakeCounting(wrong))
    lengths = [len(row["prompt"].split()) for row in rows(whole, "reply")]
    assert {row["dropped"] for row in rows(whole, "reply")} == {0}
    examples = len(as_text(worked_examples(fenced=False)).split())
    opening_alone = examples + min(lengths)
    tight = replace(
        whole, out=config.out.with_name("tight"), context_tokens=examples + max(lengths)
    )
    evaluate_dialog(tight, lambda: FakeCounting(wrong))
    replies = rows(tight, "reply")
    assert {row["dropped"] for row in replies} >= {0, 1}
    for row in replies:
        assert row["prompt"].startswith("User: I need to write a function called")
        assert row["prompt"].count("User: ") == row["turn"] + 1 - row["dropped"]
        assert row["dropped"] == row["turn"] or (
            examples + len(row["prompt"].split()) + 1 <= tight.context_tokens
        )
    assert verify(tight.out)[0].ok
    none = replace(whole, out=config.out.with_name("none"), context_tokens=opening_alone - 50)
    evaluate_dialog(none, lambda: FakeCounting(wrong))
    assert all(row["dropped"] == row["turn"] for row in rows(none, "reply"))


def test_a_recording_gives_the_same_replies(config: DialogConfig) -> None:
    first = run(config, mends_after(2))
    again = replace(
        config,
        out=config.out.with_name("again"),
        feedback=Giver.RECORDED,
        recording=config.out / FEEDBACK_FILE,
    )
    second = run(again, mends_after(2))
    assert second["solved"] == first["solved"]
    assert second["feedback"]["authors"] == {"execution": 16}
    drop = ("giver", "show_expected")
    for kind in ("reply", "resample", "feedback"):
        ours, theirs = (
            [
                {n: v for n, v in row.items() if n not in drop and "seconds" not in n}
                for row in found
            ]
            for found in (rows(config, kind), rows(again, kind))
        )
        assert ours == theirs
    assert (again.out / FEEDBACK_FILE).read_bytes() == (config.out / FEEDBACK_FILE).read_bytes()


def test_a_recording_about_other_programs_says_nothing(config: DialogConfig) -> None:
    run(config, mends_after(2))
    again = replace(
        config,
        out=config.out.with_name("again"),
        feedback=Giver.RECORDED,
        recording=config.out / FEEDBACK_FILE,
    )
    results = run(again, lambda request: f"y = {request.task_id}\n[DONE]")
    assert results["feedback"]["given"] == 0
    assert results["feedback"]["none"] == 8
    assert estimates(results["solved"]) == [0, 0, 0, 0]


HOSTILE = "```python\ndef f():\n    pass\n```\nUse a set. <script>alert(1)</script> And then sort."


def test_a_model_gives_feedback_that_is_cut_to_a_sentence(config: DialogConfig) -> None:
    def answer(request: Request) -> str:
        return HOSTILE.replace("\n", " ") if "Feedback:" in request.prompt else wrong(request)

    config = replace(config, feedback=Giver.MODEL, turns=1, resample=False)
    results = run(config, answer, name="critic")
    said = rows(config, "feedback")
    assert {row["text"] for row in said} == {"Use a set."}
    assert all(row["cut"] and row["has_code"] for row in said)
    assert results["feedback"]["authors"] == {"model critic": 8}
    assert results["feedback"]["with_code"] == 8
    assert verify(config.out)[0].ok


def test_chat_models_get_messages(config: DialogConfig) -> None:
    def render(turns: Any) -> str:
        return json.dumps([[turn.role, turn.text] for turn in turns])

    chat = ChatTemplate(mode=ChatMode.MODEL, sha256="0", render=str, render_turns=render)
    seen: list[list[list[str]]] = []

    def answer(request: Request) -> str:
        turns = json.loads(request.prompt)
        seen.append(turns)
        told = len(turns) > len(worked_examples(fenced=True)) + 1
        code = PROBLEMS[int(request.task_id)].code if told else "x = 1"
        return f"Sure:\n```python\n{code}\n```"

    config = replace(config, turns=1, resample=False)
    results = evaluate_dialog(config, lambda: ChatGenerator(FakeGenerator(answer), chat))
    assert estimates(results["solved"]) == [0, 1]
    longest = max(seen, key=len)
    roles = [role for role, _ in longest]
    assert roles == ["user", "assistant"] * 6 + ["user"]


def test_an_interrupted_dialog_goes_on(config: DialogConfig) -> None:
    class Stopped(Exception):
        pass

    asked: list[str] = []
    mends = mends_after(2)

    def stops(request: Request) -> str:
        asked.append(request.key)
        if len(asked) == 13:
            raise Stopped
        return mends(request)

    with pytest.raises(Stopped):
        run(config, stops)
    done = len(asked)
    results = run(config, lambda request: asked.append(request.key) or mends(request))
    assert len(asked) < done + 8 * 3 + 8 * 3
    other = replace(config, out=config.out.with_name("other"))
    expected = run(other, mends)
    drop = "samples_sha256"
    assert {k: v for k, v in results.items() if k != drop} == {
        k: v for k, v in expected.items() if k != drop
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"feedback": Giver.RECORDED}, "--feedback recorded needs --recording FILE"),
        ({"recording": Path("x")}, "--recording goes with --feedback recorded"),
        ({"feedback_model": "x"}, "--feedback-model goes with --feedback model"),
    ],
)
def test_options_that_do_not_go_together(
    config: DialogConfig, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        run(replace(config, **changes), gold)
    assert not config.out.exists()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"task_id": "1"}, "'task_id' is missing or no int"),
        ({"text": 5}, "'text' or 'author' is missing"),
    ],
)
def test_a_broken_recording_is_refused(
    config: DialogConfig, tmp_path: Path, row: dict[str, Any], says: str
) -> None:
    good = {"task_id": 1, "turn": 0, "code_sha256": "0", "text": "No.", "author": "human"}
    path = tmp_path / "feedback.jsonl"
    jsonl.write(path, jsonl.header(FEEDBACK_SCHEMA), [good | row])
    with pytest.raises(FormatError, match=says):
        run(replace(config, feedback=Giver.RECORDED, recording=path), gold)
    jsonl.write(path, jsonl.header(FEEDBACK_SCHEMA), [good, good])
    with pytest.raises(FormatError, match="a second feedback on the same program"):
        run(replace(config, feedback=Giver.RECORDED, recording=path), gold)


def test_verify_finds_a_changed_sentence(config: DialogConfig) -> None:
    run(replace(config, turns=1, resample=False), wrong)
    path = config.out / SAMPLES
    path.write_text(path.read_text().replace("Running the tests raises", "Nothing raises", 1))
    assert any("feedback" in text for text in verify(config.out)[0].differences)


@pytest.mark.parametrize("giver", [Giver.EXECUTION, Giver.MODEL])
def test_a_real_model_holds_a_dialog(
    config: DialogConfig, make_model_folder: Any, giver: Giver
) -> None:
    folder = make_model_folder("llama", max_position_embeddings=4096)
    options = ModelOptions(model=str(folder))
    config = replace(config, model=options, problems=2, turns=1, max_new_tokens=6, feedback=giver)
    evaluate_dialog(config, lambda: open_model(options)(None))
    assert (config.out / RESULTS).is_file()
    assert verify(config.out)[0].ok
