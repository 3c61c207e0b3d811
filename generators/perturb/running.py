"""From traces to variants: change each program, run it in the sandbox, keep what it should be.

Called by :mod:`generators.perturb.files`. A changed program runs twice, the second time with its
calls in the opposite order and under another hash seed and another random seed. One that should
mean the same is kept if every call of the file gives what it gave before; one that should not, if
the call ends well and gives something else. What is tried, and in which order, depends on the
traces and the plan alone.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice

from generators.jsonl import sha256_text
from generators.literals import from_literal, type_name
from generators.perturb.kinds import Changed, Family, Kind
from generators.perturb.names import identifiers
from generators.perturb.places import Changes, Surroundings
from generators.perturb.records import Drop, Variant, VariantPlan
from generators.perturb.roles import Vocabulary
from generators.progress import Progress, Quiet
from generators.records import Outcome, OutcomeStatus, Trace
from generators.sandbox.pool import Job, SandboxPool

__all__ = ["ProgramVariants", "by_program", "make_variants"]

_AHEAD = 64  # programs begun before the first of them is done
_PROGRAMS_PER_WORKER = 3
_FIRST, _SECOND = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramVariants:
    """The variants of one program and what became of its other changes.

    Attributes:
        variants: By kind, then by call, in the order in which they were found.
        without_place: Kinds of changes that the program has no room for.
        drops: How many changed programs became no variant of a call, by kind and reason.
    """

    variants: tuple[Variant, ...]
    without_place: tuple[Kind, ...]
    drops: Counter[tuple[Kind, str]]


def by_program(traces: Sequence[Trace]) -> list[list[Trace]]:
    """Return the traces of each program, in file order."""
    groups: dict[tuple[str, int], list[Trace]] = {}
    for trace in traces:
        groups.setdefault((trace.source, trace.task_id), []).append(trace)
    return list(groups.values())


def make_variants(
    programs: Sequence[Sequence[Trace]],
    vocabulary: Vocabulary,
    plan: VariantPlan,
    *,
    workers: int,
    trust_programs: bool = False,
    progress: Progress | None = None,
) -> Generator[ProgramVariants]:
    """Change programs and yield their variants, in the order of ``programs``.

    Args:
        programs: All traces of each program.
        vocabulary: The names that the corpus uses.
        plan: What variants are wanted.
        workers: Programs run at a time, per pool.
        trust_programs: Allow a sandbox that does not isolate.
        progress: Told of each finished program.

    Raises:
        SandboxUnavailableError: No isolation here and the programs are not trusted.
        SandboxError: The sandbox broke down.
    """
    display = progress or Quiet()
    display.start("changing programs", len(programs))
    with ExitStack() as stack:
        pools = [
            stack.enter_context(
                SandboxPool(workers=workers, trust_programs=trust_programs, variant=variant)
            )
            for variant in (_FIRST, _SECOND)
        ]
        maker = _Maker(pools, vocabulary, plan)
        threads = stack.enter_context(ThreadPoolExecutor(_PROGRAMS_PER_WORKER * workers))
        waiting: deque[Future[ProgramVariants]] = deque()
        try:
            for traces in programs:
                waiting.append(threads.submit(maker.make, traces))
                if len(waiting) == _AHEAD:
                    yield waiting.popleft().result()
                    display.advance()
            while waiting:
                yield waiting.popleft().result()
                display.advance()
        finally:
            for future in waiting:
                future.cancel()
            for pool in pools:
                pool.close()
    display.finish()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a call of a changed program gave, or why that is no use."""

    output: str = ""
    drop: str = ""


