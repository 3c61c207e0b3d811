"""Where a program's calls can be asked about: each place has one right answer.

Called by :mod:`probe.tasks.steps.derive`. A place is taken only where the text of the program and
the steps of the interpreter cannot be read in two ways, see
:class:`~probe.tasks.steps.entry_point.EntryPoint`. Pure functions of the recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from generators.records import Trace
from probe.step_prompts import StepKind
from probe.tasks.steps.entry_point import EntryPoint
from probe.tasks.steps.walks import END, Step, Walk

__all__ = ["ALL_PLACES", "FINDERS", "NO", "RETURN", "Place", "Program"]

RETURN = "return"
"""The answer for the next line where the function ends."""

NO = "no"
"""The answer for the exception of a call that returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A question that can be asked of a call.

    Attributes:
        kind: What is asked.
        trace: The call.
        line: The line that is asked about; 0 for the call as a whole.
        time: The how manieth run of that line; 0 for all of them.
        name: The variable that is asked about, or an empty text.
        answer: The only right answer.
        sort: Places of one sort are much the same question; choosing takes them in turns.
        state: The local variables before the line.
        before: Literal text of the variable before the line, or an empty text.
    """

    kind: StepKind
    trace: Trace
    line: int = 0
    time: int = 0
    name: str = ""
    answer: str
    sort: str
    state: Mapping[str, str] = field(default_factory=dict)
    before: str = ""

    @property
    def key(self) -> str:
        """Names the question in its run."""
        parts = [self.kind, self.trace.trace_id, self.line, self.time, self.name]
        return "/".join(str(part) for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """All that is known of a program's calls.

    Attributes:
        entry: The lines of its entry point, if they can be told.
        walks: The calls that return and are recorded as a whole.
        traces: All calls, also those that raise.
    """

    entry: EntryPoint | None
    walks: Sequence[Walk]
    traces: Sequence[Trace]


def _next_lines(entry: EntryPoint, walk: Walk) -> Iterator[Place]:
    for step in walk.steps:
        ends = step.following == END
        if step.line in entry.plain and (ends or step.following in entry.plain):
            yield Place(
                kind=StepKind.NEXT_LINE,
                trace=walk.trace,
                line=step.line,
                time=step.time,
                answer=RETURN if ends else str(step.following),
                sort=f"{step.line}>{step.following}",
                state=step.before,
            )


def _branches(entry: EntryPoint, walk: Walk) -> Iterator[Place]:
    for step in walk.steps:
        if step.line in entry.conditions & entry.plain - entry.guarded:
            taken = step.following in entry.bodies[step.line]
            yield Place(
                kind=StepKind.BRANCH,
                trace=walk.trace,
                line=step.line,
                time=step.time,
                answer=str(taken),
                sort=str(taken),
                state=step.before,
            )


def _variables(entry: EntryPoint, walk: Walk) -> Iterator[Place]:
    for step in walk.steps:
        if step.line not in entry.plain - entry.guarded or _ended(entry, step):
            continue
        for name in entry.names[step.line]:
            if step.after.get(name):
                yield Place(
                    kind=StepKind.VARIABLE,
                    trace=walk.trace,
                    line=step.line,
                    time=step.time,
                    name=name,
                    answer=step.after[name],
                    sort=f"{step.line} {name}",
                    before=step.before.get(name, ""),
                )


def _ended(entry: EntryPoint, step: Step) -> bool:
    """Whether this is the run of a loop's head that ends the loop."""
    return step.line in entry.loops and step.following not in entry.bodies[step.line]


def _iterations(entry: EntryPoint, walk: Walk) -> Iterator[Place]:
    for line in sorted(entry.loops & entry.plain):
        turns = sum(step.line == line and not _ended(entry, step) for step in walk.steps)
        yield Place(
            kind=StepKind.ITERATIONS,
            trace=walk.trace,
            line=line,
            answer=str(turns),
            sort=str(line),
        )


def _in_walks(
    find: Callable[[EntryPoint, Walk], Iterator[Place]],
) -> Callable[[Program], list[Place]]:
    def places(program: Program) -> list[Place]:
        entry = program.entry
        if entry is None:
            return []
        return [place for walk in program.walks for place in find(entry, walk)]

    return places


def _forks(program: Program) -> list[Place]:
    """Where any line has several successors, ask about such lines only: the rest is reading."""
    places = _in_walks(_next_lines)(program)
    successors: dict[int, set[str]] = {}
    for place in places:
        successors.setdefault(place.line, set()).add(place.answer)
    return [place for place in places if len(successors[place.line]) > 1] or places


def _raising(program: Program) -> list[Place]:
    if len({trace.raises != "" for trace in program.traces}) < 2:
        return []  # then the program alone would tell
    return [
        Place(
            kind=StepKind.RAISING,
            trace=trace,
            answer=trace.raises or NO,
            sort="raises" if trace.raises else NO,
        )
        for trace in program.traces
    ]


ALL_PLACES: Mapping[StepKind, Callable[[Program], list[Place]]] = {
    StepKind.NEXT_LINE: _in_walks(_next_lines),
    StepKind.BRANCH: _in_walks(_branches),
    StepKind.VARIABLE: _in_walks(_variables),
    StepKind.ITERATIONS: _in_walks(_iterations),
}
"""Every place on the way of a program's calls, by kind."""

FINDERS = {**ALL_PLACES, StepKind.NEXT_LINE: _forks, StepKind.RAISING: _raising}
"""The places of a program that are worth asking about, by kind."""
