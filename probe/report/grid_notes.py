"""What is said in words about grids: which they are, what they reach, what fresh inputs change.

Called by :mod:`probe.report.grid`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from probe.report.compare import verdict
from probe.report.inputs import ReportRun, estimate
from probe.report.labels import Labels
from probe.report.matching import Cohort
from probe.report.numbers import count, percent_interval, points_interval
from probe.report.paper import content_name
from probe.statistics import Estimate

__all__ = [
    "INPUTS",
    "POLICY",
    "SETTINGS",
    "CellName",
    "grid_cells",
    "grid_facts",
    "grid_headlines",
    "grid_notes",
]

POLICY = "exact_text"  # the paper's criterion
SETTINGS = {"L": "one input held out", "R": "two inputs held out, both right"}
INPUTS = {"public": "public asserts", "fresh": "fresh inputs"}
CellName: TypeAlias = tuple[str, str, str]


def grid_cells(run: ReportRun) -> dict[CellName, dict[str, Any]]:
    """Return the cells of a grid's results by content, setting and inputs."""
    return {(c["content"], c["setting"], c["inputs"]): c for c in run.results["cells"]}


def grid_facts(run: ReportRun) -> list[str]:
    """Return in words how many programs a grid has, with which calls and prompts."""
    contents, settings, inputs = map(dict.fromkeys, zip(*grid_cells(run), strict=True))
    return [
        count(run.results["n_programs"], "program"),
        " and ".join(INPUTS[name] for name in inputs),
        count(len(contents), "prompt content"),
        " and ".join(SETTINGS[name] for name in settings),
    ]


def grid_notes(
    cohort: Cohort, labels: Labels, cells: dict[str, dict[CellName, dict[str, Any]]]
) -> Iterator[str]:
    """Say for each run what it reaches, and where it stands against the best baseline."""
    for run in cohort.runs:
        own = cells[run.name]
        yield _reached(labels[run], own)
        above: list[CellName] = []
        below: list[CellName] = []
        for name, cell in own.items():
            margin = cell["beyond_baseline"]
            told = verdict(estimate(margin["difference"]))
            if margin["p_holm"] < 1 - Estimate(**margin["difference"]).level:
                (above if told == "above" else below).append(name)
        parts = [
            f"better in {len(above)} ({_listed(above)})" if above else "better in none",
            f"worse in {len(below)} ({_listed(below)})" if below else "worse in none",
        ]
        yield (
            f"{labels[run]}, against the best trivial baseline of each of {len(own)} cells, by "
            f"exact value: {', '.join(parts)}. Elsewhere it is not told apart from a guess that "
            "does not read the program (exact McNemar test, Holm's correction over the cells)."
        )


def grid_headlines(
    cohort: Cohort, labels: Labels, cells: dict[str, dict[CellName, dict[str, Any]]], place: int
) -> Iterator[str]:
    """Say what is reached, of the first set alone, and what fresh inputs change."""
    for run in cohort.runs:
        if place == 1:
            yield _reached(labels[run], cells[run.name])
        parts = [
            f"{points_interval(estimate(row[POLICY]['difference']))} with "
            f"{content_name(row['content'])}"
            for row in run.results["fresh_minus_public"]
            if row["setting"] == "L"
        ]
        if parts:
            yield (
                f"{labels[run]}, fresh inputs minus public asserts of the same programs, points: "
                f"{'; '.join(parts)}."
            )


def _reached(label: str, cells: dict[CellName, dict[str, Any]]) -> str:
    """Say how many programs are right with the program alone, at best, and without it."""
    *_, setting, inputs = next(iter(cells))
    shares = {
        content: estimate(cell["scores"][POLICY])
        for (content, *block), cell in cells.items()
        if block == [setting, inputs]
    }
    best = max(shares, key=lambda content: shares[content].estimate)
    parts = [f"{percent_interval(shares[best])} at best, with {content_name(best)}"]
    if "code" in shares and best != "code":
        parts.insert(0, f"{percent_interval(shares['code'])} of the programs right with code alone")
    if "tests" in shares and best != "tests":
        parts.append(f"{percent_interval(shares['tests'])} with tests alone, the program unseen")
    return f"{label}, {INPUTS[inputs]}, {SETTINGS[setting]}: {'; '.join(parts)}."


def _listed(names: Sequence[CellName]) -> str:
    return "; ".join(f"{content_name(name[0])}, {name[1]}, {INPUTS[name[2]]}" for name in names)
