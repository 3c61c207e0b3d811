"""The synthesis side: models write programs from descriptions, graded by running their tests.

``evaluate_synthesis`` asks for samples, grades them in the sandbox while the model goes on, and
writes a run folder. Called by the command line; numbers are derived in
:mod:`probe.tasks.synthesis_results`, prompts stand in :mod:`probe.tasks.synthesis_prompts`.

Source: paper, sections 3 and 4; MBPP README.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from generators.errors import UsageError
from generators.literals import EqualityPolicy
from generators.problems.sources import Source, load_source
from generators.progress import Progress, Quiet
from generators.records import Problem, Split
from generators.sandbox.policy import Backend, Limits, choose_backend, detect, warnings_of
from probe.config import SynthesisConfig
from probe.runs import RESULTS, RunWriter
from probe.tasks.asking import MakeGenerator
from probe.tasks.grading import REFERENCE_FACTOR, self_test
from probe.tasks.items import choose_problems, rank
from probe.tasks.questions import Question, ask_questions
from probe.tasks.running_tests import test_runner
from probe.tasks.sampled import check_samples, samples_decoding
from probe.tasks.synthesis_prompts import TEMPLATES, SynthesisTemplate
from probe.tasks.synthesis_results import score_program, synthesis_results

if TYPE_CHECKING:
    from probe.models.text import Decoding, TextGenerator

__all__ = ["evaluate_synthesis"]


def evaluate_synthesis(
    config: SynthesisConfig, make_generator: MakeGenerator, *, progress: Progress | None = None
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
    source = load_source(
        config.source, data_dir=config.data.data_dir, accept_unknown=config.data.accept_unknown
    )
    template = TEMPLATES[config.template]
    problems = choose_problems(_named(config, source), seed=config.seed, limit=config.limit)
    check_samples(config)
    shots = _shots(config, source)
    heads = {"shots": template.head(shots, asserts=config.asserts)}
    if not (config.out / RESULTS).is_file():
        choose_backend(trust_programs=config.data.trust_programs)  # before the model is loaded
        self_test(trust_programs=config.data.trust_programs)
    generator = make_generator()
    decoding = samples_decoding(config, generator, template.stop)
    identity = _identity(config, source, shots, template, heads, generator, decoding)
    questions = [
        Question(
            key=f"{problem.task_id}/{k}",
            task_id=problem.task_id,
            head="shots" if shots else "",
            prompt=template.query(problem, asserts=config.asserts),
            fields={"k": k, "tests": len(problem.test_list)},
            k=k,
        )
        for problem in problems
        for k in range(config.samples)
    ]
    with RunWriter(config.out, identity) as run:
        samples = ask_questions(
            run,
            questions,
            generator,
            decoding,
            score=score_program,
            repeat=config.batch_invariance_items if decoding.greedy else 0,
            display=progress or Quiet(),
            heads=heads,
            grade=test_runner(config.data, problems),
        )
        results = synthesis_results(samples)
        return run.finish(results, [question.key for question in questions])


def _named(config: SynthesisConfig, source: Source) -> Sequence[Problem]:
    """Return the problems that may be asked: those of the split, or those of them named."""
    problems = source.split(config.split)
    if not problems:
        raise UsageError(f"source {source.name} has no problem in the split {config.split}")
    if config.task_ids is None:
        return problems
    if not config.task_ids:
        raise UsageError("--task-ids names no task")
    missing = set(config.task_ids) - {problem.task_id for problem in problems}
    if missing:
        raise UsageError(f"task {min(missing)} is not in the split {config.split} of {source.name}")
    return [problem for problem in problems if problem.task_id in config.task_ids]


def _shots(config: SynthesisConfig, source: Source) -> list[Problem]:
    """Return the solved examples: tasks of the prompt split, in the order asked for or drawn."""
    pool = {problem.task_id: problem for problem in source.split(Split.PROMPT)}
    if config.shot_seed is not None:
        if len(config.shot_ids) > len(pool):
            raise UsageError(f"the prompt split of {source.name} has only {len(pool)} tasks")
        order = sorted(pool, key=lambda task: rank(config.shot_seed or 0, "shots", task))
        return [pool[task] for task in order[: len(config.shot_ids)]]
    missing = [task for task in config.shot_ids if task not in pool]
    if missing:
        raise UsageError(
            f"task {missing[0]} is not in the prompt split of {source.name}, which has "
            f"{', '.join(map(str, pool)) or 'none'}; choose others with --shot-ids"
        )
    return [pool[task] for task in config.shot_ids]


def _identity(
    config: SynthesisConfig,
    source: Source,
    shots: Sequence[Problem],
    template: SynthesisTemplate,
    heads: dict[str, str],
    generator: TextGenerator,
    decoding: Decoding,
) -> dict[str, Any]:
    from probe.models.text import chat_of

    limits = Limits()
    trusts = config.data.trust_programs
    unsafe = trusts and detect().backend is None
    return {
        "verb": "evaluate synthesis",
        "config": {
            "preset": config.preset,
            "split": str(config.split),
            "shots": len(shots),
            "shot_ids": [shot.task_id for shot in shots],
            "asserts": config.asserts,
            "samples": config.samples,
            **({"task_ids": sorted({*config.task_ids})} if config.task_ids else {}),
            "limit": config.limit,
            "seed": config.seed,
            "batch_invariance_items": config.batch_invariance_items,
            "limits": {
                "cpu_seconds": limits.cpu_seconds,
                "wall_seconds": limits.wall_seconds,
                "memory_bytes": limits.memory_bytes,
                "reference_factor": REFERENCE_FACTOR,
            },
            "trust_programs": trusts,
            **decoding.to_json(),
            **chat_of(generator).to_json(),
        },
        "inputs": {"source": source.manifest()},
        "prompts": {template.name: template.sha256},
        "prompt_heads": heads,
        "policies": [str(EqualityPolicy.PYTHON_EQ)],
        "model": generator.identity,
        **({"warnings": warnings_of([Backend.PROCESS])} if unsafe else {}),
    }
