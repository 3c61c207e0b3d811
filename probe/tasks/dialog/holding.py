"""The dialogs of a run, held turn by turn: who is asked what, and what they hear.

Called by :mod:`probe.tasks.dialog.task`. All open problems of a turn are asked together; the giver
speaks about those that failed, and their next prompts have what was said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from generators.literals import EqualityPolicy
from generators.progress import Progress
from generators.records import Problem
from probe.config import DialogConfig
from probe.conversation import (
    DIALOG_V1,
    STOP,
    Turn,
    as_text,
    opening,
    reply_head,
    reply_turn,
    wording_sha256,
    worked_examples,
)
from probe.prompts import ChatMode
from probe.runs import RunWriter
from probe.tasks.dialog.feedback import Failure, FeedbackGiver
from probe.tasks.dialog.results import Kind, score_dialog
from probe.tasks.questions import Question, ask_questions
from probe.tasks.running_tests import test_runner
from probe.tasks.sampled import passed

if TYPE_CHECKING:
    from probe.models.text import Decoding, TextGenerator

__all__ = ["Dialogs"]

_Row = dict[str, Any]


class Dialogs:
    """The dialogs of a run, held turn by turn."""

    def __init__(
        self,
        config: DialogConfig,
        problems: Sequence[Problem],
        generator: TextGenerator,
        giver: FeedbackGiver,
        progress: Progress,
    ) -> None:
        from probe.models.text import Decoding, chat_of

        self._config = config
        self._problems = {problem.task_id: problem for problem in problems}
        self._generator = generator
        self._giver = giver
        self._progress = progress
        self._chat = chat_of(generator)
        self._chats = self._chat.mode is not ChatMode.NONE
        self._heads = {} if self._chats else {"examples": as_text(worked_examples(fenced=False))}
        stop = () if self._chats else (STOP,)
        self._decoding = Decoding(max_new_tokens=config.max_new_tokens, stop=stop)
        self._resampling = replace(
            self._decoding, temperature=config.resample_temperature, seed=config.seed
        )

    def hold(self, run: RunWriter) -> list[str]:
        """Hold all dialogs and return the keys of their samples, problem by problem."""
        keys: dict[int, list[str]] = {task: [] for task in self._problems}
        said: dict[int, list[Turn]] = {
            task: [opening(problem)] for task, problem in self._problems.items()
        }
        open_tasks = list(self._problems)
        first: dict[int, _Row] = {}
        for turn in range(self._config.turns + 1):
            questions = [self._question(task, turn, said[task]) for task in open_tasks]
            rows = self._ask(run, questions, self._decoding, repeat=turn == 0)
            failed = {}
            for row in rows:
                keys[row["task_id"]].append(row["key"])
                if not passed(row):
                    failed[row["task_id"]] = row
            if turn == 0:
                first = failed
            if turn == self._config.turns or not failed:
                break
            feedback = self._feedback(run, turn, failed, said)
            open_tasks = []
            for task, row in feedback.items():
                keys[task].append(row["key"])
                if row["text"]:
                    open_tasks.append(task)
                    said[task] += [
                        self._reply(failed[task]),
                        Turn(role="user", text=row["text"]),
                    ]
            if not open_tasks:
                break
        if self._config.resample:
            self._resample(run, list(first), keys)
        return [key for found in keys.values() for key in found]

    def _reply(self, row: _Row) -> Turn:
        text = row["code"] or row["completion"]
        return reply_turn(text, fenced=self._chats)

    def _question(self, task: int, turn: int, said: Sequence[Turn], *, k: int = 0) -> Question:
        """Return what is asked; where it does not fit, the oldest exchanges are left out."""
        from probe.models.text import fits

        exchanges = len(said) // 2
        for dropped in range(exchanges + 1):
            kept = [said[0], *said[1 + 2 * dropped :]]
            question = self._asked(task, turn, kept, k=k, dropped=dropped)
            if fits(
                self._generator,
                question.request(self._heads, chats=self._chats),
                self._decoding,
                self._config.context_tokens,
            ):
                break
        return question

    def _asked(
        self, task: int, turn: int, said: Sequence[Turn], *, k: int, dropped: int
    ) -> Question:
        resample = k > 0
        return Question(
            key=f"{task}/resample/{k}" if resample else f"{task}/{turn}",
            task_id=task,
            head="" if self._chats else "examples",
            prompt=as_text(said) + reply_head(),
            turns=(*worked_examples(fenced=True), *said),
            fields={
                "kind": str(Kind.RESAMPLE if resample else Kind.REPLY),
                "turn": turn,
                "turns": self._config.turns,
                "tests": len(self._problems[task].test_list),
                "dropped": dropped,
                **({"k": k} if resample else {}),
            },
            k=k,
        )

    def _ask(
        self, run: RunWriter, questions: Sequence[Question], decoding: Decoding, *, repeat: bool
    ) -> list[_Row]:
        return ask_questions(
            run,
            questions,
            self._generator,
            decoding,
            score=score_dialog,
            repeat=self._config.batch_invariance_items if repeat else 0,
            display=self._progress,
            heads=self._heads,
            grade=test_runner(self._config.data, list(self._problems.values())),
        )

    def _feedback(
        self,
        run: RunWriter,
        turn: int,
        failed: Mapping[int, _Row],
        said: Mapping[int, Sequence[Turn]],
    ) -> dict[int, _Row]:
        """Let the giver speak about failed replies, once about each."""
        failures = {
            task: Failure(
                key=f"{task}/{turn}/feedback",
                problem=self._problems[task],
                turn=turn,
                reply=row,
                said=tuple(said[task]),
            )
            for task, row in failed.items()
        }
        missing = [one for one in failures.values() if one.key not in run.done]
        for one, words in zip(missing, self._giver.say(missing), strict=True):
            row = {
                "key": one.key,
                "task_id": one.problem.task_id,
                "kind": str(Kind.FEEDBACK),
                "turn": turn,
                "turns": self._config.turns,
                "giver": str(self._giver.kind),
                "author": words.author,
                "said": words.text,
                "show_expected": self._config.show_expected,
                "code_sha256": one.code_sha256,
                "tests": list(one.problem.test_list),
                "about": {name: one.reply[name] for name in ("verdict", "error", "message")},
            }
            run.append([row | score_dialog(row)])
        return {task: run.done[one.key] for task, one in failures.items()}

    def _resample(self, run: RunWriter, tasks: Sequence[int], keys: dict[int, list[str]]) -> None:
        """Try again without feedback, as often as there are turns."""
        questions = [
            self._question(task, 0, [opening(self._problems[task])], k=k)
            for task in tasks
            for k in range(1, self._config.turns + 1)
        ]
        for row in self._ask(run, questions, self._resampling, repeat=False) if questions else ():
            keys[row["task_id"]].append(row["key"])

    def identity(self, source: dict[str, Any]) -> dict[str, Any]:
        """Return what decides the run."""
        config = self._config
        return {
            "verb": "evaluate dialog",
            "config": {
                "split": str(config.split),
                "problems": config.problems,
                "turns": config.turns,
                "seed": config.seed,
                "batch_invariance_items": config.batch_invariance_items,
                "context_tokens": config.context_tokens,
                "resampling": self._resampling.to_json() if config.resample else None,
                "trust_programs": config.data.trust_programs,
                **self._decoding.to_json(),
                **self._chat.to_json(),
            },
            "inputs": {"source": source},
            "feedback": self._giver.identity(),
            "prompts": {DIALOG_V1: wording_sha256()},
            "prompt_heads": self._heads,
            "policies": [str(EqualityPolicy.PYTHON_EQ)],
            "model": self._generator.identity,
        }
