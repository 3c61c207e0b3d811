"""Training examples of word problems: questions in, programs or formulas out.

Called by :mod:`probe.training.examples`. The prompts are those that ``probe evaluate mathqa`` asks
in. Near-copies of a problem are never on both sides of training and validation.

Source: paper, section 7: fine-tuning on the training problems.
"""

from __future__ import annotations

from collections.abc import Sequence

from generators.errors import DataError, UsageError
from generators.problems.mathqa.records import MathProblem, MathSplit
from generators.problems.mathqa.twins import template_groups
from generators.problems.registry import MATHQA
from probe.config import FinetuneConfig
from probe.tasks.mathqa.choice import (
    choose_math,
    choose_shots,
    divide,
    learning_splits,
    load_split,
    without_copies,
)
from probe.tasks.mathqa.prompts import TEMPLATES, MathTemplate
from probe.training.dataset import Example
from probe.training.examples import Examples
from probe.training.options import refuse_options_of_calls

__all__ = ["math_examples"]


def math_examples(config: FinetuneConfig) -> Examples:
    """Put the problems of ``train``, where it is at hand, and of ``dev`` into words.

    Raises:
        ProbeError: The problems cannot be had or none is left, or an option is only for training
            on calls.
    """
    refuse_options_of_calls(config)
    usual = FinetuneConfig(out=config.out)
    if (config.source, config.asserts) != (usual.source, usual.asserts):
        raise UsageError("--source and --asserts do not go with --task mathqa")
    template = TEMPLATES[config.target]
    sources = learning_splits(None, config.data)
    known = [problem for source in sources for problem in source.problems]
    kept, tested = known, None
    if config.without_test_copies:
        tested = load_split(MathSplit.TEST, config.data)
        kept = without_copies(known, tested.problems)
    train, validation = divide(kept, fraction=config.validation_fraction, seed=config.seed)
    held_out = choose_math(validation, seed=config.seed, limit=config.validation_items)
    shown = load_split(MathSplit.CHALLENGE_TEST, config.data) if config.shots else None
    shots = choose_shots(shown.problems, kept, config.shots) if shown else []
    if shown:
        held_out = without_copies(held_out, shots)
    train = choose_math(train, seed=config.seed, limit=config.limit)
    if not train:
        raise DataError(f"no problem of {MATHQA} is left to train on")
    head = template.head(shots)
    return Examples(
        train=_worded(train, head, template),
        validation=_worded(held_out, head, template),
        config={
            "target": str(config.target),
            "shots": len(shots),
            "shot_ids": [shot.id for shot in shots],
            "limit": config.limit,
            "validation_items": config.validation_items,
            "validation_fraction": config.validation_fraction,
            "without_test_copies": config.without_test_copies,
        },
        inputs={
            "sources": [source.identity() for source in sources],
            "test": tested.identity() if tested else None,
            "shots": shown.identity() if shown else None,
            "problems": {
                "known": len(known),
                "without_test_copies": len(kept),
                "train": len(train),
                "train_groups": len(template_groups(train)),
                "validation": len(held_out),
                "validation_groups": len(template_groups(held_out)),
            },
        },
        prompts={template.name: template.sha256},
    )


def _worded(problems: Sequence[MathProblem], head: str, template: MathTemplate) -> list[Example]:
    return [
        Example(
            group=f"{MATHQA}/{problem.id}",
            prompt=head + template.query(problem),
            target=template.solved(problem),
        )
        for problem in problems
    ]
