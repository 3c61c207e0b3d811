"""From traces to questions about steps: a seeded, balanced choice, each with its gold answer.

Called by the task and for its solved examples. The choice depends on the seed and on the names
of traces and places, on nothing else; what is left out is counted by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice, zip_longest

from generators.records import Trace
from probe.step_prompts import StepKind
from probe.tasks.items import rank
from probe.tasks.steps.entry_point import read_entry_point
from probe.tasks.steps.guesses import GUESSES, Known
from probe.tasks.steps.kinds import KINDS
from probe.tasks.steps.places import ALL_PLACES, FINDERS, NO, Place, Program
from probe.tasks.steps.walks import Skip, Walk, walk_through

__all__ = ["Chosen", "StepQuestion", "answers_of", "choose_places", "derive"]

_Name = tuple[str, int]  # source and task of a program


@dataclass(frozen=True, slots=True, kw_only=True)
class StepQuestion:
    """A place with what the trivial baselines guess."""

    place: Place
    baselines: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is asked.

    Attributes:
        places: The chosen places, kind by kind, in the order of the traces.
        skipped: What was left out, by reason: calls, programs or questions.
        answers: How often each answer came, by kind and program.
    """

    places: tuple[Place, ...]
    skipped: Mapping[str, int]
    answers: Mapping[StepKind, Mapping[_Name, Counter[str]]]


def derive(
    traces: Sequence[Trace],
    kinds: Sequence[StepKind],
    *,
    seed: int,
    per_program: int,
    limit: int | None,
) -> tuple[list[StepQuestion], dict[str, int]]:
    """Choose questions, and let the baselines guess at each.

    Args:
        traces: All traces of a file, those that raise too.
        kinds: What is asked.
        seed: Seed of the choice.
        per_program: At most so many questions of a kind about one program.
        limit: At most so many questions of a kind, spread over as many programs as there are.

    Returns:
        The questions, and how much was left out for which reason.
    """
    chosen = choose_places(traces, kinds, seed=seed, per_program=per_program, limit=limit)
    asked: dict[_Name, list[Place]] = {}
    for place in chosen.places:
        asked.setdefault(_name(place.trace), []).append(place)
    totals = {kind: sum(counts.values(), Counter[str]()) for kind, counts in chosen.answers.items()}
    guesses: dict[str, dict[str, str]] = {}
    for name, group in _by_program(traces).items():
        if name not in asked:
            continue
        program, _ = _program(group)
        found = {kind: FINDERS[kind](program) for kind in {place.kind for place in asked[name]}}
        for place in asked[name]:
            known = Known(
                others=_others(place, found[place.kind], seed),
                elsewhere=totals[place.kind] - chosen.answers[place.kind][name],
            )
            guesses[place.key] = {
                baseline: GUESSES[baseline](place, known)
                for baseline in KINDS[place.kind].baselines
            }
    questions = [StepQuestion(place=p, baselines=guesses[p.key]) for p in chosen.places]
    return questions, dict(chosen.skipped)


def choose_places(
    traces: Sequence[Trace],
    kinds: Sequence[StepKind],
    *,
    seed: int,
    per_program: int,
    limit: int | None,
) -> Chosen:
    """Choose places to ask about; arguments as for :func:`derive`."""
    skipped: Counter[str] = Counter()
    answers: dict[StepKind, dict[_Name, Counter[str]]] = {kind: {} for kind in kinds}
    found: dict[StepKind, dict[_Name, list[Place]]] = {kind: {} for kind in kinds}
    for name, group in _by_program(traces).items():
        program, reasons = _program(group)
        skipped.update(reasons)
        for kind in kinds:
            places = FINDERS[kind](program)
            answers[kind][name] = Counter(place.answer for place in places)
            found[kind][name] = _in_turns(places, per_program, seed)
            if kind is StepKind.RAISING and not places:
                skipped[Skip.NOT_BOTH] += 1
    order = {id(trace): number for number, trace in enumerate(traces)}
    chosen: list[Place] = []
    for kind in kinds:
        spread = _over_programs(found[kind], seed)
        kept = _balanced(spread, KINDS[kind].balanced, skipped)[:limit]
        chosen += sorted(kept, key=lambda p: (order[id(p.trace)], p.line, p.time, p.name))
    return Chosen(places=tuple(chosen), skipped=dict(sorted(skipped.items())), answers=answers)


def _name(trace: Trace) -> _Name:
    return (trace.source, trace.task_id)


def _by_program(traces: Iterable[Trace]) -> dict[_Name, list[Trace]]:
    groups: dict[_Name, list[Trace]] = {}
    for trace in traces:
        groups.setdefault(_name(trace), []).append(trace)
    return groups


def _program(traces: Sequence[Trace]) -> tuple[Program, Counter[str]]:
    """Return what is known of a program, and why calls of it cannot be followed."""
    entry = read_entry_point(traces[0].code, traces[0].entry_point)
    skipped: Counter[str] = Counter()
    walks = []
    for trace in traces:
        if trace.raises:
            continue
        walk = walk_through(trace, entry)
        if isinstance(walk, Walk):
            walks.append(walk)
        else:
            skipped[walk] += 1
    return Program(entry=entry, walks=walks, traces=traces), skipped


def answers_of(traces: Sequence[Trace]) -> dict[str, str]:
    """Return the right answer to every question about one program's calls, by the question's key.

    Unlike :func:`derive` it leaves nothing out that the recordings can tell; ``probe verify``
    holds stored answers against it.
    """
    program, _ = _program(traces)
    places = [place for find in ALL_PLACES.values() for place in find(program)]
    raising = {f"{StepKind.RAISING}/{trace.trace_id}": trace.raises or NO for trace in traces}
    return {place.key: place.answer for place in places} | raising


def _in_turns(places: Sequence[Place], count: int, seed: int) -> list[Place]:
    """Return ``count`` places, one of each sort in turn."""
    sorts: dict[str, list[Place]] = {}
    for place in places:
        sorts.setdefault(place.sort, []).append(place)
    ordered = sorted(sorts, key=lambda sort: rank(seed, sorts[sort][0].trace.task_id, sort))
    best = [nsmallest(count, sorts[sort], key=lambda p: rank(seed, p.key)) for sort in ordered]
    return list(islice(_turns(best), count))


def _turns(lists: Iterable[Sequence[Place]]) -> Iterator[Place]:
    """Yield the first of each list, then the second of each, and so on."""
    for turn in zip_longest(*lists):
        yield from (place for place in turn if place is not None)


def _over_programs(found: Mapping[_Name, Sequence[Place]], seed: int) -> list[Place]:
    """Return all places, so that the first ones are of as many programs as there are."""
    return list(_turns(found[name] for name in sorted(found, key=lambda n: rank(seed, *n))))


def _balanced(places: list[Place], answer: str, skipped: Counter[str]) -> list[Place]:
    """Return as many places with ``answer`` as without, in turns, if there are both."""
    sides = [
        [place for place in places if (place.answer == answer) is side] for side in (True, False)
    ]
    if not answer or not all(sides):
        return places
    size = min(map(len, sides))
    skipped[Skip.SURPLUS] += len(places) - 2 * size
    return list(_turns(side[:size] for side in sides))


def _others(place: Place, places: Sequence[Place], seed: int) -> list[Place]:
    """Return the places of other calls, the calls in a seeded order of their own."""
    others = [other for other in places if other.trace is not place.trace]
    order = {other.trace.trace_id: rank(seed, place.key, other.trace.trace_id) for other in others}
    return sorted(others, key=lambda other: order[other.trace.trace_id])
