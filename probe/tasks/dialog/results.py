"""From a dialog's samples to numbers; called by the dialog task and by ``probe verify``.

Samples are replies (by problem and turn), feedback (on a reply) and resamples (further samples of
the first prompt, without feedback). Both ways begin with the same first reply, so that their
difference is feedback against mere trying again.

Source: paper, section 5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from probe.statistics import Paired, corrected, pair
from probe.tasks.dialog.feedback import execution_sentence
from probe.tasks.dialog.givers import Giver
from probe.tasks.dialog.sentences import leaked, limited, named
from probe.tasks.names import DIALOG
from probe.tasks.sampled import mean, passed
from probe.tasks.synthesis_results import score_program

__all__ = ["Kind", "dialog_results", "score_dialog"]

_Row: TypeAlias = dict[str, Any]


class Kind(StrEnum):
    """What a sample of a dialog is."""

    REPLY = "reply"
    FEEDBACK = "feedback"
    RESAMPLE = "resample"


def score_dialog(row: _Row) -> _Row:
    """Return the fields of a sample that derive from the others."""
    if row["kind"] != Kind.FEEDBACK:
        return score_program(row)
    said = row["said"]
    if row["giver"] == Giver.EXECUTION:
        said = execution_sentence(row["about"], show_expected=row["show_expected"])
    found = limited(said)
    return {
        "said": said,
        "text": found.text,
        "cut": found.cut,
        "has_code": found.code,
        "leaks": leaked(found.text, row["tests"]),
    }


@dataclass(slots=True)
class _Dialog:
    """One problem's samples."""

    replies: list[_Row] = field(default_factory=list)
    feedback: list[_Row] = field(default_factory=list)
    resamples: list[_Row] = field(default_factory=list)

    def solved_at(self, turn: int) -> bool:
        """Whether one of the replies up to a turn is right."""
        return any(map(passed, self.replies[: turn + 1]))

    def resampled_at(self, count: int) -> bool:
        """Whether the first reply or one of so many resamples is right."""
        return any(map(passed, [*self.replies[:1], *self.resamples[:count]]))

    @property
    def resampled_for_as_many_tokens(self) -> bool:
        """Whether trying again is right within the tokens that the replies after feedback took."""
        budget = sum(row["completion_tokens"] for row in self.replies[1:])
        within = 0
        for count, row in enumerate(self.resamples, 1):
            budget -= row["completion_tokens"]
            within = count if budget >= 0 else within
        return self.resampled_at(within)


def _dialogs(samples: Sequence[_Row]) -> dict[int, _Dialog]:
    found: dict[int, _Dialog] = {}
    order = sorted(samples, key=lambda row: (row["task_id"], row["turn"], row.get("k", 0)))
    for row in order:
        dialog = found.setdefault(row["task_id"], _Dialog())
        match Kind(row["kind"]):
            case Kind.REPLY:
                dialog.replies.append(row)
            case Kind.FEEDBACK:
                dialog.feedback.append(row)
            case Kind.RESAMPLE:
                dialog.resamples.append(row)
    return found


def dialog_results(samples: Sequence[_Row]) -> _Row:
    """Derive all numbers of a dialog run from its samples.

    Args:
        samples: Rows of ``samples.jsonl``, header left out, in file order.
    """
    dialogs = _dialogs(samples)
    turns = samples[0]["turns"]
    asked = [row for row in samples if row["kind"] != Kind.FEEDBACK]
    return {
        "task": DIALOG,
        "n_items": len(samples),
        "n_programs": len(dialogs),
        "turns": turns,
        "solved": [
            mean([dialog.solved_at(turn) for dialog in dialogs.values()], list(dialogs))
            for turn in range(turns + 1)
        ],
        "resampled": _resampled(dialogs, turns),
        "mended": _mended(dialogs),
        "replies": _replies(dialogs),
        "feedback": _feedback(dialogs),
        "backends": sorted({row["backend"] for row in asked if row["backend"]}),
        "counts": {
            "finish": dict(sorted(Counter(row["finish"] for row in asked).items())),
            "no_answer": dict(
                sorted(Counter(row["reason"] for row in asked if row["reason"]).items())
            ),
        },
        "tokens": {
            "prompt": sum(row["prompt_tokens"] for row in asked),
            "completion": sum(row["completion_tokens"] for row in asked),
        },
    }


