"""Questions about steps: which line runs next, what a variable holds, how often a loop turns.

``evaluate_steps`` derives the questions from recorded traces, asks the model, scores, and writes
a run folder. Called by the command line; scoring itself is in :mod:`probe.tasks.steps.scoring`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from generators.errors import UsageError
from generators.jsonl import read_header, sha256_file
from generators.progress import Progress, Quiet
from generators.records import TRACE_SCHEMA, Trace
from generators.trace_files import read_traces
from probe.config import DEFAULT_SHOT_IDS, StepsConfig
from probe.metrics import PREDICTION_POLICIES
from probe.runs import RunWriter
from probe.step_prompts import STEP_TEMPLATES, StepKind, step_item, step_prompt
from probe.tasks.asking import MakeGenerator
from probe.tasks.questions import Question, ask_questions, line_decoding
from probe.tasks.recorded_shots import recorded_shots
from probe.tasks.shots import refuse_shots_among_items
from probe.tasks.steps.derive import StepQuestion, choose_places, derive
from probe.tasks.steps.places import Place
from probe.tasks.steps.scoring import score_step, self_test, steps_results

if TYPE_CHECKING:
    from probe.models.text import Decoding, TextGenerator

__all__ = ["evaluate_steps"]

_SHOT_INPUTS = 20
_SHOT_SEED = 0  # examples are the same in all runs
_Shots = Mapping[StepKind, Sequence[Place]]


def evaluate_steps(
    config: StepsConfig, make_generator: MakeGenerator, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Run (or resume) an evaluation and return its results document.

    Args:
        config: What to evaluate.
        make_generator: Loads the model; called after the inputs were checked.
        progress: Display of the questions done.

    Raises:
        ProbeError: An input cannot be used, or ``config.out`` holds another run.
    """
    self_test()
    traces = read_traces(config.traces, keep_raising=True)
    derived, skipped = derive(
        traces,
        config.kinds or tuple(StepKind),
        seed=config.seed,
        per_program=config.per_program,
        limit=config.limit,
    )
    counts = Counter(question.place.kind for question in derived)
    _check_kinds(config, counts, skipped)
    header = read_header(config.traces, TRACE_SCHEMA)
    name = config.shot_source or str(header.get("source", {}).get("name"))
    shots, shot_source = _shots(name, config, tuple(counts))
    refuse_shots_among_items([p.trace for s in shots.values() for p in s], traces)
    generator = make_generator()
    end = STEP_TEMPLATES[StepKind.NEXT_LINE].end
    decoding = line_decoding(generator, max_new_tokens=config.max_new_tokens, end=end)
    identity = _identity(config, shots, generator, decoding) | {
        "inputs": {
            "traces": {"sha256": sha256_file(config.traces), "header": header},
            "shots": shot_source,
        },
        "questions": {
            "asked": {str(kind): count for kind, count in sorted(counts.items())},
            "left_out": skipped,
        },
    }
    questions = [_question(found, shots) for found in derived]
    with RunWriter(config.out, identity) as run:
        samples = ask_questions(
            run,
            questions,
            generator,
            decoding,
            score=score_step,
            repeat=config.batch_invariance_items,
            display=progress or Quiet(),
        )
        return run.finish(steps_results(samples), [question.key for question in questions])


def _check_kinds(
    config: StepsConfig, counts: Mapping[StepKind, int], skipped: Mapping[str, int]
) -> None:
    """Refuse traces that give no questions, or none of a kind that was asked for by name."""
    missing = [kind for kind in config.kinds if not counts.get(kind)]
    if counts and not missing:
        return
    options = "--keep-exceptions" if missing == [StepKind.RAISING] else "--trace-lines"
    reasons = ", ".join(f"{count} {reason}" for reason, count in skipped.items()) or "no traces"
    raise UsageError(
        f"{config.traces} gives no questions of kind {', '.join(missing) or 'any'} ({reasons}); "
        f"make traces with {options}"
    )


def _shots(
    name: str, config: StepsConfig, kinds: Sequence[StepKind]
) -> tuple[dict[StepKind, tuple[Place, ...]], dict[str, Any] | None]:
    """Return the solved examples of each kind, and the source they come from.

    They are about the usual few-shot tasks; where those have too few places of a kind, about all
    tasks of the prompt split.
    """
    if not config.shots:
        return dict.fromkeys(kinds, ()), None
    traces, source = recorded_shots(name, config.data, inputs=_SHOT_INPUTS, pool=True)
    usual = [trace for trace in traces if trace.task_id in DEFAULT_SHOT_IDS]
    found = {}
    for kind in kinds:
        chosen = _solved(usual, kind, config.shots)
        if len(chosen) < config.shots:
            chosen = _solved(traces, kind, config.shots)
        if len(chosen) < config.shots:
            raise UsageError(
                f"the prompt split of {name} gives {len(chosen)} of {config.shots} examples of "
                f"kind {kind}; pass fewer --shots, other --kind or --shot-source"
            )
        found[kind] = chosen
    return found, source


def _solved(traces: Sequence[Trace], kind: StepKind, count: int) -> tuple[Place, ...]:
    return choose_places(traces, [kind], seed=_SHOT_SEED, per_program=2 * count, limit=count).places


def _question(question: StepQuestion, shots: _Shots) -> Question:
    place = question.place
    solved = [(_item(shot), shot.answer) for shot in shots[place.kind]]
    return Question(
        key=place.key,
        task_id=place.trace.task_id,
        prompt=step_prompt(STEP_TEMPLATES[place.kind], solved, _item(place)),
        fields={
            "kind": str(place.kind),
            "trace_id": place.trace.trace_id,
            "origin": str(place.trace.origin),
            "call": place.trace.call,
            "line": place.line,
            "time": place.time,
            "name": place.name,
            "expected": place.answer,
            "baselines": dict(question.baselines),
        },
    )


def _item(place: Place) -> dict[str, str]:
    return step_item(
        place.trace, line=place.line, time=place.time, name=place.name, state=place.state
    )


def _identity(
    config: StepsConfig, shots: _Shots, generator: TextGenerator, decoding: Decoding
) -> dict[str, Any]:
    from probe.models.text import chat_of

    return {
        "verb": "evaluate steps",
        "config": {
            "kinds": [str(kind) for kind in config.kinds] or "all",
            "shots": config.shots,
            "shot_keys": {str(kind): [shot.key for shot in shots[kind]] for kind in sorted(shots)},
            "per_program": config.per_program,
            "limit": config.limit,
            "seed": config.seed,
            "batch_invariance_items": config.batch_invariance_items,
            **decoding.to_json(),
            **chat_of(generator).to_json(),
        },
        "prompts": {STEP_TEMPLATES[kind].name: STEP_TEMPLATES[kind].sha256 for kind in shots},
        "policies": [str(policy) for policy in PREDICTION_POLICIES],
        "model": generator.identity,
    }
