"""Samples of runs that have sections of their own: what was asked, what came, whether it is right.

Called by :mod:`probe.report.document` for each section that names its runs. Output prediction has
a browser of its own (:mod:`probe.report.browse`), with baselines and both policies; dialogs are
told in full (:mod:`probe.report.transcripts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generators.records import Verdict
from probe.report.excerpts import Show, anchor_of, chosen, cut, shared_prefix, show_of
from probe.report.inputs import ReportRun
from probe.report.labels import Labels, finish_name, reason_name
from probe.report.numbers import visible
from probe.report.paper import content_name

__all__ = ["SHOWN", "Asked", "Entry", "Listing", "Said", "listing"]

SHOWN = 100
"""So many samples are shown of a section, drawn by the hash of their key."""

_TITLE = 110
_SHORT_KEY = 9
_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Runs that were asked the same.

    Attributes:
        runs: The runs.
        labels: Their names.
    """

    runs: tuple[ReportRun, ...]
    labels: Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one run's model said.

    Attributes:
        who: The run.
        text: Its answer or program; its completion where neither could be read.
        right: Whether it counts as right.
        note: What came of it, in words.
    """

    who: str
    text: str
    right: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One sample.

    Attributes:
        key: Its key in ``samples.jsonl``.
        anchor: Identifier inside the page.
        title: What it asks, in a line.
        kind: Which kind of question it is, ``""`` where there is one.
        query: Its prompt without what many prompts begin with.
        expected: What is right, ``""`` where tests decide.
        said: One for each run.
        pattern: ``1`` or ``0`` for each run: right or wrong.
    """

    key: str
    anchor: str
    title: str
    kind: str
    query: str
    expected: str
    said: tuple[Said, ...]
    pattern: str

    @property
    def long(self) -> bool:
        """Whether its key wants a wide column."""
        return len(self.key) > _SHORT_KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Samples of a section.

    Attributes:
        entries: The samples, by key.
        total: Number of samples of each run.
        names: The runs, in the order of ``said``.
        kinds: Kinds of questions that occur.
        shows: Choices of the filter.
    """

    entries: tuple[Entry, ...]
    total: int
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    shows: tuple[Show, ...]


def listing(asked: Asked, key: str, shown: int) -> Listing:
    """List samples of matched runs.

    Args:
        asked: The runs.
        key: What anchors begin with.
        shown: At most so many, drawn by the hash of their key.
    """
    first = asked.runs[0].rows
    kept = chosen(first, shown, lambda row: str(row["key"]))
    wanted = {row["key"] for row in kept}
    rows = [{r["key"]: r for r in run.rows if r["key"] in wanted} for run in asked.runs]
    names = tuple(asked.labels[run] for run in asked.runs)
    head = shared_prefix([row["prompt"] for row in first if "prompt_head" not in row])
    queries = [
        row["prompt"] if "prompt_head" in row else row["prompt"][len(head) :] for row in kept
    ]
    titles = _titles(kept, queries)
    entries = tuple(
        _entry([own[row["key"]] for own in rows], names, key, query=query, title=title)
        for row, query, title in zip(kept, queries, titles, strict=True)
    )
    return Listing(
        entries=entries,
        total=len(first),
        names=names,
        kinds=tuple(sorted({entry.kind for entry in entries} - {""})),
        shows=_shows(entries, names),
    )


def _titles(rows: Sequence[_Row], queries: Sequence[str]) -> list[str]:
    """Say in a line each what is asked, without the words before a colon that all begin with."""
    titles = [
        " ".join(str(row.get("call") or query).split())
        for row, query in zip(rows, queries, strict=True)
    ]
    same = len(shared_prefix(titles, ": "))
    return [title[same:] for title in titles]


def _entry(
    rows: Sequence[_Row], names: Sequence[str], prefix: str, *, query: str, title: str
) -> Entry:
    row = rows[0]
    said = tuple(_said(own, name) for own, name in zip(rows, names, strict=True))
    return Entry(
        key=visible(row["key"]),
        anchor=anchor_of(f"{prefix}-sample-", row["key"]),
        title=visible(title if len(title) <= _TITLE else f"{title[:_TITLE]}..."),
        kind=visible(_kind(row)),
        query=cut(query),
        expected=cut(str(row.get("expected", ""))),
        said=said,
        pattern="".join(str(int(one.right)) for one in said),
    )


def _kind(row: _Row) -> str:
    if "content" in row:
        return f"{content_name(row['content'])}, setting {row['setting']}, {row['inputs']} inputs"
    return str(row.get("kind", "")).replace("_", " ")


def _said(row: _Row, name: str) -> Said:
    if "verdict" in row:
        right = row["verdict"] == Verdict.PASS
        outcome = str(row.get("outcome") or row["verdict"]).replace("_", " ")
        parts = [outcome, row.get("message", "")]  # formulas are worked out, not run
        text = row.get("code", "")
    else:
        right = bool(row["exact_text"])
        reason = row["reason"]
        parts = [finish_name(row["finish"]), f"no answer: {reason_name(reason)}" if reason else ""]
        text = row["answer"]
    return Said(
        who=name,
        text=cut(text or row["completion"]),
        right=right,
        note=visible("; ".join(filter(None, parts))),
    )


def _shows(entries: Sequence[Entry], names: Sequence[str]) -> tuple[Show, ...]:
    patterns = [entry.pattern for entry in entries]
    found = [show_of("All samples", "." * len(names), patterns)]
    for place, name in enumerate(names):
        around = ["." * place, "." * (len(names) - place - 1)]
        found.append(show_of(f"{name}: right", "1".join(around), patterns))
        found.append(show_of(f"{name}: wrong", "0".join(around), patterns))
    return tuple(found)
