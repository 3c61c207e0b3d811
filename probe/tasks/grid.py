"""The paper's grid: what a prompt shows, how many calls are held out, and where they come from.

``evaluate_grid`` asks a model for the outputs of the same programs under every prompt content
and setting, and writes one run. Called by ``probe evaluate execution --grid``; which calls are
held out and shown is decided in :mod:`probe.tasks.held_out`, scores are derived in
:mod:`probe.tasks.grid_results`.

Source: paper, section 6. Its prompts are not public; these are :data:`probe.prompts.EXECUTION`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from generators.errors import UsageError
from generators.jsonl import read_header, sha256_file
from generators.progress import Progress, Quiet
from generators.records import TRACE_SCHEMA, Trace
from generators.trace_files import read_traces
from probe.analysis.baselines import BASELINES, predict_baselines
from probe.analysis.leakage import find_leaks
from probe.config import GridConfig
from probe.metrics import PREDICTION_POLICIES
from probe.prompts import EXECUTION, EXECUTION_V1, Asked, execution_prefix, execution_query
from probe.runs import RunWriter
from probe.scratchpad import ANSWER_TOKENS
from probe.tasks.asking import MakeGenerator
from probe.tasks.grid_results import grid_results
from probe.tasks.held_out import Held, Inputs, Setting, hold_out, with_tests
from probe.tasks.items import choose
from probe.tasks.questions import Question, ask_questions, line_decoding
from probe.tasks.scoring import score_sample, self_test, trace_fields
from probe.tasks.shots import few_shot_programs, refuse_shots_among_items

if TYPE_CHECKING:
    from probe.models.text import Decoding, TextGenerator

__all__ = ["evaluate_grid"]


def evaluate_grid(
    config: GridConfig, make_generator: MakeGenerator, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Run (or resume) the grid and return its results document.

    Args:
        config: Which cells, on which programs.
        make_generator: Loads the model; called after the inputs were checked.
        progress: Display of the questions done.

    Raises:
        ProbeError: An input cannot be used, or ``config.out`` holds another run.
    """
    self_test()
    pool = read_traces(config.traces)
    header = read_header(config.traces, TRACE_SCHEMA)
    programs = choose(pool, seed=config.seed, per_program=1, limit=config.limit)
    chosen = {(trace.source, trace.task_id) for trace in programs}
    kept = [trace for trace in pool if (trace.source, trace.task_id) in chosen]
    held = {
        (setting, inputs): hold_out(kept, setting, inputs, seed=config.seed)
        for setting in config.settings
        for inputs in config.inputs
    }
    if not any(held.values()):
        raise UsageError(f"{config.traces} has no call to hold out that fits the options")
    name = config.shot_source or str(header.get("source", {}).get("name"))
    solved, shot_source = few_shot_programs(name, config.shots, config.data)
    refuse_shots_among_items([traces[0] for traces in solved], kept)
    heads = _heads(config, solved)
    questions = _questions(config, held, pool, [t for traces in solved for t in traces])
    generator = make_generator()
    decoding = line_decoding(
        generator, max_new_tokens=config.max_new_tokens or ANSWER_TOKENS, end=EXECUTION_V1.end
    )
    identity = _identity(config, header, solved, shot_source, heads, generator, decoding)
    with RunWriter(config.out, identity) as run:
        samples = ask_questions(
            run,
            questions,
            generator,
            decoding,
            heads=heads,
            score=score_sample,
            repeat=config.batch_invariance_items,
            display=progress or Quiet(),
        )
        return run.finish(grid_results(samples), [question.key for question in questions])


def _head(content: str, setting: Setting) -> str:
    """Name what stands before a query: settings differ only in the tests that shots show."""
    return f"{content}/{setting}" if "tests" in content else content


def _heads(config: GridConfig, solved: Sequence[Sequence[Trace]]) -> dict[str, str]:
    """Return the beginning of the prompts of each cell: instruction and solved examples."""
    return {
        _head(content, setting): execution_prefix(
            EXECUTION[content], [with_tests(traces[0], traces, setting) for traces in solved]
        )
        for content in config.contents
        for setting in config.settings
    }


def _questions(
    config: GridConfig,
    held: Mapping[tuple[Setting, Inputs], Sequence[Held]],
    pool: Sequence[Trace],
    shots: Sequence[Trace],
) -> list[Question]:
    items = {t.trace_id: t for group in held.values() for one in group for t in one.traces}
    training = read_traces(config.training_traces) if config.training_traces else None
    guesses = predict_baselines(list(items.values()), pool, training)
    leaks = find_leaks(list(items.values()), training or [], shots)
    return [
        Question(
            key=f"{content}/{setting}/{inputs}/{trace.trace_id}",
            task_id=trace.task_id,
            head=_head(content, setting),
            prompt=execution_query(EXECUTION[content], Asked(trace=trace, tests=one.tests)),
            fields={
                **trace_fields(trace),
                "content": content,
                "setting": str(setting),
                "inputs": str(inputs),
                "tests_shown": len(one.tests) if "tests" in content else 0,
                "leaks": leaks.get(trace.trace_id, []),
                "baselines": _guesses(guesses, trace, one),
            },
        )
        for content in config.contents
        for (setting, inputs), group in held.items()
        for one in group
        for trace in one.traces
    ]


def _guesses(guesses: dict[str, dict[str, str]], trace: Trace, one: Held) -> dict[str, str]:
    """Return the trivial answers; what is copied is a call that is not held out, if there is."""
    found = {name: guesses[name][trace.trace_id] for name in BASELINES}
    return found | ({"copy_other_output": one.tests[0].output} if one.tests else {})


def _identity(
    config: GridConfig,
    header: dict[str, Any],
    solved: Sequence[Sequence[Trace]],
    shot_source: dict[str, Any] | None,
    heads: dict[str, str],
    generator: TextGenerator,
    decoding: Decoding,
) -> dict[str, Any]:
    from probe.models.text import chat_of

    training = config.training_traces
    return {
        "verb": "evaluate execution --grid",
        "config": {
            "contents": list(config.contents),
            "settings": [str(setting) for setting in config.settings],
            "inputs": [str(inputs) for inputs in config.inputs],
            "shots": config.shots,
            "shot_ids": [traces[0].task_id for traces in solved],
            "limit": config.limit,
            "seed": config.seed,
            "batch_invariance_items": config.batch_invariance_items,
            **decoding.to_json(),
            **chat_of(generator).to_json(),
        },
        "inputs": {
            "traces": {"sha256": sha256_file(config.traces), "header": header},
            "training_traces": {"sha256": sha256_file(training)} if training else None,
            "shots": shot_source,
        },
        "prompts": {
            EXECUTION[content].name: EXECUTION[content].sha256 for content in config.contents
        },
        "prompt_heads": heads,
        "policies": [str(policy) for policy in PREDICTION_POLICIES],
        "model": generator.identity,
    }