def _resampled(dialogs: dict[int, _Dialog], turns: int) -> _Row | None:
    """Set trying again beside feedback: by number of replies, and by tokens."""
    if not any(dialog.resamples for dialog in dialogs.values()):
        return None
    tasks = list(dialogs)
    pairs = corrected(
        [
            pair(
                [dialog.resampled_at(count) for dialog in dialogs.values()],
                [dialog.solved_at(count) for dialog in dialogs.values()],
                tasks,
            )
            for count in range(1, turns + 1)
        ]
    )
    tokens = pair(
        [dialog.resampled_for_as_many_tokens for dialog in dialogs.values()],
        [dialog.solved_at(turns) for dialog in dialogs.values()],
        tasks,
    )
    return {
        "solved": [
            mean([dialog.resampled_at(count) for dialog in dialogs.values()], tasks)
            for count in range(turns + 1)
        ],
        "feedback_minus_it": [_told(one) for one in pairs],
        "as_many_tokens": {
            "solved": mean(
                [dialog.resampled_for_as_many_tokens for dialog in dialogs.values()], tasks
            ),
            "feedback_minus_it": _told(tokens),
        },
    }


def _told(paired: Paired) -> dict[str, Any]:
    """Return a comparison as it stands in a run; what could have been found stands in reports."""
    return {name: value for name, value in paired.to_json().items() if name != "detectable"}


def _mended(dialogs: dict[int, _Dialog]) -> list[_Row]:
    """Count, by turn, what becomes of a reply of each outcome after feedback."""
    found: dict[tuple[int, str, str], int] = Counter()
    for dialog in dialogs.values():
        for before, after in zip(dialog.replies, dialog.replies[1:], strict=False):
            found[after["turn"], before["outcome"], after["outcome"]] += 1
    return [
        {"turn": turn, "before": before, "after": after, "count": count}
        for (turn, before, after), count in sorted(found.items())
    ]


def _replies(dialogs: dict[int, _Dialog]) -> _Row:
    """Tell what replies after feedback do: repeat, get worse, take words of the feedback up."""
    repeats, worse, used, tasks, used_tasks = [], [], [], [], []
    for task, dialog in dialogs.items():
        texts = {row["turn"]: row for row in dialog.feedback}
        for before, after in zip(dialog.replies, dialog.replies[1:], strict=False):
            tasks.append(task)
            repeats.append(before["code"].strip() == after["code"].strip())
            worse.append(after["tests_passed"] < before["tests_passed"])
            new = named(texts[before["turn"]]["text"]) - named(before["code"])
            if new:
                used_tasks.append(task)
                used.append(len(new & named(after["code"])) / len(new))
    if not tasks:
        return {"n": 0, "repeats": None, "worse": None, "names_used": None}
    return {
        "n": len(tasks),
        "repeats": mean(repeats, tasks),
        "worse": mean(worse, tasks),
        "names_used": mean(used, used_tasks) if used else None,
    }


def _feedback(dialogs: dict[int, _Dialog]) -> _Row:
    rows = [row for dialog in dialogs.values() for row in dialog.feedback]
    given = [row for row in rows if row["text"]]
    return {
        "given": len(given),
        "none": len(rows) - len(given),
        "cut": sum(row["cut"] for row in given),
        "with_code": sum(row["has_code"] for row in given),
        "with_expected_value": sum(row["leaks"] > 0 for row in given),
        "authors": dict(sorted(Counter(row["author"] for row in given).items())),
    }
