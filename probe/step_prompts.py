"""The templates of questions about steps; a part of :mod:`probe.prompts` in a module of its own.

Called by :mod:`probe.tasks.steps`. Every kind of question has a template with a name, a version
and a hash; what is said of templates there holds here too.

Source: this project's own wording and questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from generators.records import Trace
from probe.numbering import numbered_program
from probe.prompts import ExecutionTemplate

__all__ = ["STEP_TEMPLATES", "StepAsked", "StepKind", "step_item", "step_prompt"]


class StepKind(StrEnum):
    """What is asked."""

    NEXT_LINE = "next_line"
    BRANCH = "branch"
    VARIABLE = "variable"
    ITERATIONS = "iterations"
    RAISING = "raising"


StepAsked = tuple[Mapping[str, str], str]
"""The fields of an item (:func:`step_item`), and its answer."""

_CALL = "# Program\n{program}\n\n# Call\n{call}\n\n"
_STATE = "# State\nLine {line} of {function} is about to run for the {time} time.\n{state}\n\n"
_QUESTION = "# Question\n{question}\nAnswer:"
_ABOUT = "Lines count in the call that is shown, not in calls that it makes."
_FOR = "A for line runs before each turn of its loop, and once more when nothing is left."


def _template(
    kind: StepKind, title: str, note: str, question: str, *, state: bool
) -> ExecutionTemplate:
    item = _CALL + (_STATE if state else "") + _QUESTION.replace("{question}", question)
    return ExecutionTemplate(
        name=f"steps/{kind}@1",
        instruction=f"# {title}\n{note}\n\n" if note else f"# {title}\n\n",
        item=item,
        answer=" {output}",
        end="\n",
        separator="\n\n",
    )


STEP_TEMPLATES = {
    StepKind.NEXT_LINE: _template(
        StepKind.NEXT_LINE,
        "Python programs, and which line runs next.",
        f"{_FOR} {_ABOUT}",
        "Which line of {function} runs right after line {line}? "
        "Give its number, or return if the function ends.",
        state=True,
    ),
    StepKind.BRANCH: _template(
        StepKind.BRANCH,
        "Python programs, and whether a condition is true.",
        _ABOUT,
        "Is the condition in line {line} true this time? Give True or False.",
        state=True,
    ),
    StepKind.VARIABLE: _template(
        StepKind.VARIABLE,
        "Python programs, and the values of their variables.",
        f"{_FOR} {_ABOUT}",
        "What is the value of {name} when line {line} of {function} has run for the {time} time?",
        state=False,
    ),
    StepKind.ITERATIONS: _template(
        StepKind.ITERATIONS,
        "Python programs, and how often their loops turn.",
        _ABOUT,
        "How many times does the body of the loop in line {line} begin, from the start of the "
        "call to its end?",
        state=False,
    ),
    StepKind.RAISING: _template(
        StepKind.RAISING,
        "Python programs, and the exceptions that their functions raise.",
        "",
        "Which exception does the call raise? Give its type, or no if it raises none.",
        state=False,
    ),
}
"""The template of each kind of question."""


def step_item(
    trace: Trace, *, line: int, time: int, name: str, state: Mapping[str, str]
) -> dict[str, str]:
    """Return the fields of an item.

    Args:
        trace: The call.
        line: Number of the line that is asked about; 0 for none.
        time: Its how manieth run.
        name: The variable that is asked about, or an empty text.
        state: Literal texts of the local variables before the line; ``""`` for what has none.
    """
    shown = [f"{variable} = {text or '...'}" for variable, text in sorted(state.items())]
    return {
        "program": numbered_program(trace),
        "call": trace.call,
        "function": trace.entry_point,
        "line": str(line),
        "time": _ordinal(time),
        "name": name,
        "state": "\n".join(shown) or "There are no local variables yet.",
    }


def step_prompt(
    template: ExecutionTemplate, shots: Sequence[StepAsked], fields: Mapping[str, str]
) -> str:
    """Return the whole prompt: instruction, solved examples, and the question."""
    solved = [
        template.item.format(**shot) + template.answer.format(output=answer) + template.separator
        for shot, answer in shots
    ]
    return template.instruction + "".join(solved) + template.item.format(**fields)


def _ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``11th``."""
    last = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else last}"
