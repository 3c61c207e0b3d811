"""``probe quickstart``: the whole job on the embedded corpus, small enough for a laptop.

Traces of ``basics`` by split, the base model measured, a LoRA adapter trained, the tuned model
measured on the same items, and a report on all of it. Each part is the same call that the
verb of its own makes, so each resumes.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from generators.progress import Progress
from generators.records import Split
from probe.config import (
    ExecutionConfig,
    FinetuneConfig,
    MakeTracesConfig,
    QuickstartConfig,
)
from probe.models.endpoint import refuse_server
from probe.tasks.asking import Ask, open_model

if TYPE_CHECKING:
    from probe.report.build import ReportSummary

__all__ = ["quickstart"]

_INPUTS = 10
_VALIDATION = 48  # items of the validation split, or fewer if fewer are asked
_REPEATED = 0.1  # share of the items that are decoded once more, alone
_EVALUATIONS = (("few-shot", 3, False), ("zero-shot", 0, False), ("tuned", 0, True))


def quickstart(config: QuickstartConfig, *, progress: Progress | None = None) -> ReportSummary:
    """Run everything and return where the report is and what it says first.

    Raises:
        ProbeError: A part failed; the same command goes on from there.
    """
    from probe.report.bundle import write_report
    from probe.training.run import NO_TRAINING, finetune_run

    refuse_server(config.model.model, NO_TRAINING)
    traces = {
        split: _traces(config, split, progress)
        for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)
    }
    tuned = config.out / "finetune"
    finetune_run(
        FinetuneConfig(
            traces=traces[Split.TRAIN],
            validation_traces=traces[Split.VALIDATION],
            out=tuned,
            model=config.model,
            max_steps=config.steps,
            epochs=100.0,
            items_per_step=16,
            eval_every=max(1, config.steps // 3),
            save_every=max(1, config.steps // 3),
            validation_items=min(_VALIDATION, config.items),
            seed=config.seed,
        ),
        progress=progress,
    )
    ask = open_model(config.model, progress=progress)
    runs = [
        _evaluate(config, name, shots, ask, tuned if adapted else None, traces, progress)
        for name, shots, adapted in _EVALUATIONS
    ]
    return write_report([tuned, *runs], config.out / "report", progress=progress)


def _traces(config: QuickstartConfig, split: Split, progress: Progress | None) -> Path:
    from probe.tasks.traces import make_traces

    path = config.out / f"traces-{split}.jsonl"
    make_traces(
        MakeTracesConfig(
            source="basics",
            split=split,
            out=path,
            inputs=_INPUTS,
            seed=config.seed,
            data=config.data,
        ),
        progress=progress,
    )
    return path


def _evaluate(
    config: QuickstartConfig,
    name: str,
    shots: int,
    ask: Ask,
    adapter: Path | None,
    traces: dict[Split, Path],
    progress: Progress | None,
) -> Path:
    from probe.tasks.execution import evaluate_execution

    out = config.out / name
    evaluate_execution(
        ExecutionConfig(
            traces=traces[Split.TEST],
            training_traces=traces[Split.TRAIN],
            out=out,
            model=config.model,
            data=config.data,
            shots=shots,
            limit=config.items,
            max_new_tokens=48,
            batch_invariance_items=math.ceil(_REPEATED * config.items),
            seed=config.seed,
        ),
        partial(ask, adapter),
        progress=progress,
    )
    return out
