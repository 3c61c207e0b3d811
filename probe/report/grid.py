"""The section about the grid of prompt contents: runs side by side, and beside the paper.

Called through :mod:`probe.report.probes`. Numbers of single runs are those of their results;
paired differences between runs are taken from their samples, program by program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from probe.report.grid_notes import (
    INPUTS,
    POLICY,
    SETTINGS,
    CellName,
    grid_cells,
    grid_facts,
    grid_headlines,
    grid_notes,
)
from probe.report.inputs import ReportRun, estimate
from probe.report.labels import Labels, baseline_name, set_titles
from probe.report.listing import Asked
from probe.report.matching import Cohort, cohorts, same_weights
from probe.report.numbers import (
    could_find,
    count,
    p_value,
    percent_interval,
    points_interval,
    visible,
)
from probe.report.paper import STRENGTH, content_name, paper_accuracy
from probe.report.plots import TypeRow, types_picture
from probe.report.sections import Section
from probe.report.tables import NOTHING, Cell, Table, score_cell
from probe.statistics import corrected, pair
from probe.tasks.grid_results import programs_right

__all__ = ["grid_sections"]


def grid_sections(runs: Sequence[ReportRun]) -> list[Section]:
    """Return one section for each cohort of matched grids, the largest grid first."""
    groups = sorted(cohorts(runs), key=lambda cohort: -len(cohort.runs[0].rows))
    titles = set_titles([grid_facts(cohort.runs[0]) for cohort in groups])
    return [
        _section(cohort, Labels(cohort.runs), place, title)
        for place, (cohort, title) in enumerate(zip(groups, titles, strict=True), 1)
    ]


def _section(cohort: Cohort, labels: Labels, place: int, title: str) -> Section:
    key = f"grid-{place}"
    cells = {run.name: grid_cells(run) for run in cohort.runs}
    names = list(cells[cohort.runs[0].name])
    blocks = list(dict.fromkeys((inputs, setting) for _, setting, inputs in names))
    tables = [
        _scores_table(cohort, labels, cells, setting, inputs, f"{key}-{inputs}-{setting}")
        for inputs, setting in blocks
    ]
    tables += _difference_tables(cohort, labels, key)
    fresh = _fresh_table(cohort, labels, f"{key}-fresh-public")
    leaks = _leaks_table(cohort, labels, cells, f"{key}-leaks")
    tables += [table for table in (fresh, leaks) if table]
    inputs, setting = blocks[0]
    return Section(
        key=key,
        title=f"What the prompt shows{title}",
        text=f"The same {grid_facts(cohort.runs[0])[0]} under every prompt content: the "
        "program, its description, other test cases, and what they make up together. A program "
        "counts as right if every held-out call is.",
        notes=tuple(visible(note) for note in grid_notes(cohort, labels, cells)),
        headlines=tuple(visible(told) for told in grid_headlines(cohort, labels, cells, place)),
        tables=tuple(tables),
        asked=Asked(runs=tuple(cohort.runs), labels=labels),
        picture=types_picture(
            [
                TypeRow(
                    label=content_name(content),
                    scores=tuple(
                        estimate(cells[run.name][content, setting, inputs]["scores"][POLICY])
                        for run in cohort.runs
                    ),
                )
                for content in dict.fromkeys(content for content, *_ in names)
            ],
            [labels[run] for run in cohort.runs],
            f"{key}-figure",
            title=f"Programs right by prompt content, {SETTINGS[setting]}, {INPUTS[inputs]}",
            caption="Point: share of programs right by exact text. Line: 95% interval.",
        ),
    )


def _scores_table(
    cohort: Cohort,
    labels: Labels,
    cells: dict[str, dict[CellName, dict[str, Any]]],
    setting: str,
    inputs: str,
    key: str,
) -> Table:
    first = cells[cohort.runs[0].name]
    paper = inputs == "public"
    rows = []
    for name, cell in first.items():
        if name[1:] != (setting, inputs):
            continue
        best = cell["baselines"][cell["beyond_baseline"]["baseline"]]
        row = [Cell(text=content_name(name[0]), note=count(cell["n_programs"], "program"))]
        row += [
            score_cell(estimate(cells[run.name][name]["scores"][POLICY])) for run in cohort.runs
        ]
        row.append(
            Cell(
                text=percent_interval(estimate(best[POLICY])),
                note=baseline_name(cell["beyond_baseline"]["baseline"]),
            )
        )
        if paper:
            row += [_recalled(name[0], setting, tuned=tuned) for tuned in (False, True)]
        rows.append(tuple(row))
    return Table(
        key=key,
        caption=f"Programs right by exact text, {INPUTS[inputs]}, {SETTINGS[setting]}.",
        columns=(
            "Prompt shows",
            *(labels[run] for run in cohort.runs),
            "Best trivial baseline",
            *(("Paper, few-shot", "Paper, fine-tuned") if paper else ()),
        ),
        rows=tuple(rows),
        foot="Programs are resampled for the 95% intervals. Rows without code ask for induction, "
        "not execution."
        + (f" The paper's columns: a 137B model, {STRENGTH}, not checked." if paper else ""),
    )


def _recalled(content: str, setting: str, *, tuned: bool) -> Cell:
    found = paper_accuracy(content, setting, tuned=tuned)
    return Cell(text=NOTHING if found is None else f"{found:.1f}%", note="recalled")


def _difference_tables(cohort: Cohort, labels: Labels, key: str) -> Iterator[Table]:
    """Yield a table of paired differences for each tuned run and each run of its base model."""
    for second in cohort.runs:
        for first in cohort.runs:
            if second.tuned and not first.tuned and same_weights(first, second):
                yield _difference_table(first, second, labels, f"{key}-{first.name}-{second.name}")


def _difference_table(first: ReportRun, second: ReportRun, labels: Labels, key: str) -> Table:
    found = []
    for name in grid_cells(first):
        a, b = (programs_right(_rows(run, name), POLICY) for run in (first, second))
        found.append((name, pair(list(a.values()), [b[program] for program in a], list(a))))
    names, pairs = [name for name, _ in found], corrected([paired for _, paired in found])
    return Table(
        key=key,
        caption=f"{labels[second]} minus {labels.inline(first)}, in percentage points by exact "
        "text, on the same programs.",
        columns=("Prompt shows", "Difference", "p", "p (Holm)"),
        rows=tuple(
            (
                Cell(text=content_name(name[0]), note=f"{SETTINGS[name[1]]}, {INPUTS[name[2]]}"),
                Cell(text=points_interval(paired.difference)),
                Cell(text=p_value(paired.p).removeprefix("= ")),
                Cell(text=p_value(paired.p_holm).removeprefix("= ")),
            )
            for name, paired in zip(names, pairs, strict=True)
        ),
        foot="p: exact McNemar test on programs; Holm's correction is over this table. "
        + could_find(pairs),
    )


def _rows(run: ReportRun, name: CellName) -> list[dict[str, Any]]:
    return [row for row in run.rows if (row["content"], row["setting"], row["inputs"]) == name]


def _fresh_table(cohort: Cohort, labels: Labels, key: str) -> Table | None:
    rows = [
        (
            Cell(text=labels[run], note=f"{content_name(row['content'])}, {row['setting']}"),
            *(
                Cell(
                    text=points_interval(estimate(row[policy]["difference"])),
                    note=f"p {p_value(row[policy]['p'])}",
                )
                for policy in ("exact_text", "exact")
            ),
            Cell(text=str(row["exact"]["difference"]["n"])),
        )
        for run in cohort.runs
        for row in run.results["fresh_minus_public"]
    ]
    if not rows:
        return None
    return Table(
        key=key,
        caption="Fresh inputs minus public asserts of the same programs under the same prompt, "
        "in percentage points.",
        columns=("Run", "Exact text", "Exact value", "Programs"),
        rows=tuple(rows),
        foot="Fresh inputs stand in no public data set; a score that falls on them was helped by "
        "memory, or the asserts are easier. p: exact McNemar test, not corrected.",
    )


def _leaks_table(
    cohort: Cohort,
    labels: Labels,
    cells: dict[str, dict[CellName, dict[str, Any]]],
    key: str,
) -> Table | None:
    rows = [
        (
            Cell(text=labels[run], note=f"{content_name(name[0])}, {name[1]}, {INPUTS[name[2]]}"),
            score_cell(estimate(cell["scores"][POLICY])),
            score_cell(estimate(cell["without_leaks"][POLICY])),
            Cell(text=f"{cell['n_programs'] - cell['without_leaks'][POLICY]['n']}"),
        )
        for run in cohort.runs
        for name, cell in cells[run.name].items()
        if cell["without_leaks"] and name[1:] == next(iter(cells[run.name]))[1:]
    ]
    if not rows:
        return None
    shared = cohort.runs[0].results["leaks"]
    told = "; ".join(
        f"{kind}: {', '.join(map(str, tasks[:12]))}{' ...' if len(tasks) > 12 else ''}"
        for kind, tasks in shared.items()
    )
    return Table(
        key=key,
        caption="Scores with and without items that share something with training or few-shot "
        "programs, by exact text.",
        columns=("Run", "All programs", "Without shared", "Programs left out"),
        rows=tuple(rows),
        foot=f"What is shared, and by which tasks: {told}.",
    )
