"""From trace files to training examples: which calls, in which prompts.

Called by :mod:`probe.training.run`. A model is trained in the words it is later asked in, so the
prompts are those of the execution task and of its grid.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from generators import jsonl
from generators.errors import DataError
from generators.records import TRACE_SCHEMA, Trace
from generators.trace_files import read_traces
from probe.config import FinetuneConfig
from probe.prompts import EXECUTION, asked_prompt, execution_target
from probe.tasks.held_out import with_tests
from probe.tasks.items import choose, split_programs
from probe.tasks.shots import few_shot_programs, refuse_shots_among_items
from probe.training.dataset import Example

__all__ = ["Examples", "make_examples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What a run trains on.

    Attributes:
        train: The training set.
        validation: The validation set, of other programs.
        shot_ids: Tasks of the solved examples in the prompts.
        shot_source: Manifest of the source they come from.
    """

    train: list[Example]
    validation: list[Example]
    shot_ids: list[int]
    shot_source: dict[str, Any] | None


def make_examples(config: FinetuneConfig) -> Examples:
    """Choose training and validation traces, by program, and put them into words.

    Raises:
        ProbeError: A file cannot be read or leaves nothing to train on, or a few-shot task is
            also trained on.
    """
    header = jsonl.read_header(config.traces, TRACE_SCHEMA)
    name = config.shot_source or str(header.get("source", {}).get("name"))
    solved, shot_source = few_shot_programs(name, config.shots, config.data)
    traces = read_traces(config.traces)
    if config.validation_traces is not None:
        train, validation = traces, read_traces(config.validation_traces)
    else:
        train, validation = split_programs(
            traces, fraction=config.validation_fraction, seed=config.seed
        )
    chosen = choose(
        train,
        seed=config.seed,
        origin=config.origin,
        per_program=config.per_program,
        limit=config.limit,
    )
    held_out = choose(
        validation, seed=config.seed, origin=config.origin, limit=config.validation_items
    )
    if not chosen:
        raise DataError(f"{config.traces} leaves no traces to train on")
    refuse_shots_among_items([traces[0] for traces in solved], [*chosen, *held_out])
    return Examples(
        train=_worded(chosen, train, solved, config),
        validation=_worded(held_out, validation, solved, config),
        shot_ids=[traces[0].task_id for traces in solved],
        shot_source=shot_source,
    )


def _worded(
    chosen: Sequence[Trace],
    pool: Sequence[Trace],
    solved: Sequence[Sequence[Trace]],
    config: FinetuneConfig,
) -> list[Example]:
    programs: dict[tuple[str, int], list[Trace]] = {}
    for trace in pool:
        programs.setdefault((trace.source, trace.task_id), []).append(trace)
    return [
        Example(
            group=f"{trace.source}/{trace.task_id}",
            prompt=prompt,
            target=execution_target(EXECUTION[config.contents[0]], trace),
        )
        for trace in chosen
        for prompt in _prompts(trace, programs[trace.source, trace.task_id], solved, config)
    ]


def _prompts(
    trace: Trace,
    program: Sequence[Trace],
    solved: Sequence[Sequence[Trace]],
    config: FinetuneConfig,
) -> list[str]:
    """Return the prompts to learn a trace in, or some of them, drawn."""
    found = []
    for setting in config.settings:
        shots = [with_tests(traces[0], traces, setting) for traces in solved]
        query = with_tests(trace, program, setting)
        found += [asked_prompt(EXECUTION[content], shots, query) for content in config.contents]
    different = list(dict.fromkeys(found))
    count = config.prompts_per_trace
    if count is None or count >= len(different):
        return different
    rng = random.Random(f"{config.seed}/{trace.source}/{trace.trace_id}")
    return [different[i] for i in sorted(rng.sample(range(len(different)), count))]
