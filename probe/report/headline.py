"""The answer in plain sentences, generated from the numbers and from nothing else.

Called by :mod:`probe.report.build`; the same sentences stand in the page, in the Markdown file,
in ``results.json`` and in the terminal. A sentence claims a difference only where its interval
leaves out zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from probe.report.compare import Comparison, Margin, verdict
from probe.report.inputs import ReportRun, estimate
from probe.report.labels import Labels, baseline_name
from probe.report.matching import Cohort
from probe.report.numbers import count, p_value, percent_interval, points_interval
from probe.statistics import Estimate

__all__ = ["answer", "apart_note", "main_run", "question", "refused_note"]


def question(group: Sequence[Cohort]) -> str:
    """Return the question that the report answers."""
    asked = "Can a code model tell what a program returns without running it"
    tuned = any(run.tuned for cohort in group for run in cohort.runs)
    return f"{asked}, and does fine-tuning on execution traces change that?" if tuned else asked + "?"


def answer(
    cohort: Cohort,
    comparisons: Sequence[Comparison],
    margins: Sequence[Margin],
    labels: Labels,
) -> tuple[str, ...]:
    """Return the sentences that answer the question for one cohort.

    Args:
        cohort: The matched runs.
        comparisons: The comparisons inside the cohort, the main one first.
        margins: The best trivial baseline against the run that the first sentence is about.
        labels: Names of the runs.
    """
    sentences: list[str] = []
    for pair in comparisons:
        sentences += _comparison(cohort, pair, labels)
    if not comparisons:
        sentences.append(_alone(cohort, labels))
    sentences += [_margin(margin, labels) for margin in margins]
    cut = _cut_off(cohort.runs, labels)
    if cut:
        sentences.append(cut)
    return tuple(sentences)


def main_run(cohort: Cohort, comparisons: Sequence[Comparison]) -> ReportRun:
    """Return the run that the answer is about: the second of the main comparison."""
    return comparisons[0].second if comparisons else cohort.runs[0]


def _size(cohort: Cohort) -> str:
    return f"{count(cohort.n_items, 'item')} of {count(cohort.n_programs, 'program')}"


def _alone(cohort: Cohort, labels: Labels) -> str:
    run = cohort.runs[0]
    score = percent_interval(run.score("exact_text"))
    return _capital(
        f"{labels.inline(run)} predicts the exact text of {score} of the outputs, on {_size(cohort)}."
    )


def _comparison(cohort: Cohort, pair: Comparison, labels: Labels) -> list[str]:
    first, second = (percent_interval(r.score("exact_text")) for r in (pair.first, pair.second))
    paired = pair.scores["exact_text"]
    told = (
        f"On the same {_size(cohort)}, {labels.inline(pair.second)} answers {second} exactly as "
        f"text, against {first} for {labels.inline(pair.first)}: a difference of "
        f"{points_interval(paired.difference)} points, McNemar p {p_value(paired.p)}."
    )
    return [told, _reading(paired.difference, pair, labels)]


def _reading(difference: Estimate, pair: Comparison, labels: Labels) -> str:
    prompts = " The prompts differ too, so the difference is that of model and prompt together."
    tail = prompts if pair.declared else ""
    second, first = labels.inline(pair.second), labels.inline(pair.first)
    match verdict(difference):
        case "not told apart":
            return f"The interval of the difference holds zero: these runs show no gain.{tail}"
        case "above":
            return f"The interval leaves out zero: {second} is better than {first} here.{tail}"
        case _:
            return f"The interval leaves out zero: {second} is worse than {first} here.{tail}"


def _margin(margin: Margin, labels: Labels) -> str:
    stored = margin.run.results["baselines"][margin.baseline]["exact_text"]
    told = (
        f"The best trivial baseline, {baseline_name(margin.baseline)}, reaches "
        f"{percent_interval(estimate(stored))}; {labels.inline(margin.run)} minus this baseline is "
        f"{points_interval(margin.difference)} points"
    )
    match margin.verdict:
        case "above":
            return f"{told}: it does better than guessing without reading the program."
        case "below":
            return f"{told}: it does worse than a guess that reads no program."
        case _:
            return f"{told}: it is not told apart from a guess that reads no program."


def _cut_off(runs: Sequence[ReportRun], labels: Labels) -> str:
    parts = []
    for run in runs:
        finish = run.results["counts"]["finish"]
        cut, overflow = finish.get("length", 0), finish.get("overflow", 0)
        if cut:
            parts.append(f"{cut} of {run.n} answers of {labels.inline(run)} were cut off")
        if overflow:
            parts.append(f"{overflow} of {run.n} prompts of {labels.inline(run)} did not fit")
    return _capital("; ".join(parts) + ".") if parts else ""


def apart_note(cohort: Cohort, first: Cohort, labels: Labels) -> str:
    """Return why a cohort stands apart from the first one, naming the fields."""
    names = " and ".join(labels.inline(run) for run in cohort.runs)
    fields = "; ".join(
        f"{found.field} ({found.first} there, {found.second} here)" for found in cohort.apart
    )
    return (
        f"Not compared with {labels.inline(first.runs[0])}: {names} "
        f"{'differs' if len(cohort.runs) == 1 else 'differ'} in {fields}."
    )


def refused_note(base: ReportRun, tuned: ReportRun, labels: Labels) -> str:
    """Return why a base and a tuned run are not compared."""
    return (
        f"Not compared: {labels.inline(tuned)} was not tuned from the weights of "
        f"{labels.inline(base)} (field: model)."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
