"""The kinds of questions about steps, as a table: what their answers are and who guesses at them.

Read by the task, by scoring and by the report; how places are found in recordings is in
:mod:`probe.tasks.steps.places`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from probe.prompts import ExecutionTemplate
from probe.step_prompts import STEP_TEMPLATES, StepKind

__all__ = ["KINDS", "Answers", "Kind"]


class Answers(StrEnum):
    """What an answer is: decides how it is read and compared.

    All but literals are words; the value is the regular expression of those that can be one.
    """

    LITERAL = ""
    LINE = r"\d+|return"
    EXCEPTION = r"[A-Za-z_]\w*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of question.

    Attributes:
        template: How it is put.
        answers: What its answers are.
        baselines: Its trivial baselines.
        balanced: The answer that half of the questions shall have, if any.
    """

    template: ExecutionTemplate
    answers: Answers
    baselines: tuple[str, ...]
    balanced: str = ""


def _kind(kind: StepKind, answers: Answers, *baselines: str, balanced: str = "") -> Kind:
    return Kind(
        template=STEP_TEMPLATES[kind], answers=answers, baselines=baselines, balanced=balanced
    )


KINDS = {
    StepKind.NEXT_LINE: _kind(
        StepKind.NEXT_LINE, Answers.LINE, "line_plus_one", "frequent_successor"
    ),
    StepKind.BRANCH: _kind(
        StepKind.BRANCH,
        Answers.LITERAL,
        *("always_true", "majority", "other_call"),
        balanced="True",
    ),
    StepKind.VARIABLE: _kind(StepKind.VARIABLE, Answers.LITERAL, "value_before", "other_call"),
    StepKind.ITERATIONS: _kind(
        StepKind.ITERATIONS, Answers.LITERAL, "majority", "first_length", "other_call"
    ),
    StepKind.RAISING: _kind(
        StepKind.RAISING, Answers.EXCEPTION, "majority", "other_call", balanced="no"
    ),
}
"""In the order of reports."""