class _Maker:
    """Makes the variants of programs, from any thread."""

    def __init__(
        self, pools: Sequence[SandboxPool], vocabulary: Vocabulary, plan: VariantPlan
    ) -> None:
        self._pools = pools
        self._vocabulary = vocabulary
        self._plan = plan

    def make(self, traces: Sequence[Trace]) -> ProgramVariants:
        """Make the variants of one program for the calls that the seed chooses."""
        one = traces[0]
        around = Surroundings(
            fixed=frozenset(identifiers(one.entry_point, one.setup, *(t.call for t in traces))),
            vocabulary=self._vocabulary,
            seed=f"{self._plan.seed}/{one.source}/{one.task_id}",
        )
        changes = Changes(one.code, around)
        found: list[Variant] = []
        without: list[Kind] = []
        drops: Counter[tuple[Kind, str]] = Counter()
        for kind in Kind:
            tried, kept = self._of_kind(kind, traces, changes, drops)
            found += kept
            without += [] if tried else [kind]
        return ProgramVariants(variants=tuple(found), without_place=tuple(without), drops=drops)

    def _of_kind(
        self,
        kind: Kind,
        traces: Sequence[Trace],
        changes: Changes,
        drops: Counter[tuple[Kind, str]],
    ) -> tuple[int, list[Variant]]:
        """Return how many changes of a kind were tried, and the variants they gave."""
        kept: dict[str, list[Variant]] = {trace.trace_id: [] for trace in self._chosen(traces)}
        tried = 0
        for changed in islice(changes.of(kind), self._plan.tries):
            lacking = [name for name, found in kept.items() if len(found) < self._plan.per_kind]
            if not lacking:
                break
            tried += 1
            preserving = kind.family is Family.PRESERVING
            run = [t for t in traces if preserving or t.trace_id in lacking]
            answers = self._preserved(changed, run) if preserving else self._changed(changed, run)
            for trace, answer in zip(run, answers, strict=True):
                if trace.trace_id not in lacking:
                    continue
                if answer.drop:
                    drops[kind, answer.drop] += 1
                else:
                    variants = kept[trace.trace_id]
                    variants.append(_variant(changed, trace, traces, answer.output, len(variants)))
        return tried, [variant for variants in kept.values() for variant in variants]

    def _chosen(self, traces: Sequence[Trace]) -> list[Trace]:
        ranked = sorted(
            traces, key=lambda t: sha256_text(f"{self._plan.seed}\0{t.source}\0{t.trace_id}")
        )
        chosen = {trace.trace_id for trace in ranked[: self._plan.calls]}
        return [trace for trace in traces if trace.trace_id in chosen]

    def _preserved(self, changed: Changed, traces: Sequence[Trace]) -> list[_Answer]:
        """Run all calls twice; if one does not give the original's output, none is kept."""
        for variant in (_FIRST, _SECOND):
            answers = self._run(changed, traces, variant)
            for trace, answer in zip(traces, answers, strict=True):
                if answer.drop:
                    return [answer] * len(traces)
                if answer.output != trace.output:
                    return [_Answer(drop=Drop.OTHER_OUTPUT)] * len(traces)
        return answers

    def _changed(self, changed: Changed, traces: Sequence[Trace]) -> list[_Answer]:
        """Run calls; once more those that give another output than the original's."""
        answers = [
            self._other(trace, answer)
            for trace, answer in zip(traces, self._run(changed, traces, _FIRST), strict=True)
        ]
        sound = [place for place, answer in enumerate(answers) if not answer.drop]
        if sound:
            again = self._run(changed, [traces[place] for place in sound], _SECOND)
            for place, answer in zip(sound, again, strict=True):
                if answer != answers[place]:
                    answers[place] = _Answer(drop=Drop.NONDETERMINISTIC)
        return answers

    def _other(self, trace: Trace, answer: _Answer) -> _Answer:
        if not answer.drop and answer.output == trace.output:
            return _Answer(drop=Drop.SAME_OUTPUT)
        if len(answer.output) > self._plan.max_output_chars:
            return _Answer(drop=Drop.OUTPUT_TOO_LONG)
        return answer

    def _run(self, changed: Changed, traces: Sequence[Trace], variant: int) -> list[_Answer]:
        """Run calls of a changed program, in the opposite order the second time."""
        preserving = changed.kind.family is Family.PRESERVING
        turn = 1 if variant == _FIRST else -1
        job = Job(
            key=f"{traces[0].task_id}/{changed.kind}",
            code=changed.code,
            setup=traces[0].setup,
            steps=tuple(trace.call for trace in traces[::turn]),
            limits=self._plan.preserving_limits if preserving else self._plan.limits,
            stop_at_cut=preserving,
        )
        result = self._pools[variant].run_one(job)
        if result.load.status is not OutcomeStatus.OK:
            return [_Answer(drop=Drop.LOAD_FAILED)] * len(traces)
        return [_answer(outcome) for outcome in result.steps[::turn]]


def _answer(outcome: Outcome) -> _Answer:
    if outcome.status is OutcomeStatus.OK and outcome.value is not None:
        return _Answer(output=outcome.value)
    return _Answer(drop=outcome.status)


def _variant(
    changed: Changed, trace: Trace, traces: Sequence[Trace], output: str, index: int
) -> Variant:
    place = traces.index(trace)
    others = (*traces[place + 1 :], *traces[:place])
    return Variant(
        variant_id=f"{trace.trace_id}/{changed.kind}/{index}",
        kind=changed.kind,
        change=changed.change,
        trace=replace(trace, recording=None),
        code=changed.code,
        output=output,
        output_type=type_name(from_literal(output)),
        other_output=others[0].output if others else "",
    )
