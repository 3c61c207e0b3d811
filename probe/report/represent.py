"""The section about what a model's states carry: probes of matched runs side by side.

Called through :mod:`probe.report.probes`. Numbers of single runs are those of their results;
paired differences between runs are taken from their samples, item by item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from probe.report.inputs import ReportRun, estimate
from probe.report.labels import Labels, set_titles
from probe.report.layers import LayerCurve, LayerPanel, layers_picture
from probe.report.matching import Cohort, cohorts, same_weights
from probe.report.numbers import could_find, count, p_value, points_interval, visible
from probe.report.sections import Section
from probe.report.tables import NOTHING, Cell, Table, score_cell
from probe.statistics import Estimate, corrected, pair
from probe.tasks.represent_results import CHOSEN

__all__ = ["represent_sections"]

_POSITIONS = {
    "program": "at the last token of the program",
    "call": "at the last token of the call",
    "last": "at the last token of the prompt",
}
_BASES = {"majority": "the most frequent label", "bag": "the bag of tokens"}


def represent_sections(runs: Sequence[ReportRun]) -> list[Section]:
    """Return one section for each position of each cohort of matched runs."""
    groups = cohorts(runs)
    titles = set_titles([[_size(cohort.runs[0])] for cohort in groups])
    return [
        _section(cohort, Labels(cohort.runs), position, place, title)
        for place, (cohort, title) in enumerate(zip(groups, titles, strict=True), 1)
        for position in cohort.runs[0].config["positions"]
    ]


def _size(run: ReportRun) -> str:
    return (
        f"{count(run.results['n_items'], 'item')} of {count(run.results['n_programs'], 'program')}"
    )


def _section(cohort: Cohort, labels: Labels, position: str, place: int, title: str) -> Section:
    key = f"states-{place}-{position}"
    where = _POSITIONS[position]
    tables = [_scores_table(cohort, labels, position, key)]
    within = _within_table(cohort, labels, position, key)
    tables += [within] if within else []
    tables += _difference_tables(cohort, labels, position, key)
    told = tuple(visible(note) for note in _notes(cohort, labels, position))
    return Section(
        key=key,
        title=f"What the states carry, {where}{title}",
        text="Linear probes read properties of the run off the states of a model that has read "
        f"the program and the call, {where}: {_size(cohort.runs[0])}, each "
        "probe trained on other programs. The answer is not in the prompt.",
        notes=told,
        headlines=told,
        tables=tuple(tables),
        picture=_picture(cohort, labels, position, f"{key}-figure") if _names(cohort) else None,
    )


def _names(cohort: Cohort) -> list[str]:
    return list(cohort.runs[0].results["properties"])


def _layers(run: ReportRun, name: str, position: str) -> dict[str, Any]:
    found: dict[str, Any] = run.results["properties"][name]["positions"][position]
    return found


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _picture(cohort: Cohort, labels: Labels, position: str, key: str) -> Any:
    first = cohort.runs[0].results["properties"]
    panels = [
        LayerPanel(
            title=_title(name),
            curves=tuple(_curve(_layers(run, name, position)) for run in cohort.runs),
            bag=estimate(first[name]["bag"]),
            majority=estimate(first[name]["majority"]),
        )
        for name in first
    ]
    return layers_picture(
        panels,
        [labels[run] for run in cohort.runs],
        key,
        title=f"Linear probes by layer, {_POSITIONS[position]}",
    )


def _curve(layers: dict[str, Any]) -> LayerCurve:
    numbered = {int(layer): found for layer, found in layers.items() if layer != CHOSEN}
    return LayerCurve(
        accuracy={n: estimate(numbered[n]["accuracy"]) for n in sorted(numbered)},
        control={n: estimate(numbered[n]["control"]) for n in sorted(numbered)},
    )


def _scores_table(cohort: Cohort, labels: Labels, position: str, key: str) -> Table:
    first = cohort.runs[0].results
    rows = []
    for name, found in first["properties"].items():
        size = (
            f"{count(found['n_items'], 'item')}, {count(found['n_programs'], 'program')}, "
            f"{len(found['labels'])} labels"
        )
        row = [Cell(text=_title(name), note=size)]
        for run in cohort.runs:
            best = _layers(run, name, position)[CHOSEN]
            row.append(score_cell(estimate(best["accuracy"])))
            row.append(Cell(text=points_interval(estimate(best["selectivity"]))))
        row += [score_cell(estimate(found[base])) for base in ("bag", "majority")]
        rows.append(tuple(row))
    left = ", ".join(
        f"{n} of {label!r} ({name})"
        for name, found in first["properties"].items()
        for label, n in found["left_out"].items()
    )
    skipped = "; ".join(f"{name}: {reason}" for name, reason in first["skipped"].items())
    return Table(
        key=f"{key}-scores",
        caption=f"Probes {_POSITIONS[position]}, at the layer that the training folds choose.",
        columns=(
            "Property",
            *(part for run in cohort.runs for part in (labels[run], "Selectivity")),
            "Bag of tokens",
            "Most frequent label",
        ),
        rows=tuple(rows),
        foot="Share of items right with 95% intervals, programs resampled. Selectivity: accuracy "
        "minus that of the control task, whose labels are random by the last word of the call, in "
        "percentage points."
        + (f" Labels of too few programs are left out: {left}." if left else "")
        + (f" Skipped: {skipped}." if skipped else ""),
    )


def _within_table(cohort: Cohort, labels: Labels, position: str, key: str) -> Table | None:
    rows = []
    for name, found in cohort.runs[0].results["properties"].items():
        facts = found["within"]
        if facts is None:
            continue
        size = f"{count(facts['n_items'], 'item')}, {count(facts['n_programs'], 'program')}"
        scores = [_layers(run, name, position)[CHOSEN]["within"] for run in cohort.runs]
        others = [facts[base] for base in ("bag", "majority", "one_answer")]
        rows.append(
            (
                Cell(text=_title(name), note=size),
                *(score_cell(estimate(score)) for score in [*scores, *others]),
            )
        )
    if not rows:
        return None
    return Table(
        key=f"{key}-within",
        caption="The same, only on programs whose calls differ in the property.",
        columns=(
            "Property",
            *(labels[run] for run in cohort.runs),
            "Bag of tokens",
            "Most frequent label",
            "One answer a program",
        ),
        rows=tuple(rows),
        foot="One answer a program: told each program's most frequent label, so it is the most "
        "that anything can have that does not look at the call.",
    )


def _difference_tables(cohort: Cohort, labels: Labels, position: str, key: str) -> Iterator[Table]:
    """Yield a table of paired differences for each tuned run and each run of its base model."""
    for second in cohort.runs:
        for first in cohort.runs:
            if second.tuned and not first.tuned and same_weights(first, second):
                yield _difference_table(first, second, labels, position, key)


def _difference_table(
    first: ReportRun, second: ReportRun, labels: Labels, position: str, key: str
) -> Table:
    found = []
    for name in first.results["properties"]:
        programs, before = _right(first, name, position)
        _, after = _right(second, name, position)
        found.append(pair(before, after, programs))
    return Table(
        key=f"{key}-{first.name}-{second.name}",
        caption=f"{labels[second]} minus {labels.inline(first)}, in percentage points of probe "
        f"accuracy, {_POSITIONS[position]}, on the same items.",
        columns=("Property", "Difference", "p", "p (Holm)"),
        rows=tuple(
            (
                Cell(text=_title(name)),
                Cell(text=points_interval(paired.difference)),
                Cell(text=p_value(paired.p).removeprefix("= ")),
                Cell(text=p_value(paired.p_holm).removeprefix("= ")),
            )
            for name, paired in zip(first.results["properties"], corrected(found), strict=True)
        ),
        foot="p: exact McNemar test on items; it takes items of one program for independent, the "
        f"interval does not. Holm's correction is over this table. {could_find(found)}",
    )


def _right(run: ReportRun, name: str, position: str) -> tuple[list[int], list[bool]]:
    """Return the program of each probed item, and whether the probe is right on it."""
    rows = [row for row in run.rows if name in row["probes"]]
    said = [row["probes"][name]["positions"][position][CHOSEN]["label"] for row in rows]
    return (
        [row["task_id"] for row in rows],
        [guess == row["labels"][name] for guess, row in zip(said, rows, strict=True)],
    )


def _notes(cohort: Cohort, labels: Labels, position: str) -> Iterator[str]:
    """Say which properties the probes of each run find better than the baselines do."""
    names = _names(cohort)
    told_of: dict[str, list[ReportRun]] = {}
    for run in cohort.runs:
        parts = []
        for base, told in _BASES.items():
            above = [name for name in names if _is_above(_layers(run, name, position), base)]
            listed = ", ".join(_title(name).lower() for name in above) or NOTHING
            parts.append(f"above {told} for {len(above)} of {len(names)} properties ({listed})")
        told_of.setdefault(" and ".join(parts), []).append(run)
    for told, runs in told_of.items():
        who = " and ".join(map(labels.inline, runs))
        yield (
            f"{who[0].upper()}{who[1:]}: linear probes {_POSITIONS[position]} are {told}. "
            "Elsewhere they are not told apart (interval by program, and exact McNemar test with "
            "Holm's correction)."
        )


def _is_above(layers: dict[str, Any], base: str) -> bool:
    found = layers[CHOSEN]["beyond"][base]
    score: Estimate = estimate(found["difference"])
    return score.low > 0 and found["p_holm"] < 1 - score.level
