"""A model that gives feedback is shown true examples, and says something."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from generators.records import Problem, Split
from probe.conversation import worked_feedback
from probe.models.fake import FakeGenerator
from probe.models.generate import HFGenerator
from probe.models.load import load_model
from probe.models.text import Request
from probe.tasks.dialog.critic import ModelFeedback
from probe.tasks.dialog.feedback import Failure, execution_sentence
from probe.tasks.dialog.sentences import leaked, limited
from probe.tasks.grading import Submission, grade

PROBLEM = Problem(
    source="test",
    task_id=7,
    text="Return the larger of two numbers.",
    code="def larger(a, b):\n    return max(a, b)",
    test_list=("assert larger(10, 12) == 12", "assert larger(31, 20) == 31"),
    split=Split.TEST,
)
WRONG = {
    "min": "def larger(a, b):\n    return min(a, b)",
    "name": "def larger(a, b):\n    return biggest(a, b)",
    "nothing": "",
}


@pytest.fixture(scope="module")
def failures() -> list[Failure]:
    """Programs that do not pass, as the sandbox found them."""
    submissions = [Submission(key=key, problem=PROBLEM, code=code) for key, code in WRONG.items()]
    return [
        Failure(
            key=found.key,
            problem=PROBLEM,
            turn=0,
            reply={"code": WRONG[found.key], **asdict(found)},
        )
        for found in grade(submissions, workers=1)
    ]


def test_worked_examples_happen_as_they_are_told() -> None:
    submissions = [
        Submission(
            key=str(number),
            problem=Problem(
                source="test",
                task_id=number,
                text=one.text,
                code="",
                test_list=one.tests,
                split=Split.TEST,
            ),
            code=one.code,
        )
        for number, one in enumerate(worked_feedback())
    ]
    outcomes = {
        found.key: execution_sentence(asdict(found), show_expected=True)
        for found in grade(submissions, workers=1)
    }
    assert outcomes == {str(n): one.outcome for n, one in enumerate(worked_feedback())}


def test_worked_feedback_keeps_the_rules() -> None:
    for one in worked_feedback():
        held = limited(one.feedback)
        assert (held.text, held.cut, held.code) == (one.feedback, False, False)
        assert leaked(one.feedback, one.tests) == 0


def test_what_the_model_is_shown(failures: list[Failure]) -> None:
    prompts: dict[str, str] = {}

    def answer(request: Request) -> str:
        prompts[request.key] = request.prompt
        return " It is the smaller one.\n\n\nTask: another"

    said = ModelFeedback(FakeGenerator(answer, name="critic")).say(failures)
    assert [one.text for one in said] == ["It is the smaller one."] * len(WRONG)
    assert {one.author for one in said} == {"model critic"}
    examples = "".join(f"Feedback: {one.feedback}\n" for one in worked_feedback())
    for failure in failures:
        prompt = prompts[failure.key]
        lines = [line for line in prompt.splitlines() if line.startswith("Feedback: ")]
        assert "".join(f"{line}\n" for line in lines) == examples
        asked = prompt.rpartition("Task: ")[2]
        assert PROBLEM.text in asked
        assert all(test in asked for test in PROBLEM.test_list)
        assert (WRONG[failure.key] or "(nothing)") in asked
        assert execution_sentence(failure.reply, show_expected=True) in asked
        assert asked.endswith("Feedback:")
    assert len(set(prompts.values())) == len(WRONG)


@pytest.mark.slow
def test_a_real_model_says_something_about_each(
    failures: list[Failure], model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without worked examples SmolLM2 ends the line at once, whatever it is asked about."""
    monkeypatch.setenv("PROBE_CACHE_DIR", str(model_cache))
    critic: Any = ModelFeedback(HFGenerator(load_model("smollm2-135m", device="cpu")))
    assert all(one.text for one in critic.say(failures))
