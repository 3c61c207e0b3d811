"""What a run trains on: calls of programs, or whole programs, in the prompts they are asked in.

Called by :mod:`probe.training.run`. Examples of execution are made here, those of synthesis in
:mod:`probe.training.program_examples`, those of MathQA in :mod:`probe.training.math_examples`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators import jsonl
from generators.errors import DataError, UsageError
from generators.records import TRACE_SCHEMA, Trace
from generators.trace_files import read_traces
from probe.config import FinetuneConfig, FinetuneTask
from probe.prompts import EXECUTION, ExecutionTemplate, asked_prompt, execution_target
from probe.scratchpad import (
    SCRATCHPAD_V1,
    scratchpad_fits,
    scratchpad_prompt,
    scratchpad_target,
)
from probe.tasks.held_out import with_tests
from probe.tasks.items import choose, split_programs
from probe.tasks.shots import few_shot_programs, refuse_shots_among_items
from probe.tasks.wording import check_recorded, recorded_examples
from probe.training.dataset import Example

__all__ = ["Examples", "make_examples"]

_DEFAULT = FinetuneConfig(out=Path())


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What a run trains on.

    Attributes:
        train: The training set.
        validation: The validation set, of other programs.
        config: The options that decided them, as the manifest keeps them.
        inputs: The files and sources they were made from.
        prompts: Hash of each template, by name.
    """

    train: list[Example]
    validation: list[Example]
    config: dict[str, Any]
    inputs: dict[str, Any]
    prompts: dict[str, str]


def make_examples(config: FinetuneConfig) -> Examples:
    """Choose what is trained on and what validates, by program, and put it into words.

    Raises:
        ProbeError: A file cannot be read or leaves nothing to train on, or a few-shot task is
            also trained on.
    """
    if config.task is FinetuneTask.SYNTHESIS:
        from probe.training.program_examples import program_examples

        return program_examples(config)
    if config.task is FinetuneTask.MATHQA:
        from probe.training.math_examples import math_examples

        return math_examples(config)
    if config.traces is None:
        raise UsageError("training on calls wants --traces FILE, which probe make-traces writes")
    return _call_examples(config, config.traces)


def _call_examples(config: FinetuneConfig, path: Path) -> Examples:
    header = jsonl.read_header(path, TRACE_SCHEMA)
    name = config.shot_source or str(header.get("source", {}).get("name"))
    solved, shot_source = _solved(config, name)
    traces, left_out = _learnable(config, path)
    if config.validation_traces is not None:
        train = traces
        validation, more = _learnable(config, config.validation_traces)
        left_out += more
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
        raise DataError(f"{path} leaves no traces to train on")
    refuse_shots_among_items([traces[0] for traces in solved], [*chosen, *held_out])
    return Examples(
        train=_worded(chosen, train, solved, config),
        validation=_worded(held_out, validation, solved, config),
        config={
            "shots": config.shots,
            "shot_ids": [traces[0].task_id for traces in solved],
            "contents": list(config.contents),
            "settings": [str(setting) for setting in config.settings],
            "prompts_per_trace": config.prompts_per_trace,
            "origin": str(config.origin) if config.origin else "all",
            "limit": config.limit,
            "per_program": config.per_program,
            "validation_items": config.validation_items,
            "validation_fraction": (
                None if config.validation_traces else config.validation_fraction
            ),
        },
        inputs={
            "traces": {"sha256": jsonl.sha256_file(path)},
            "validation_traces": (
                {"sha256": jsonl.sha256_file(config.validation_traces)}
                if config.validation_traces
                else None
            ),
            "shots": shot_source,
            **({"traces_left_out": left_out} if config.scratchpad else {}),
        },
        prompts={template.name: template.sha256 for template in _templates(config)},
    )


def _templates(config: FinetuneConfig) -> list[ExecutionTemplate]:
    if config.scratchpad:
        return [SCRATCHPAD_V1]
    return [EXECUTION[content] for content in config.contents]


def _solved(config: FinetuneConfig, name: str) -> tuple[list[list[Trace]], dict[str, Any] | None]:
    """Return the calls of each few-shot task, the one that is shown first."""
    if not config.scratchpad:
        return few_shot_programs(name, config.shots, config.data)
    if (*config.contents, *config.settings) != (*_DEFAULT.contents, *_DEFAULT.settings):
        raise UsageError("--scratchpad shows the program alone; leave out --content and --setting")
    shown, source = recorded_examples(name, config.shots, config.data)
    return [[trace] for trace in shown], source


def _learnable(config: FinetuneConfig, path: Path) -> tuple[list[Trace], int]:
    """Return the traces to choose from, and how many are left out."""
    traces = read_traces(path)
    if not config.scratchpad:
        return traces, 0
    check_recorded(traces, path)
    kept = [trace for trace in traces if scratchpad_fits(trace)]
    return kept, len(traces) - len(kept)


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
            target=_target(trace, config),
        )
        for trace in chosen
        for prompt in _prompts(trace, programs[trace.source, trace.task_id], solved, config)
    ]


def _target(trace: Trace, config: FinetuneConfig) -> str:
    if config.scratchpad:
        return scratchpad_target(trace)
    return execution_target(EXECUTION[config.contents[0]], trace)


def _prompts(
    trace: Trace,
    program: Sequence[Trace],
    solved: Sequence[Sequence[Trace]],
    config: FinetuneConfig,
) -> list[str]:
    """Return the prompts to learn a trace in, or some of them, drawn."""
    if config.scratchpad:
        return [scratchpad_prompt([traces[0] for traces in solved], trace)]
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
