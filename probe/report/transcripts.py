"""Dialogs in full, one page a problem: what was asked for, each reply, each feedback.

Called by :mod:`probe.report.dialog`. Models and people wrote these texts: unseen characters become
escapes here, and escaping for HTML and Markdown is the templates' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from probe.report.inputs import ReportRun
from probe.report.numbers import count, visible, visible_lines
from probe.report.sections import Talk, TalkLine
from probe.tasks.dialog.results import Kind
from probe.tasks.items import rank
from probe.tasks.sampled import passed

__all__ = ["MAX_TALKS", "talks_of"]

MAX_TALKS = 200
"""At most so many dialogs are shown; of more, some are drawn by hash. All stay in the samples."""

_MAX_CHARS = 4000


def talks_of(run: ReportRun, key: str) -> tuple[Talk, ...]:
    """Return the dialogs of a run: solved after feedback, not solved, solved at once.

    Args:
        run: A dialog run.
        key: Beginning of the anchors.
    """
    tasks: dict[int, list[dict[str, Any]]] = {}
    for row in run.rows:
        if row["kind"] != Kind.RESAMPLE:
            tasks.setdefault(row["task_id"], []).append(row)
    chosen = sorted(tasks, key=lambda task: rank(0, task))[:MAX_TALKS]
    talks = [_talk(task, tasks[task], key) for task in sorted(chosen)]
    return tuple(sorted(talks, key=lambda talk: ("mended", "open", "at once").index(talk.kind)))


def _talk(task: int, rows: Sequence[dict[str, Any]], key: str) -> Talk:
    talk = sorted(rows, key=lambda row: (row["turn"], row["kind"] == Kind.FEEDBACK))
    replies = [row for row in talk if row["kind"] == Kind.REPLY]
    told = sum(row["kind"] == Kind.FEEDBACK and bool(row["text"]) for row in talk)
    if not passed(replies[-1]):
        kind, end = "open", f"not solved with {count(told, 'feedback')}"
    elif told:
        kind, end = "mended", f"solved after {count(told, 'feedback')}"
    else:
        kind, end = "at once", "solved at once"
    return Talk(
        anchor=f"{key}-task-{task}",
        title=f"Task {task}: {end}",
        kind=kind,
        asked=_shown(replies[0]["prompt"]),
        lines=tuple(_line(row) for row in talk),
    )


def _line(row: dict[str, Any]) -> TalkLine:
    if row["kind"] == Kind.FEEDBACK:
        return TalkLine(who=visible(row["author"]) or "nobody", text=_shown(row["text"]))
    outcome = row["outcome"].replace("_", " ")
    message = visible(" ".join(str(row["message"]).split()))
    return TalkLine(
        who=f"Reply {row['turn'] + 1}",
        text=_shown(row["code"] or row["completion"]),
        code=True,
        outcome=f"{outcome}: {message}" if message else outcome,
    )


def _shown(text: str) -> str:
    cut = text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]} ..."
    return visible_lines(cut.strip("\n"))
