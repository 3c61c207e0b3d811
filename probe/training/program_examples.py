"""Training examples of synthesis: descriptions and tests in, programs out.

Called by :mod:`probe.training.examples`. The prompts are those that ``probe evaluate synthesis``
asks in.

Source: paper, section 3: fine-tuning on the 374 training tasks.
"""

from __future__ import annotations

from collections.abc import Sequence

from generators.errors import DataError, UsageError
from generators.problems.sources import load_source
from generators.records import Problem, Split
from probe.config import DEFAULT_SHOT_IDS, FinetuneConfig
from probe.tasks.items import choose_problems
from probe.tasks.synthesis_prompts import PAPER
from probe.training.dataset import Example
from probe.training.examples import Examples
from probe.training.options import refuse_options_of_calls

__all__ = ["program_examples"]


def program_examples(config: FinetuneConfig) -> Examples:
    """Put the training problems of a source, and those of its validation split, into words.

    Raises:
        ProbeError: The source cannot be had or leaves nothing to train on, or an option is only
            for training on calls.
    """
    refuse_options_of_calls(config)
    source = load_source(
        config.source, data_dir=config.data.data_dir, accept_unknown=config.data.accept_unknown
    )
    train = choose_problems(source.split(Split.TRAIN), seed=config.seed, limit=config.limit)
    validation = choose_problems(
        source.split(Split.VALIDATION), seed=config.seed, limit=config.validation_items
    )
    if not train:
        raise DataError(f"source {source.name} has no problem in the training split")
    pool = {problem.task_id: problem for problem in source.split(Split.PROMPT)}
    shots = [pool[task] for task in DEFAULT_SHOT_IDS[: config.shots] if task in pool]
    if len(shots) < config.shots:
        raise UsageError(f"source {source.name} has {len(shots)} of {config.shots} few-shot tasks")
    head = PAPER.head(shots, asserts=config.asserts)
    return Examples(
        train=_worded(train, head, config.asserts),
        validation=_worded(validation, head, config.asserts),
        config={
            "shots": len(shots),
            "shot_ids": [shot.task_id for shot in shots],
            "asserts": config.asserts,
            "limit": config.limit,
            "validation_items": config.validation_items,
        },
        inputs={"source": source.manifest()},
        prompts={PAPER.name: PAPER.sha256},
    )


def _worded(problems: Sequence[Problem], head: str, asserts: int) -> list[Example]:
    return [
        Example(
            group=f"{problem.source}/{problem.task_id}",
            prompt=head + PAPER.query(problem, asserts=asserts),
            target=PAPER.target(problem),
        )
        for problem in problems
    ]
