"""The item browser: every item with its program, call, expected output and each run's answer.

Called by :mod:`probe.report.groups`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generators.jsonl import sha256_text
from probe.metrics import score_prediction
from probe.report.compare import Comparison
from probe.report.excerpts import Show, anchor_of, chosen, cut, order, shared_prefix, show_of
from probe.report.inputs import ReportRun, Sample
from probe.report.labels import Labels, baseline_name, finish_name, reason_name
from probe.report.matching import Cohort
from probe.report.numbers import visible

__all__ = [
    "MAX_ITEMS",
    "Answer",
    "Browser",
    "Item",
    "Prompt",
    "browser",
]

MAX_ITEMS = 600
"""At most so many items are shown; a larger run is sampled by hash. All stay in the samples."""

_MAX_PROMPT_CHARS = 12_000
_EXAMPLES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one run, or one baseline, answered.

    Attributes:
        label: Who answered.
        text: The answer that was scored.
        exact_text: Whether it is right as text.
        exact: Whether it is right by type and value.
        completion: The whole completion; empty for baselines.
        ending: How the completion ended and why there is no answer, in words.
    """

    label: str
    text: str
    exact_text: bool
    exact: bool
    completion: str = ""
    ending: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item as the browser shows it.

    Attributes:
        key: The item's key in ``samples.jsonl``.
        anchor: Identifier inside the page, from the key.
        output_type: Type name of the true output.
        origin: ``assert`` or ``generated``.
        call: The call.
        expected: The true output.
        query: What the first run's model saw after the part that all its prompts share.
        answers: One for each run of the cohort.
        baselines: One for each trivial baseline.
        pattern: ``1`` or ``0`` for each run: right or wrong by exact text.
    """

    key: str
    anchor: str
    output_type: str
    origin: str
    call: str
    expected: str
    query: str
    answers: tuple[Answer, ...]
    baselines: tuple[Answer, ...]
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What all prompts of a run begin with.

    Attributes:
        label: The run.
        shared: The shared beginning: instruction and solved examples.
        rest: The rest of the first item's prompt.
        key: Key of that item.
    """

    label: str
    shared: str
    rest: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """The browser of one cohort.

    Attributes:
        items: The items, by task and index.
        total: Number of items in the runs; more than ``items`` where they were sampled.
        shows: Choices of the filter.
        types: Output types that occur.
        labels: Names of the runs, in the order of each item's answers.
        prompts: What the runs' prompts begin with.
        examples: A few items for the Markdown file, one of each kind of outcome first.
    """

    items: tuple[Item, ...]
    total: int
    shows: tuple[Show, ...]
    types: tuple[str, ...]
    labels: tuple[str, ...]
    prompts: tuple[Prompt, ...]
    examples: tuple[Item, ...]


def browser(
    cohort: Cohort,
    comparisons: Sequence[Comparison],
    labels: Labels,
    prefix: str,
    shown: int = MAX_ITEMS,
) -> Browser:
    """Make the browser of a cohort.

    Args:
        cohort: Matched runs.
        comparisons: Comparisons inside the cohort; each adds two filters.
        labels: Names of the runs.
        prefix: What anchors begin with.
        shown: At most so many items, drawn by the hash of their key.
    """
    first = cohort.runs[0]
    shared = {run.name: shared_prefix([s.prompt for s in run.samples]) for run in cohort.runs}
    by_key = {run.name: {s.key: s for s in run.samples} for run in cohort.runs}
    items = []
    for sample in chosen(first.samples, shown, lambda sample: sample.key):
        samples = [by_key[run.name][sample.key] for run in cohort.runs]
        query = sample.prompt[len(shared[first.name]) :]
        items.append(_item(samples, [labels[run] for run in cohort.runs], query, prefix))
    return Browser(
        items=tuple(items),
        total=len(first.samples),
        shows=_shows(cohort, comparisons, labels, items),
        types=tuple(sorted({item.output_type for item in items})),
        labels=tuple(labels[run] for run in cohort.runs),
        prompts=tuple(_prompt(run, labels[run], shared[run.name]) for run in cohort.runs),
        examples=_examples(items),
    )


def _item(samples: Sequence[Sample], names: Sequence[str], query: str, prefix: str) -> Item:
    first = samples[0]
    return Item(
        key=visible(first.key),
        anchor=anchor_of(prefix, first.key),
        output_type=visible(first.output_type),
        origin=visible(first.origin),
        call=cut(first.call),
        expected=cut(first.expected),
        query=cut(query),
        answers=tuple(_answer(s, name) for s, name in zip(samples, names, strict=True)),
        baselines=tuple(_baseline(first, name) for name in sorted(first.baselines)),
        pattern="".join(str(int(sample.exact_text)) for sample in samples),
    )


def _answer(sample: Sample, name: str) -> Answer:
    why = f"; no answer: {reason_name(sample.reason)}" if sample.reason else ""
    return Answer(
        label=name,
        text=cut(sample.answer),
        exact_text=sample.exact_text,
        exact=sample.exact,
        completion=cut(sample.completion),
        ending=visible(f"{finish_name(sample.finish)}{why}"),
    )


def _baseline(sample: Sample, name: str) -> Answer:
    text = sample.baselines[name]
    score = score_prediction(sample.expected, text)
    return Answer(
        label=baseline_name(name),
        text=cut(text),
        exact_text=score.exact_text,
        exact=score.exact,
    )


def _prompt(run: ReportRun, label: str, shared: str) -> Prompt:
    first = min(run.samples, key=lambda s: order(s.key))
    return Prompt(
        label=label,
        shared=cut(shared, _MAX_PROMPT_CHARS),
        rest=cut(first.prompt[len(shared) :], _MAX_PROMPT_CHARS),
        key=visible(first.key),
    )


def _shows(
    cohort: Cohort, comparisons: Sequence[Comparison], labels: Labels, items: Sequence[Item]
) -> tuple[Show, ...]:
    places = {run.name: place for place, run in enumerate(cohort.runs)}
    patterns = [item.pattern for item in items]

    def show(label: str, **wanted: str) -> Show:
        marks = (wanted.get(f"at{place}", ".") for place in range(len(places)))
        return show_of(label, "".join(marks), patterns)

    found = [show("All items")]
    for pair in comparisons:
        one, two = (f"at{places[run.name]}" for run in (pair.first, pair.second))
        first, second = labels.inline(pair.first), labels.inline(pair.second)
        found.append(show(f"Only {second} right, {first} wrong", **{one: "0", two: "1"}))
        found.append(show(f"Only {first} right, {second} wrong", **{one: "1", two: "0"}))
    for run in cohort.runs:
        at = f"at{places[run.name]}"
        found.append(show(f"{labels[run]}: right", **{at: "1"}))
        found.append(show(f"{labels[run]}: wrong", **{at: "0"}))
    if len(places) > 1:
        found.append(show("Every run wrong", **{f"at{p}": "0" for p in places.values()}))
    return tuple(found)


def _examples(items: Sequence[Item]) -> tuple[Item, ...]:
    """Pick items by hash, every pattern of right and wrong once before any twice."""
    turns: dict[str, int] = {}
    ranked: list[tuple[int, int, Item]] = []
    for item in sorted(items, key=lambda item: sha256_text(item.key)):
        turns[item.pattern] = turns.get(item.pattern, 0) + 1
        ranked.append((turns[item.pattern], len(ranked), item))
    ranked.sort(key=lambda entry: entry[:2])
    chosen = [item for _, _, item in ranked[:_EXAMPLES]]
    return tuple(sorted(chosen, key=lambda item: order(item.key)))
