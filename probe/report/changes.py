"""Tables and figure of a run on changed programs: does the model read, or remember?

Called through :mod:`probe.report.probes`. The numbers are those of the run's results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from probe.report.figures import Picture
from probe.report.inputs import POLICIES, ReportRun, estimate
from probe.report.labels import POLICY_NAMES, Labels, baseline_name
from probe.report.listing import Asked
from probe.report.numbers import count, interval, percent, percent_interval, visible
from probe.report.numbers import points_interval as points
from probe.report.plots import TypeRow, types_picture
from probe.report.sections import Section
from probe.report.tables import NOTHING, Cell, Table

__all__ = ["changes_sections"]

_FAMILIES = {"preserving": "Meaning kept", "changing": "Meaning changed"}
_KINDS = {
    "neutral_names": "names that say nothing",
    "misleading_names": "misleading names",
    "swapped_names": "names swapped",
    "statement_order": "order of statements",
    "turned_comparison": "comparison turned round",
    "negated_comparison": "comparison negated twice",
    "spelled_assignment": "assignment spelled otherwise",
    "negated_branches": "condition negated, branches swapped",
    "while_loop": "while loop",
    "operator": "operator",
    "constant": "constant",
    "comparison": "comparison",
    "boundary": "boundary",
    "branch": "branches swapped",
}


def changes_sections(runs: Sequence[ReportRun]) -> list[Section]:
    """Return one section for each run on changed programs."""
    return [_section(run, place) for place, run in enumerate(runs, 1)]


def _section(run: ReportRun, place: int) -> Section:
    key = f"changes-{place}"
    who = f"{run.model_name}, tuned" if run.tuned else run.model_name
    told = visible(
        " ".join((f"{who}, {run.shots}-shot, changed programs.", *_sentences(run.results)))
    )
    return Section(
        key=key,
        title=visible(f"Changed programs: {run.name}"),
        text=told,
        headlines=(told,),
        tables=(
            *(_kinds_table(run, policy, f"{key}-{policy}") for policy in POLICIES),
            _given_right_table(run, f"{key}-given-right"),
            _baselines_table(run, f"{key}-baselines"),
        ),
        picture=_picture(run, f"{key}-figure"),
        asked=Asked(runs=(run,), labels=Labels([run])),
    )


def _groups(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return each family and the kinds in it, with their names."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for family, name in _FAMILIES.items():
        if family in results["families"]:
            found.append((f"{name}, all", results["families"][family]))
        found += [
            (f"{name}: {words}", results["kinds"][kind])
            for kind, words in _KINDS.items()
            if kind in results["kinds"] and results["kinds"][kind]["family"] == family
        ]
    return found


def _sentences(results: Mapping[str, Any]) -> list[str]:
    """Say what came out, by exact text; nothing about families that are not there."""
    right = estimate(results["original"]["right"]["exact_text"])
    found = [f"Of the original programs it answers {percent_interval(right)} right."]
    families = results["families"]
    if "preserving" in families:
        kept = families["preserving"]
        score, same = (
            estimate(each) for each in (kept["right"]["exact_text"], kept["same_answer"])
        )
        found.append(
            f"Where a change keeps the meaning: {percent_interval(score)}; in "
            f"{percent_interval(same)} it gives the answer that it gave for the original."
        )
    if "changing" in families:
        other = families["changing"]
        read, remembered = (
            estimate(other[name]["exact_text"]) for name in ("right", "original_answer")
        )
        found.append(
            f"Where a change makes another output: {percent_interval(read)} right, and "
            f"{percent_interval(remembered)} are the original's output "
            f"({_verdict(other['right_minus_original_answer']['exact_text'])})."
        )
    return found


def _verdict(difference: Mapping[str, Any]) -> str:
    found = estimate(dict(difference))
    if found.low > 0:
        word = "it reads more often than it remembers"
    elif found.high < 0:
        word = "it remembers more often than it reads"
    else:
        word = "no clear difference"
    return f"{word}: {points(found)} points"


def _score(score: Mapping[str, Any] | None) -> Cell:
    if score is None:
        return Cell(text=NOTHING)
    found = estimate(dict(score))
    return Cell(text=percent(found.estimate), note=interval(found))


def _named(name: str, group: Mapping[str, Any]) -> Cell:
    size = f"{count(group['n_items'], 'item')}, {count(group['n_programs'], 'program')}"
    return Cell(text=name, note=size)


def _kinds_table(run: ReportRun, policy: str, key: str) -> Table:
    original = run.results["original"]
    rows = [
        (
            _named("Original programs", original),
            _score(original["right"][policy]),
            *(Cell(text=NOTHING),) * 3,
        )
    ]
    for name, group in _groups(run.results):
        changing = "right_minus_original_answer" in group
        rows.append(
            (
                _named(name, group),
                _score(group["right"][policy]),
                _score(group["original_answer"][policy] if changing else None),
                _score(group["same_answer"]),
                Cell(text=points(estimate(group["right_minus_original_right"][policy]))),
            )
        )
    level = estimate(original["right"][policy]).level
    return Table(
        key=key,
        caption=f"Answers about changed programs by {POLICY_NAMES[policy].lower()}, with "
        f"{level:.0%} intervals; {count(run.n, 'item')} of "
        f"{count(run.results['n_programs'], 'program')}.",
        columns=(
            "Programs",
            "Right",
            "The original's output",
            "Same answer as for the original",
            "Right, minus right on the originals",
        ),
        rows=tuple(rows),
        foot="Right: what the program in the prompt returns. The original's output: what the "
        "program returned before it was changed; where the meaning is kept that is the right "
        "answer. Same answer: the text given for the original, right or wrong. Last column: "
        "paired difference in percentage points on the same calls.",
    )


def _given_right_table(run: ReportRun, key: str) -> Table:
    rows = []
    for name, group in _groups(run.results):
        found = group["given_right"]["exact_text"]
        changing = "right_minus_original_answer" in group
        rows.append(
            (
                _named(name, found),
                _score(found["right"]),
                _score(found["original_answer"] if changing else None),
            )
        )
    return Table(
        key=key,
        caption="The same, only where the model was right on the original program, by exact text.",
        columns=("Programs", "Right", "The original's output"),
        rows=tuple(rows),
        foot="Being right on the original chooses programs that the model finds easy; groups may "
        "be small.",
    )


def _baselines_table(run: ReportRun, key: str) -> Table:
    groups = {"Original programs": run.results["original"]} | {
        name: run.results["families"][family]
        for family, name in _FAMILIES.items()
        if family in run.results["families"]
    }
    names = {"original_output": "always the original's output"}
    rows = [
        (
            Cell(text=names.get(name, baseline_name(name)).capitalize()),
            *(_score(group["baselines"][name]["exact_text"]) for group in groups.values()),
        )
        for name in run.results["original"]["baselines"]
    ]
    return Table(
        key=key,
        caption="Answers that need no reading of the program, by exact text.",
        columns=("Baseline", *groups),
        rows=tuple(rows),
        foot="Copy another output: what the next call of the original program returns. Majority "
        "by type: the most frequent output of that type among the other programs.",
    )


def _picture(run: ReportRun, key: str) -> Picture:
    groups = [("Original programs", run.results["original"]), *_groups(run.results)]
    rows = []
    for name, group in groups:
        fields = ["right"]
        if "right_minus_original_answer" in group:
            fields.append("original_answer")
        rows.append(
            TypeRow(
                label=f"{name}: {count(group['n_items'], 'item')}",
                scores=tuple(estimate(group[field]["exact_text"]) for field in fields),
            )
        )
    return types_picture(
        rows,
        ["Right about the program shown", "The original's output"],
        key,
        title="Answers about changed programs, by kind of change",
        caption="First kinds that keep the meaning, then those that change it. Where it is kept, "
        "the original's output is the right answer. The numbers are in the table.",
        axis="Answers by exact text, %",
    )
