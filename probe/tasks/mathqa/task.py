"""The MathQA task: models solve word problems by writing a program, or a formula.

``evaluate_mathqa`` asks, runs what comes while the model goes on, and writes a run folder. Called
by the command line; numbers are derived in :mod:`probe.tasks.mathqa.results`.

Source: paper, sections 2 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from generators.problems.mathqa.records import MathProblem, MathSplit
from generators.problems.mathqa.source import MathSource
from generators.progress import Progress, Quiet
from generators.sandbox.policy import Backend, choose_backend, detect, warnings_of
from generators.tolerance import Tolerance
from probe.config import MathConfig
from probe.runs import RESULTS, RunWriter
from probe.tasks.asking import MakeGenerator
from probe.tasks.mathqa.choice import (
    choose_math,
    choose_shots,
    describe,
    learning_splits,
    load_split,
)
from probe.tasks.mathqa.guesses import guess_answers
from probe.tasks.mathqa.prompts import TEMPLATES, MathTemplate, Target
from probe.tasks.mathqa.results import mathqa_results, score_math
from probe.tasks.mathqa.running import LIMITS, runner
from probe.tasks.questions import Question, ask_questions
from probe.tasks.sampled import check_samples, samples_decoding

if TYPE_CHECKING:
    from probe.models.text import Decoding, TextGenerator

__all__ = ["evaluate_mathqa"]


def evaluate_mathqa(
    config: MathConfig, make_generator: MakeGenerator, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Run (or resume) an evaluation and return its results document.

    Args:
        config: What to evaluate.
        make_generator: Loads the model; called after the inputs were checked.
        progress: Display of the samples done.

    Raises:
        ProbeError: An input cannot be used, ``config.out`` holds another run, or the sandbox
            failed.
    """
    check_samples(config)
    template = TEMPLATES[config.target]
    source = load_split(config.split, config.data)
    asked = choose_math(source.problems, seed=config.seed, limit=config.limit)
    learned = learning_splits(config.split, config.data)
    shots, shown = _shots(config, asked)
    heads = {"shots": template.head(shots)}
    questions = _questions(config, template, asked, learned, "shots" if shots else "")
    if config.target is Target.PYTHON and not (config.out / RESULTS).is_file():
        choose_backend(trust_programs=config.data.trust_programs)  # before the model is loaded
    generator = make_generator()
    decoding = samples_decoding(config, generator, (template.stop,))
    identity = _identity(config, template, source, learned, shown, shots, generator, decoding)
    with RunWriter(config.out, {**identity, "prompt_heads": heads}) as run:
        samples = ask_questions(
            run,
            questions,
            generator,
            decoding,
            score=score_math,
            repeat=config.batch_invariance_items if decoding.greedy else 0,
            display=progress or Quiet(),
            heads=heads,
            grade=runner(config.data) if config.target is Target.PYTHON else iter,
        )
        return run.finish(mathqa_results(samples), [question.key for question in questions])


def _shots(
    config: MathConfig, asked: Sequence[MathProblem]
) -> tuple[list[MathProblem], MathSource | None]:
    """Return the solved examples and the split that they are from."""
    count = len(config.shot_ids) if config.shot_ids is not None else config.shots
    if count == 0:
        return [], None
    split = MathSplit.DEV if config.split is not MathSplit.DEV else MathSplit.CHALLENGE_TEST
    source = load_split(split, config.data)
    return choose_shots(source.problems, asked, count, config.shot_ids), source


def _questions(
    config: MathConfig,
    template: MathTemplate,
    asked: Sequence[MathProblem],
    learned: Sequence[MathSource],
    head: str,
) -> list[Question]:
    known = [problem for source in learned for problem in source.problems]
    described = zip(describe(asked, known), guess_answers(asked, known), strict=True)
    return [
        Question(
            key=f"{item.problem.id}/{k}",
            task_id=int(item.problem.id.partition("/")[2]),
            head=head,
            prompt=template.query(item.problem),
            fields={
                "k": k,
                "target": str(config.target),
                "tolerance": str(config.tolerance),
                "expected": item.problem.answer,
                "option": item.problem.option,
                "numbers": list(item.problem.numbers),
                "category": item.problem.category,
                "group": item.group,
                "seen": list(item.seen),
                "guesses": guesses,
            },
            k=k,
        )
        for item, guesses in described
        for k in range(config.samples)
    ]


def _identity(
    config: MathConfig,
    template: MathTemplate,
    source: MathSource,
    learned: Sequence[MathSource],
    shown: MathSource | None,
    shots: Sequence[MathProblem],
    generator: TextGenerator,
    decoding: Decoding,
) -> dict[str, Any]:
    from probe.models.text import chat_of

    trusts = config.data.trust_programs
    unsafe = trusts and detect().backend is None
    runs = config.target is Target.PYTHON
    return {
        "verb": "evaluate mathqa",
        "config": {
            "target": str(config.target),
            "split": str(config.split),
            "shots": len(shots),
            "shot_ids": [shot.id for shot in shots],
            "samples": config.samples,
            "tolerance": str(config.tolerance),
            "gold": "value of the reference program",
            "limit": config.limit,
            "seed": config.seed,
            "batch_invariance_items": config.batch_invariance_items,
            **({"limits": {"cpu_seconds": LIMITS.cpu_seconds}} if runs else {}),
            "trust_programs": trusts,
            **decoding.to_json(),
            **chat_of(generator).to_json(),
        },
        "inputs": {
            "source": source.identity(),
            "shots": shown.identity() if shown else None,
            "learned_from": [one.identity() for one in learned],
        },
        "prompts": {template.name: template.sha256},
        "policies": [str(tolerance) for tolerance in Tolerance],
        "model": generator.identity,
        **({"warnings": warnings_of([Backend.PROCESS])} if unsafe and runs else {}),
    }
