"""The execution side: models predict what a given call of a given program returns.

``evaluate_execution`` chooses items, asks the model, scores, and writes a run folder. Called by
the command line and by quickstart; scoring itself is in :mod:`probe.tasks.scoring`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from generators.errors import UsageError
from generators.jsonl import read_header, sha256_file, sha256_text
from generators.progress import Progress, Quiet
from generators.records import TRACE_SCHEMA, Trace
from generators.trace_files import read_traces
from probe.analysis.baselines import BASELINES, predict_baselines
from probe.config import ExecutionConfig
from probe.metrics import PREDICTION_POLICIES
from probe.prompts import EXECUTION_V1, ChatMode, ChatTemplate, execution_prompt
from probe.runs import RunWriter
from probe.tasks.invariance import ALONE, items_to_repeat
from probe.tasks.items import choose
from probe.tasks.scoring import REPLY, execution_results, score_sample, self_test
from probe.tasks.shots import few_shot_examples, refuse_shots_among_items

if TYPE_CHECKING:
    from probe.models.text import Completion, Decoding, TextGenerator

__all__ = ["evaluate_execution"]

_SAVE_EVERY = 8


def evaluate_execution(
    config: ExecutionConfig,
    make_generator: Callable[[], TextGenerator],
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
    from probe.models.text import chat_of

    display = progress or Quiet()
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
    header = read_header(config.traces, TRACE_SCHEMA)
    shown, shot_source = few_shot_examples(
        config.shot_source or str(header.get("source", {}).get("name")), config.shots, config.data
    )
    refuse_shots_among_items(shown, items)
    prompts = {t.trace_id: execution_prompt(EXECUTION_V1, shown, t) for t in items}
    generator = make_generator()
    chat = chat_of(generator)
    identity = _identity(config, header, shown, shot_source, generator.identity, chat)
    with RunWriter(config.out, identity) as run:
        missing = [item for item in items if item.trace_id not in run.done]
        if missing:
            baselines = _baselines(config, items, pool)
            _generate(run, missing, prompts, baselines, generator, config, display)
        samples = [run.done[item.trace_id] for item in items]
        return run.finish(execution_results(samples), [item.trace_id for item in items])


def _generate(
    run: RunWriter,
    missing: Sequence[Trace],
    prompts: dict[str, str],
    baselines: dict[str, dict[str, str]],
    generator: TextGenerator,
    config: ExecutionConfig,
    display: Progress,
) -> None:
    """Ask the model for every missing item and store the samples as they come."""
    from probe.models.text import Finish, Request, chat_of

    chat = chat_of(generator)
    by_id = {item.trace_id: item for item in missing}
    requests = {
        key: Request(key=key, prompt=prompts[key], task_id=str(item.task_id))
        for key, item in by_id.items()
    }
    decoding = _decoding(config, chat)
    repeated = items_to_repeat(list(prompts), config.batch_invariance_items)
    display.start("evaluating", len(requests))
    waiting: list[dict[str, Any]] = []
    try:
        for completion in generator.generate(list(requests.values()), decoding):
            item = by_id[completion.key]
            seen = chat.render(prompts[item.trace_id])
            row = _sample(item, seen, completion, baselines, chat)
            if completion.key in repeated and completion.finish is not Finish.OVERFLOW:
                alone = generator.alone(requests[completion.key], decoding)
                row |= {} if alone is None else {ALONE: alone.text}
            waiting.append(row)
            display.advance()
            if len(waiting) >= _SAVE_EVERY:
                run.append(waiting)
                waiting = []
    finally:
        run.append(waiting)
        display.finish()


def _sample(
    item: Trace,
    prompt: str,
    completion: Completion,
    baselines: dict[str, dict[str, str]],
    chat: ChatTemplate,
) -> dict[str, Any]:
    row = {
        "key": item.trace_id,
        "task_id": item.task_id,
        "entry_point": item.entry_point,
        "origin": str(item.origin),
        "output_type": item.output_type,
        "call": item.call,
        "expected": item.output,
        "prompt": prompt,
        "prompt_sha256": sha256_text(prompt),
        "completion": completion.text,
        "finish": str(completion.finish),
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "baselines": {name: baselines[name][item.trace_id] for name in BASELINES},
    }
    if chat.mode is not ChatMode.NONE:
        row["read_as"] = REPLY
    return {**row, **score_sample(row)}


def _decoding(config: ExecutionConfig, chat: ChatTemplate) -> Decoding:
    """Return how answers are decoded: to the line's end, but a message goes on until its own."""
    from probe.models.text import Decoding

    stop = (EXECUTION_V1.end,) if chat.mode is ChatMode.NONE else ()
    return Decoding(max_new_tokens=config.max_new_tokens, stop=stop)


def _baselines(
    config: ExecutionConfig, items: Sequence[Trace], pool: Sequence[Trace]
) -> dict[str, dict[str, str]]:
    reference = read_traces(config.baseline_traces) if config.baseline_traces else None
    return predict_baselines(items, pool, reference)


def _identity(
    config: ExecutionConfig,
    header: dict[str, Any],
    shown: Sequence[Trace],
    shot_source: dict[str, Any] | None,
    model: dict[str, Any],
    chat: ChatTemplate,
) -> dict[str, Any]:
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
            **_decoding(config, chat).to_json(),
            **chat.to_json(),
        },
        "inputs": {
            "traces": {"sha256": sha256_file(config.traces), "header": header},
            "baseline_traces": (
                {"sha256": sha256_file(config.baseline_traces)} if config.baseline_traces else None
            ),
            "shots": shot_source,
        },
        "prompts": {EXECUTION_V1.name: EXECUTION_V1.sha256},
        "policies": [str(policy) for policy in PREDICTION_POLICIES],
        "model": model,
    }
