"""The sections about dialogs: what feedback mends, beside mere trying again.

Called through :mod:`probe.report.probes`. Numbers are those of the runs' results; dialogs in
full are made in :mod:`probe.report.transcripts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from probe.report.compare import verdict
from probe.report.curves import CurvePoint, curve_picture
from probe.report.inputs import ReportRun, estimate
from probe.report.labels import Labels
from probe.report.numbers import count, p_value, percent_interval, points_interval, visible
from probe.report.sections import Section
from probe.report.tables import NOTHING, Cell, Table, score_cell
from probe.report.transcripts import talks_of

__all__ = ["dialog_sections"]

_GIVERS = {
    "execution": "one sentence made from the first test that fails",
    "model": "a sentence by a model that sees program and outcome",
    "recorded": "recorded feedback",
    "human": "a sentence that a person typed",
}
_PAPER = {0: "30%", 1: "55%", 4: "just over 65%"}


def dialog_sections(runs: Sequence[ReportRun]) -> list[Section]:
    """Return a section for each run, named by who gives feedback, then by who is asked."""
    by_giver: dict[str, list[ReportRun]] = {}
    for run in runs:
        by_giver.setdefault(_giver(run), []).append(run)
    labels = {giver: Labels(same) for giver, same in by_giver.items()}
    sections = []
    for place, run in enumerate(runs, 1):
        giver = _giver(run)
        title = "Dialog"
        if len(by_giver) > 1:
            title += f" with {giver} feedback"
        if len(by_giver[giver]) > 1:
            title += f": {visible(labels[giver][run])}"
        sections.append(_section(run, labels[giver], f"dialog-{place}", title))
    return sections


def _giver(run: ReportRun) -> str:
    return str(run.identity["feedback"]["kind"])


def _section(run: ReportRun, labels: Labels, key: str, title: str) -> Section:
    results = run.results
    again = results["resampled"]
    curves = {"With feedback": _points(results["solved"])}
    if again:
        curves["Trying again without"] = _points(again["solved"])
    tables = [
        _solved_table(run, f"{key}-solved"),
        _mended_table(run, f"{key}-mended"),
        _facts_table(run, f"{key}-facts"),
    ]
    told = tuple(map(visible, _notes(run, labels)))
    return Section(
        key=key,
        title=title,
        text=f"{count(results['n_programs'], 'problem')}, at most "
        f"{count(results['turns'], 'feedback')} each: {_GIVERS[_giver(run)]} "
        f"({_authors(results['feedback']['authors'])}). A problem counts as solved from the first "
        "reply that passes its tests.",
        notes=told,
        headlines=told[:1],
        tables=tuple(table for table in tables if table),
        picture=curve_picture(
            curves,
            f"{key}-figure",
            title="Problems solved by number of replies",
            x_label="Replies",
            y_label="Problems solved, %",
        ),
        talks=talks_of(run, key),
    )


def _points(found: Sequence[dict[str, Any]]) -> list[CurvePoint]:
    return [CurvePoint(x=turn, score=estimate(one)) for turn, one in enumerate(found, 1)]


def _authors(authors: dict[str, int]) -> str:
    if not authors:
        return "nothing was said"
    return ", ".join(f"{n} by {visible(who)}" for who, n in authors.items())


def _notes(run: ReportRun, labels: Labels) -> Iterator[str]:
    results = run.results
    first, last = (estimate(results["solved"][turn]) for turn in (0, -1))
    yield (
        f"{labels[run]}: solves {percent_interval(first)} at once and {percent_interval(last)} "
        f"with up to {count(results['turns'], 'feedback')} ({_giver(run)} feedback)."
    )
    again = results["resampled"]
    if again and again["feedback_minus_it"]:
        found = estimate(again["feedback_minus_it"][-1]["difference"])
        tokens = estimate(again["as_many_tokens"]["feedback_minus_it"]["difference"])
        yield (
            f"Feedback against as many tries without it: {points_interval(found)} points "
            f"({verdict(found)}); against tries of as many tokens: {points_interval(tokens)} "
            f"({verdict(tokens)})."
        )


def _solved_table(run: ReportRun, key: str) -> Table:
    results = run.results
    again = results["resampled"]
    rows = []
    for turn, solved in enumerate(results["solved"]):
        beside: list[Cell] = []
        if again:
            beside.append(score_cell(estimate(again["solved"][turn])))
            paired = again["feedback_minus_it"][turn - 1] if turn else None
            beside.append(
                Cell(
                    text=points_interval(estimate(paired["difference"])),
                    note=f"p (Holm) {p_value(paired['p_holm'])}",
                )
                if paired
                else Cell(text=NOTHING)
            )
        rows.append(
            (
                Cell(text=str(turn)),
                score_cell(estimate(solved)),
                *beside,
                Cell(text=_PAPER.get(turn, NOTHING), note="recalled" if turn in _PAPER else ""),
            )
        )
    if again:
        tokens = again["as_many_tokens"]
        rows.append(
            (
                Cell(text="tries of as many tokens"),
                Cell(text=NOTHING),
                score_cell(estimate(tokens["solved"])),
                Cell(
                    text=points_interval(estimate(tokens["feedback_minus_it"]["difference"])),
                    note=f"p {p_value(tokens['feedback_minus_it']['p'])}",
                ),
                Cell(text=NOTHING),
            )
        )
    return Table(
        key=key,
        caption="Problems solved, by feedback given.",
        columns=(
            "Feedback",
            "Solved",
            *(("Tries without", "Feedback minus tries, points") if again else ()),
            "Paper, 137B, people's feedback",
        ),
        rows=tuple(rows),
        foot="Tries without feedback: further samples of the first prompt, as many as there are "
        "feedbacks; both ways share the first reply. The paper's numbers (recalled, high "
        "confidence) are with feedback that people gave to another model on 50 problems.",
    )


def _mended_table(run: ReportRun, key: str) -> Table | None:
    found: dict[tuple[str, str], dict[int, int]] = {}
    for one in run.results["mended"]:
        found.setdefault((one["before"], one["after"]), {})[one["turn"]] = one["count"]
    if not found:
        return None
    turns = range(1, run.results["turns"] + 1)
    return Table(
        key=key,
        caption="What becomes of a reply after feedback, number of replies.",
        columns=("Before", "After", *(f"Turn {turn}" for turn in turns)),
        rows=tuple(
            (
                Cell(text=before.replace("_", " ")),
                Cell(text=after.replace("_", " ")),
                *(Cell(text=str(counts.get(turn, 0))) for turn in turns),
            )
            for (before, after), counts in sorted(
                found.items(), key=lambda item: -sum(item[1].values())
            )
        ),
    )


def _facts_table(run: ReportRun, key: str) -> Table:
    replies, said = run.results["replies"], run.results["feedback"]
    shares = (
        ("Replies after feedback that repeat the program before", "repeats"),
        ("Replies after feedback that pass fewer tests than before", "worse"),
        ("Names and numbers of a feedback that are taken up", "names_used"),
    )
    counts = (
        ("Feedback given", "given"),
        ("Replies about which nothing was said", "none"),
        ("Feedback that was cut to one sentence", "cut"),
        ("Feedback with code in it", "with_code"),
        ("Feedback that spells an expected value", "with_expected_value"),
    )
    return Table(
        key=key,
        caption="Feedback, and what is made of it.",
        columns=("What", "Value"),
        rows=(
            *(
                (
                    Cell(text=words),
                    score_cell(estimate(replies[name])) if replies[name] else Cell(text=NOTHING),
                )
                for words, name in shares
            ),
            *((Cell(text=words), Cell(text=str(said[name]))) for words, name in counts),
        ),
    )
