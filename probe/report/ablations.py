"""The sections about what a synthesis score depends on: runs that differ in one setting.

Called by :mod:`probe.report.synthesis`. Runs are set side by side only if nothing else differs
(:func:`probe.report.matching.families`); the numbers are taken from their samples.

Source: paper, sections 4.3 (asserts, examples), 4.4 (temperature) and 4.6 (edited wording).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import stdev
from typing import Any, TypeAlias

from probe.analysis.ablations import ensemble_solved, solved_by_budget
from probe.report.budgets import DRAWN, drawn, temperature_section
from probe.report.inputs import ReportRun, estimate
from probe.report.matching import families
from probe.report.numbers import could_find, count, p_value, points_interval, visible
from probe.report.paper import PAPER_ASSERTS, PAPER_EDITED
from probe.report.sampled import sample_counts, solved_by
from probe.report.sections import Section
from probe.report.tables import NOTHING, Cell, Table, score_cell
from probe.statistics import Paired, corrected, pair

__all__ = ["ablation_sections"]

_Make: TypeAlias = Callable[[Sequence[ReportRun], str, str], Section | None]


def ablation_sections(runs: Sequence[ReportRun]) -> list[Section]:
    """Return the sections for which there are runs that differ in one setting."""
    found = []
    makers: tuple[tuple[_Make, Callable[[ReportRun], Any], tuple[str, ...], int], ...] = (
        (_asserts_section, lambda run: run.config["asserts"], ("asserts",), 2),
        (_shots_section, lambda run: run.config["shot_ids"], ("shot_ids",), 2),
        (temperature_section, drawn, DRAWN, 1),
        (_edited_section, _wording, ("source", "items", "problems"), 2),
    )
    for make, setting, free, least in makers:
        groups = families(runs, setting, free, least)
        for place, group in enumerate(groups, 1):
            of = f": {visible(group[0].model_name)}" if len(groups) > 1 else ""
            section = make(group, f"{make.__name__.strip('_').split('_')[0]}-{place}", of)
            found += [section] if section else []
    return found


def _against(first: ReportRun, others: Sequence[ReportRun]) -> list[Paired]:
    """Compare runs with the first by problems solved, on the problems of both."""
    before = solved_by(first)
    pairs = []
    for run in others:
        after = solved_by(run)
        both = [task for task in before if task in after]
        pairs.append(pair([before[t] for t in both], [after[t] for t in both], both))
    return corrected(pairs)


def _pair_cells(paired: Paired | None) -> tuple[Cell, Cell]:
    if paired is None:
        return Cell(text=NOTHING), Cell(text=NOTHING)
    return (
        Cell(text=points_interval(paired.difference)),
        Cell(text=p_value(paired.p_holm).removeprefix("= ")),
    )


def _scores(run: ReportRun) -> tuple[Cell, Cell]:
    scores = run.results["scores"]
    return score_cell(estimate(scores["solved"])), score_cell(estimate(scores["samples_right"]))


def _asserts_section(group: Sequence[ReportRun], key: str, of: str) -> Section:
    *fewer, most = group
    pairs: list[Paired | None] = [*_against(most, fewer), None]
    return Section(
        key=key,
        title=f"Number of tests shown{of}",
        text="The same problems with fewer of their tests in the prompt; with none, the prompt "
        "names the function. All tests grade.",
        tables=(
            Table(
                key=f"{key}-table",
                caption="Problems solved by any sample, and samples right, by tests shown.",
                columns=(
                    "Tests shown",
                    "Solved",
                    "Samples right",
                    f"Solved minus {most.config['asserts']} shown",
                    "p (Holm)",
                    "Paper, 137B: solved",
                    "Paper: samples right",
                ),
                rows=tuple(
                    (
                        Cell(text=str(run.config["asserts"])),
                        *_scores(run),
                        *_pair_cells(paired),
                        *(
                            Cell(text=f"{x:.1f}%", note="recalled")
                            for x in PAPER_ASSERTS[run.config["asserts"]]
                        ),
                    )
                    for run, paired in zip(group, pairs, strict=True)
                ),
                foot="The paper's numbers: recalled, medium confidence, not checked. "
                + could_find([paired for paired in pairs if paired]),
            ),
        ),
    )


def _shots_section(group: Sequence[ReportRun], key: str, of: str) -> Section | None:
    sizes = {len(run.config["shot_ids"]) for run in group}
    if len(sizes) > 1 or sizes == {0}:
        return None
    solved = [estimate(run.results["scores"]["solved"]).estimate for run in group]
    members = [sample_counts(run) for run in group]
    fewest = min(n for counts in members for n, _ in counts.values())
    each = max(1, fewest // len(group))
    rows = [
        (
            Cell(text=", ".join(map(str, run.config["shot_ids"])), note=visible(run.name)),
            *_scores(run),
        )
        for run in group
    ]
    budget = each * len(group)
    rows.append(
        (
            Cell(text=f"All {len(group)} together", note=f"{count(budget, 'sample')} a problem"),
            score_cell(ensemble_solved(members, each)),
            Cell(text=NOTHING),
        )
    )
    single = (
        f" One set with as many samples solves "
        f"{100 * max(solved_by_budget(c, [budget])[0].estimate for c in members):.1f}% at best."
        if budget <= fewest
        else ""
    )
    return Section(
        key=key,
        title=f"Choice of solved examples{of}",
        text=f"The same problems after {count(len(group), 'other set')} of solved examples: from "
        f"{100 * min(solved):.1f}% to {100 * max(solved):.1f}% solved, standard deviation "
        f"{100 * stdev(solved):.1f} points.{single}",
        tables=(
            Table(
                key=f"{key}-table",
                caption="Problems solved by any sample, by the tasks of the solved examples.",
                columns=("Examples", "Solved", "Samples right"),
                rows=tuple(rows),
                foot="Intervals are over problems; the standard deviation is over sets. The "
                "paper's ensemble of prompts solves 66.4% (recalled, medium confidence).",
            ),
        ),
    )


def _examples(run: ReportRun) -> Cell:
    return Cell(text=", ".join(map(str, run.config["shot_ids"])), note=visible(run.name))


def _wording(run: ReportRun) -> str:
    return str(run.identity["inputs"]["source"]["name"])


def _edited_section(group: Sequence[ReportRun], key: str, of: str) -> Section | None:
    by_name = {_wording(run): run for run in group}
    if not {"mbpp", "mbpp-sanitized"} <= by_name.keys():
        return None
    original, edited = by_name["mbpp"], by_name["mbpp-sanitized"]
    before, after = solved_by(original), solved_by(edited)
    both = [task for task in before if task in after]
    if not both:
        return None
    paired = pair([before[t] for t in both], [after[t] for t in both], both)
    n = len(both)
    only = paired.only_first + paired.only_second
    prompts = {
        run.name: {row["task_id"]: row["prompt_sha256"] for row in run.rows}
        for run in (original, edited)
    }
    same = [t for t in both if prompts[original.name][t] == prompts[edited.name][t]]
    gained = [t for t in both if after[t] and not before[t]]
    told = (
        f"Edited minus original: {points_interval(paired.difference)} points of problems solved "
        f"(p {p_value(paired.p)})."
    )
    return Section(
        key=key,
        title=f"Edited and original wording{of}",
        text=f"{count(n, 'problem')} that both the whole and the hand-verified set have; "
        f"{len(same)} of them have the same prompt in both. {told}",
        headlines=(f"{count(n, 'problem')} in both wordings. {told}",),
        tables=(
            Table(
                key=f"{key}-table",
                caption="Problems solved by any sample, by wording.",
                columns=(
                    "Model",
                    "Original",
                    "Edited",
                    "Solved in exactly one",
                    "of these only when edited",
                    "of these with the same prompt",
                ),
                rows=(
                    (
                        Cell(text=visible(original.model_name)),
                        Cell(text=_share(sum(before[t] for t in both), n)),
                        Cell(text=_share(sum(after[t] for t in both), n)),
                        Cell(text=_share(only, n)),
                        Cell(text=_share(paired.only_second, only)),
                        Cell(text=_share(sum(t in same for t in gained), paired.only_second)),
                    ),
                    *_paper_edited(),
                ),
                foot="The paper's rows: 100 problems that it does not name; recalled, high "
                f"confidence, not checked. {could_find([paired])}",
            ),
        ),
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else NOTHING


def _paper_edited() -> Iterator[tuple[Cell, ...]]:
    for size, (original, edited) in PAPER_EDITED.items():
        yield (
            Cell(text=f"Paper, {size}", note="recalled"),
            Cell(text=f"{original}%"),
            Cell(text=f"{edited}%"),
            *(Cell(text=NOTHING) for _ in range(3)),
        )
