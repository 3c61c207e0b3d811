"""The answer in plain sentences, generated from the numbers and from nothing else.

Called by :mod:`probe.report.build`; the same sentences stand in the page, in the Markdown file,
in ``results.json`` and in the terminal. A sentence claims a difference only where its interval
leaves out zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from probe.report.compare import Comparison, Margin, verdict
from probe.report.inputs import Inputs, ReportRun, estimate
from probe.report.labels import Labels, baseline_name
from probe.report.matching import Cohort
from probe.report.numbers import (
    could_find,
    count,
    no_width,
    p_value,
    percent_interval,
    points_interval,
)
from probe.statistics import Paired
from probe.tasks.names import ANALYSIS, DIALOG, MATHQA, SYNTHESIS

__all__ = ["answer", "apart_note", "asked_in_words", "main_run", "question", "refused_note"]


_NO_EXECUTION = (SYNTHESIS, DIALOG, MATHQA, ANALYSIS)
_SIDES = {SYNTHESIS: "writing programs", DIALOG: "repairing programs", MATHQA: "word problems"}


def _predicts(inputs: Inputs) -> bool:
    """Return whether a model was asked about what programs do."""
    return bool(inputs.execution) or any(task not in _NO_EXECUTION for task in inputs.probes)


def asked_in_words(inputs: Inputs) -> str:
    """Return what models were asked in the runs, ``""`` if they were asked nothing."""
    found = ["predicting program outputs"] if _predicts(inputs) else []
    found += [words for task, words in _SIDES.items() if task in inputs.probes]
    if not found:
        return ""
    told = " and ".join([", ".join(found[:-1]), found[-1]]) if len(found) > 1 else found[0]
    return told[0].upper() + told[1:]


def question(inputs: Inputs) -> str:
    """Return the question that the report answers."""
    sides = [task for task in _SIDES if task in inputs.probes]
    predicts = _predicts(inputs)
    if predicts and sides:
        return (
            "Does a code model understand what a program does, or does it only write plausible "
            "code?"
        )
    if sides:
        return "How many of the programs that a code model writes are right, and why not more?"
    if not predicts:
        return "What do these runs say?"
    asked = "Can a code model tell what a program returns without running it"
    tuned = any(run.tuned for run in inputs.runs)
    return (
        f"{asked}, and does fine-tuning on execution traces change that?" if tuned else asked + "?"
    )


def answer(
    cohort: Cohort,
    comparisons: Sequence[Comparison],
    margins: Sequence[Margin],
    labels: Labels,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sentences that answer the question for one cohort, and what else there is to say.

    Args:
        cohort: The matched runs.
        comparisons: The comparisons inside the cohort, the main one first.
        margins: The best trivial baseline against the run that the first sentence is about.
        labels: Names of the runs.
    """
    if comparisons:
        first = _comparison(cohort, comparisons[0], labels, first=True)
    else:
        first = [_alone(cohort, labels)]
    others = [
        told for pair in comparisons[1:] for told in _comparison(cohort, pair, labels, first=False)
    ]
    cut = _cut_off(cohort.runs, labels)
    others += [cut] if cut else []
    return (*first, *(_margin(margin, labels) for margin in margins)), tuple(others)


def main_run(cohort: Cohort, comparisons: Sequence[Comparison]) -> ReportRun:
    """Return the run that the answer is about: the second of the main comparison."""
    return comparisons[0].second if comparisons else cohort.runs[0]


def _size(cohort: Cohort) -> str:
    return f"{count(cohort.n_items, 'item')} of {count(cohort.n_programs, 'program')}"


def _alone(cohort: Cohort, labels: Labels) -> str:
    run = cohort.runs[0]
    score = percent_interval(run.score("exact_text"))
    told = f"{labels.inline(run)} predicts the exact text of {score} of the outputs"
    return _capital(f"{told}, on {_size(cohort)}.")


def _comparison(cohort: Cohort, pair: Comparison, labels: Labels, *, first: bool) -> list[str]:
    ours, theirs = (percent_interval(r.score("exact_text")) for r in (pair.second, pair.first))
    paired = pair.scores["exact_text"]
    difference = f"{points_interval(paired.difference)} points, McNemar p {p_value(paired.p)}"
    who, base = labels.inline(pair.second), labels.inline(pair.first)
    if first:
        told = (
            f"On the same {_size(cohort)}, {who} answers {ours} exactly as text, against {theirs} "
            f"for {base}: a difference of {difference}."
        )
    else:
        told = f"Against {base}, {theirs}, the difference of {who} is {difference}."
    reading = _reading(paired, pair, labels)
    return [told, reading] if first else [f"{told} {reading}"]


def _reading(paired: Paired, pair: Comparison, labels: Labels) -> str:
    found = verdict(paired.difference)
    second, first = labels.inline(pair.second), labels.inline(pair.first)
    if no_width(paired.difference):
        told = "One program gives no interval: nothing can be said of a difference."
    elif found == "not told apart":
        told = "The interval of the difference holds zero: these runs do not tell the two apart."
        told += f" {could_find([paired])}"
    else:
        better = "better" if found == "above" else "worse"
        told = f"The interval leaves out zero: {second} is {better} than {first} here."
        if paired.p >= 1 - paired.difference.level:
            told = (
                f"The interval leaves out zero, but the McNemar test does not reject equality: "
                f"weak evidence that {second} is {better} than {first}."
            )
    if pair.declared:
        told += " The prompts differ too, so the difference is that of model and prompt together."
    return told


def _margin(margin: Margin, labels: Labels) -> str:
    stored = margin.run.results["baselines"][margin.baseline]["exact_text"]
    told = (
        f"The best trivial baseline, {baseline_name(margin.baseline)}, reaches "
        f"{percent_interval(estimate(stored))}; {labels.inline(margin.run)} minus this baseline is "
        f"{points_interval(margin.difference)} points"
    )
    match margin.verdict:
        case "above":
            return f"{told}: it does better than that guess."
        case "below":
            return f"{told}: it does worse than that guess."
        case _:
            return f"{told}: it is not told apart from that guess."


def _cut_off(runs: Sequence[ReportRun], labels: Labels) -> str:
    told = []
    for name, what in (("length", "Cut off at the token budget"), ("overflow", "Did not fit")):
        counts = [(run.results["counts"]["finish"].get(name, 0), run) for run in runs]
        parts = [f"{n} of {run.n} for {labels.inline(run)}" for n, run in counts if n]
        if parts:
            told.append(f"{what}: {', '.join(parts)}.")
    return " ".join(told)


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
