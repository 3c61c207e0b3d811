"""What a report says, as one document: the page and the Markdown file are two prints of it.

Called by :mod:`probe.report.build`. Nothing is generated or scored here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probe.report.browse import MAX_ITEMS
from probe.report.compare import Comparison, Margin, compare, margin
from probe.report.groups import Group, make_group
from probe.report.headline import (
    asked_in_words,
    question,
    refused_note,
)
from probe.report.inputs import Inputs, ReportRun
from probe.report.labels import Labels
from probe.report.listing import SHOWN, Listing, listing
from probe.report.matching import Cohort, cohorts
from probe.report.numbers import count, visible
from probe.report.paper import PAPER_NOTES, paper_table
from probe.report.probes import PROBES
from probe.report.provenance import Making, limits, making, source_of, split_of
from probe.report.regimes import regimes_section
from probe.report.sections import Finding, Section, finetune_section, grade_section, traces_section
from probe.report.sides import Side, models_with_sides
from probe.report.sides_section import sides_sections
from probe.report.tables import (
    Table,
)

__all__ = ["Document", "make_document"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Everything that the page and the Markdown file say.

    Attributes:
        title: Heading of the report.
        subtitle: Source, split and size in one line.
        question: The question that is answered.
        findings: The answer, part by part.
        opening: What each model can do about the same problems.
        groups: Matched execution runs.
        sections: Other kinds of runs, fine-tuning, graded files, trace files.
        making: How each run was made.
        limits: Deviations and limits, as sentences.
        paper: The paper's numbers, marked as recalled.
        paper_notes: What to think of them.
        comparisons: All matched comparisons.
        margins: Each execution run against each trivial baseline, by run name.
        labels: Names of the execution runs.
        listings: Samples that can be opened, by the key of their section.
        shown: So many of each part, where the user said so.
        sides: Of each model, what it can do about each problem.
    """

    title: str
    subtitle: str
    question: str
    findings: tuple[Finding, ...]
    opening: tuple[Section, ...]
    groups: tuple[Group, ...]
    sections: tuple[Section, ...]
    making: tuple[Making, ...]
    limits: tuple[str, ...]
    paper: Table
    paper_notes: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    margins: dict[str, tuple[Margin, ...]]
    labels: Labels
    listings: dict[str, Listing]
    shown: int | None
    sides: tuple[tuple[Side, ...], ...]

    @property
    def answer(self) -> tuple[str, ...]:
        """The sentences of the findings."""
        return tuple(told for finding in self.findings for told in finding.sentences)


def make_document(inputs: Inputs, *, shown: int | None = None) -> Document:
    """Put together everything a report says about its runs.

    Args:
        inputs: The runs.
        shown: So many samples of each part can be opened; else the usual numbers.
    """
    labels = Labels(inputs.execution)
    matched = cohorts(inputs.execution)
    comparisons, refused = compare(matched)
    margins = {run.name: _margins(run) for run in inputs.execution}
    notes = [refused_note(base, tuned, labels) for base, tuned in refused]
    groups = tuple(
        make_group(
            place,
            matched,
            comparisons,
            margins,
            labels,
            notes=notes if place == 0 else [],
            shown=shown or MAX_ITEMS,
        )
        for place in range(len(matched))
    )
    sides = models_with_sides(inputs)
    opening, sections = sides_sections(sides), _sections(inputs)
    found = [section.finding for section in opening]
    found += [group.finding for group in groups]
    found += [section.finding for section in sections]
    findings = tuple(finding for finding in found if finding.sentences)
    return Document(
        title=_title(inputs),
        subtitle=_subtitle(inputs, matched),
        question=question(inputs),
        findings=findings or (_without_execution(inputs),),
        opening=tuple(opening),
        groups=groups,
        sections=sections,
        making=tuple(making(run) for run in inputs.runs),
        limits=limits(inputs, matched, labels),
        paper=paper_table(),
        paper_notes=PAPER_NOTES,
        comparisons=comparisons,
        margins=margins,
        labels=labels,
        listings={
            section.key: listing(section.asked, section.key, shown or SHOWN)
            for section in sections
            if section.asked
        },
        shown=shown,
        sides=tuple(map(tuple, sides)),
    )


def _margins(run: ReportRun) -> tuple[Margin, ...]:
    return tuple(margin(run, name) for name in sorted(run.results["baselines"]))


def _title(inputs: Inputs) -> str:
    names = sorted({run.model_name for run in inputs.runs if run.model})
    what = asked_in_words(inputs) or "Report of runs"
    return visible(f"{what}: {', '.join(names)}" if names else what)


def _subtitle(inputs: Inputs, matched: Sequence[Cohort]) -> str:
    parts = []
    if matched:
        first = matched[0]
        run = first.runs[0]
        name, split = source_of(run).get("name"), split_of(run)
        if name:
            parts.append(f"{name}, {split} split" if split else str(name))
        if len(matched) == 1 and not inputs.probes:
            parts.append(count(first.n_items, "item"))
            parts.append(count(first.n_programs, "program"))
    parts.append(count(len(inputs.runs), "run"))
    return visible(" \N{MIDDLE DOT} ".join(parts))


def _without_execution(inputs: Inputs) -> Finding:
    told = (
        "No run here predicts outputs, so there is no headline score; "
        f"{count(len(inputs.runs), 'run')} and {count(len(inputs.traces), 'trace file')} follow."
    )
    return Finding(anchor="making", label="Runs", sentences=(told,))


def _sections(inputs: Inputs) -> tuple[Section, ...]:
    found: list[Section] = []
    for task, runs in inputs.probes.items():
        found += PROBES[task].sections(runs)
    found += [grade_section(run, n) for n, run in enumerate(inputs.grade, 1)]
    regimes = regimes_section(inputs)
    found += [regimes] if regimes else []
    found += [finetune_section(run, n, inputs) for n, run in enumerate(inputs.finetune, 1)]
    if inputs.traces:
        found.append(traces_section(inputs.traces))
    return tuple(found)
