"""Does a model read a program, or remember what such a program usually returns?

``evaluate_counterfactual`` asks what a call returns, of programs as they are and of the same
programs changed, in the words of the execution task. Called by the command line; changed programs
come from ``probe make-variants``, scoring is in :mod:`probe.tasks.counterfactual_scoring`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from generators.jsonl import read_header, sha256_file
from generators.perturb.files import read_variants, write_variants
from generators.perturb.records import VARIANT_SCHEMA, Variant, VariantPlan
from generators.progress import Progress, Quiet
from generators.records import Trace
from probe.analysis.baselines import predict_majority
from probe.config import CounterfactualConfig, MakeVariantsConfig
from probe.metrics import PREDICTION_POLICIES
from probe.prompts import EXECUTION_V1, execution_prompt
from probe.runs import RunWriter
from probe.tasks.counterfactual_scoring import (
    ORIGINAL,
    counterfactual_results,
    score_counterfactual,
)
from probe.tasks.items import choose
from probe.tasks.questions import Question, ask_questions, line_decoding
from probe.tasks.scoring import self_test, trace_fields
from probe.tasks.shots import few_shot_examples, refuse_shots_among_items

if TYPE_CHECKING:
    from probe.models.text import Decoding, TextGenerator

__all__ = ["evaluate_counterfactual", "make_variants"]


def make_variants(
    config: MakeVariantsConfig, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Write the file of variants that ``config`` asks for and return its summary.

    Raises:
        ProbeError: The traces cannot be read, the file holds other variants, or the sandbox
            failed.
    """
    return write_variants(
        config.out,
        config.traces,
        VariantPlan(calls=config.calls, per_kind=config.per_kind, seed=config.seed),
        limit=config.limit,
        workers=config.data.workers,
        trust_programs=config.data.trust_programs,
        progress=progress,
    )


def evaluate_counterfactual(
    config: CounterfactualConfig,
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
    self_test()
    variants = read_variants(config.variants)
    originals = list({variant.trace.trace_id: variant.trace for variant in variants}.values())
    calls = choose(originals, seed=config.seed, limit=config.limit)
    header = read_header(config.variants, VARIANT_SCHEMA)
    shown, shot_source = few_shot_examples(
        config.shot_source or str(header.get("source", {}).get("name")), config.shots, config.data
    )
    refuse_shots_among_items(shown, calls)
    questions = _questions(calls, variants, originals, shown)
    generator = make_generator()
    decoding = line_decoding(generator, max_new_tokens=config.max_new_tokens, end=EXECUTION_V1.end)
    identity = _identity(config, header, shown, shot_source, generator, decoding)
    with RunWriter(config.out, identity) as run:
        samples = ask_questions(
            run,
            questions,
            generator,
            decoding,
            score=score_counterfactual,
            repeat=config.batch_invariance_items,
            display=progress or Quiet(),
        )
        return run.finish(counterfactual_results(samples), [q.key for q in questions])


def _questions(
    calls: Sequence[Trace],
    variants: Sequence[Variant],
    originals: Sequence[Trace],
    shown: Sequence[Trace],
) -> list[Question]:
    """Ask each call of the original program first, then of its variants."""
    by_call: dict[str, list[Variant]] = {}
    for variant in variants:
        by_call.setdefault(variant.trace.trace_id, []).append(variant)
    asked = [
        (call, variant)
        for call in calls
        for variant in (None, *by_call[call.trace_id])  # the original first
    ]
    items = [variant.as_trace() if variant else call for call, variant in asked]
    majority = predict_majority(items, originals)
    return [
        Question(
            key=item.trace_id,
            task_id=item.task_id,
            prompt=execution_prompt(EXECUTION_V1, shown, item),
            fields={
                **trace_fields(item),
                "family": str(variant.family) if variant else ORIGINAL,
                "kind": str(variant.kind) if variant else ORIGINAL,
                "change": asdict(variant.change) if variant else None,
                "original": call.trace_id,
                "original_output": call.output,
                "baselines": {
                    "copy_other_output": by_call[call.trace_id][0].other_output,
                    "majority_by_type": majority[item.trace_id],
                    "original_output": call.output,
                },
            },
        )
        for item, (call, variant) in zip(items, asked, strict=True)
    ]


def _identity(
    config: CounterfactualConfig,
    header: dict[str, Any],
    shown: Sequence[Trace],
    shot_source: dict[str, Any] | None,
    generator: TextGenerator,
    decoding: Decoding,
) -> dict[str, Any]:
    from probe.models.text import chat_of

    return {
        "verb": "evaluate counterfactual",
        "config": {
            "shots": config.shots,
            "shot_ids": [shot.task_id for shot in shown],
            "limit": config.limit,
            "seed": config.seed,
            "batch_invariance_items": config.batch_invariance_items,
            **decoding.to_json(),
            **chat_of(generator).to_json(),
        },
        "inputs": {
            "variants": {"sha256": sha256_file(config.variants), "header": header},
            "shots": shot_source,
        },
        "prompts": {EXECUTION_V1.name: EXECUTION_V1.sha256},
        "policies": [str(policy) for policy in PREDICTION_POLICIES],
        "model": generator.identity,
    }
