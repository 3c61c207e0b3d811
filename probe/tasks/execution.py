"""The execution side: models predict what a given call of a given program returns.

``evaluate_execution`` chooses items, asks the model, scores, and writes a run folder. Called by
the command line and by quickstart; scoring itself is in :mod:`probe.tasks.scoring`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from generators.errors import UsageError
from generators.jsonl import read_header, sha256_file
from generators.progress import Progress, Quiet
from generators.records import TRACE_SCHEMA, Trace
from generators.trace_files import read_traces
from probe.analysis.baselines import BASELINES, predict_baselines
from probe.analysis.leakage import find_leaks
from probe.config import ExecutionConfig
from probe.metrics import PREDICTION_POLICIES
from probe.runs import RunWriter
from probe.tasks.asking import MakeGenerator
from probe.tasks.items import choose
from probe.tasks.questions import Question, ask_questions, line_decoding
from probe.tasks.scoring import execution_results, score_sample, self_test, trace_fields
from probe.tasks.shots import refuse_shots_among_items
from probe.tasks.wording import Wording, check_asked_as_trained, check_recorded, wording

if TYPE_CHECKING:
    from probe.models.text import Decoding, TextGenerator

__all__ = ["evaluate_execution"]


def evaluate_execution(
    config: ExecutionConfig,
    make_generator: MakeGenerator,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run (or resume) an evaluation and return its results document.

    Args:
        config: What to evaluate.
        make_generator: Loads the model; called after the inputs were checked.
        progress: Display of the items done.

    Raises:
        ProbeError: An input cannot be used, or ``config.out`` holds another run.
    """
    self_test()
    pool = read_traces(config.traces)
    items = choose(
        pool,
        seed=config.seed,
        origin=config.origin,
        per_program=config.per_program,
        limit=config.limit,
    )
    if not items:
        raise UsageError(f"{config.traces} has no trace that fits the options")
    words = wording(scratchpad=config.scratchpad)
    if config.scratchpad:
        check_recorded(items, config.traces)
    header = read_header(config.traces, TRACE_SCHEMA)
    shown, shot_source = words.examples(
        config.shot_source or str(header.get("source", {}).get("name")), config.shots, config.data
    )
    refuse_shots_among_items(shown, items)
    generator = make_generator()
    check_asked_as_trained(generator.identity.get("adapter"), words.template)
    budget = config.max_new_tokens or words.max_new_tokens
    decoding = line_decoding(generator, max_new_tokens=budget, end=words.template.end)
    if config.batch_invariance_items is None:
        config = replace(config, batch_invariance_items=words.repeated)
    identity = _identity(config, words, header, shown, shot_source, generator, decoding)
    with RunWriter(config.out, identity) as run:
        samples = ask_questions(
            run,
            _questions(config, words, items, pool, shown),
            generator,
            decoding,
            score=score_sample,
            repeat=config.batch_invariance_items or 0,
            display=progress or Quiet(),
        )
        return run.finish(execution_results(samples), [item.trace_id for item in items])


def _questions(
    config: ExecutionConfig,
    words: Wording,
    items: Sequence[Trace],
    pool: Sequence[Trace],
    shown: Sequence[Trace],
) -> list[Question]:
    reference = read_traces(config.training_traces) if config.training_traces else None
    baselines = predict_baselines(items, pool, reference)
    leaks = find_leaks(items, reference or [], shown)
    return [
        Question(
            key=item.trace_id,
            task_id=item.task_id,
            prompt=words.prompt(shown, item),
            fields={
                **trace_fields(item),
                **words.fields(item),
                "baselines": {name: baselines[name][item.trace_id] for name in BASELINES},
                "leaks": leaks.get(item.trace_id, []),
            },
        )
        for item in items
    ]


def _identity(
    config: ExecutionConfig,
    words: Wording,
    header: dict[str, Any],
    shown: Sequence[Trace],
    shot_source: dict[str, Any] | None,
    generator: TextGenerator,
    decoding: Decoding,
) -> dict[str, Any]:
    from probe.models.text import chat_of

    return {
        "verb": "evaluate execution",
        "config": {
            "shots": config.shots,
            "shot_ids": [shot.task_id for shot in shown],
            "origin": str(config.origin) if config.origin else "all",
            "per_program": config.per_program,
            "limit": config.limit,
            "seed": config.seed,
            "batch_invariance_items": config.batch_invariance_items,
            **decoding.to_json(),
            **chat_of(generator).to_json(),
        },
        "inputs": {
            "traces": {"sha256": sha256_file(config.traces), "header": header},
            "training_traces": (
                {"sha256": sha256_file(config.training_traces)} if config.training_traces else None
            ),
            "shots": shot_source,
        },
        "prompts": {words.template.name: words.template.sha256},
        "policies": [str(policy) for policy in PREDICTION_POLICIES],
        "model": generator.identity,
    }
