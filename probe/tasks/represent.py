"""The representation side: do a model's states carry properties of a program's run?

``evaluate_representation`` chooses items, takes the model's states while it reads the execution
prompt, trains linear probes on them, and writes a run folder with what each probe said of each
item. Called by the command line; the method is in :mod:`probe.analysis.representation`, the
properties in :mod:`probe.analysis.properties`, the probing in
:mod:`probe.tasks.represent_probes`, the numbers in :mod:`probe.tasks.represent_results`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from generators.errors import UsageError
from generators.jsonl import read_header, sha256_file
from generators.progress import Progress, Quiet
from generators.records import TRACE_SCHEMA, Trace
from generators.trace_files import read_traces
from probe.analysis.properties import FOLDS, Property, call_word, known_properties
from probe.analysis.representation import STRENGTHS
from probe.config import RepresentConfig
from probe.prompts import EXECUTION_V1, execution_prompt
from probe.runs import RunWriter
from probe.tasks.asking import MakeGenerator
from probe.tasks.items import choose
from probe.tasks.represent_probes import probed_samples
from probe.tasks.represent_results import represent_results, usable_in
from probe.tasks.scoring import trace_fields
from probe.tasks.shots import few_shot_examples, refuse_shots_among_items

if TYPE_CHECKING:
    from probe.models.load import LoadedModel

__all__ = ["chosen_layers", "evaluate_representation"]

_SPREAD = 4  # layers between two that are probed by default


def evaluate_representation(
    config: RepresentConfig,
    make_generator: MakeGenerator,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run (or repeat) the probing of a model's states and return its results document.

    A run that was interrupted is computed anew: the samples are written at its end.

    Args:
        config: What to probe.
        make_generator: Loads the model; called after the inputs were checked.
        progress: Display of the items and probes done.

    Raises:
        ProbeError: An input cannot be used, or ``config.out`` holds another run.
    """
    from probe.models.hidden import layer_count  # imports torch

    chosen_layers(config.layers)  # refuses a misspelling before a model is loaded
    properties = known_properties(config.properties)
    pool = read_traces(config.traces, keep_raising=True)
    items = choose(
        pool,
        seed=config.seed,
        origin=config.origin,
        per_program=config.per_program,
        limit=config.limit,
    )
    rows = _labelled(items, pool, properties)
    _refuse_useless(rows, properties, config)
    header = read_header(config.traces, TRACE_SCHEMA)
    shown, shot_source = few_shot_examples(
        config.shot_source or str(header.get("source", {}).get("name")), config.shots, config.data
    )
    refuse_shots_among_items(shown, items)
    prompts = [execution_prompt(EXECUTION_V1, shown, item) for item in items]
    loaded = _local(make_generator)
    layers = chosen_layers(config.layers, layer_count(loaded))
    identity = _identity(config, header, shown, shot_source, properties, layers, loaded)
    with RunWriter(config.out, identity) as run:
        missing = {row["key"] for row in rows} - run.done.keys()
        if missing:
            whole = probed_samples(rows, prompts, loaded, layers, config, progress or Quiet())
            run.append(row for row in whole if row["key"] in missing)
        keys = [row["key"] for row in rows]
        return run.finish(represent_results([run.done[key] for key in keys]), keys)


def chosen_layers(asked: str, last: int | None = None) -> tuple[int, ...]:
    """Return the layers that a user named.

    Args:
        asked: ``all``, ``spread`` (every fourth and the last) or numbers, such as ``0,4,8``.
        last: Number of the model's last layer; ``None`` where it is not known yet.

    Raises:
        UsageError: It is none of these, or the model has no such layer.
    """
    if asked in ("all", "spread"):
        end = last or 0
        return tuple(sorted({*range(0, end, 1 if asked == "all" else _SPREAD), end}))
    parts = asked.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--layers is {asked!r}; give all, spread or numbers such as 0,4,8")
    layers = sorted({int(part) for part in parts})
    if last is not None and layers[-1] > last:
        raise UsageError(f"there is no layer {layers[-1]}; the model has 0 (embeddings) to {last}")
    return tuple(layers)


def _labelled(
    items: Sequence[Trace], pool: Sequence[Trace], properties: Sequence[Property]
) -> list[dict[str, Any]]:
    """Return what is known of each item before a model is asked."""
    labels = {kind.name: kind.labels(pool) for kind in properties}
    return [
        {
            "key": item.trace_id,
            "task_id": item.task_id,
            **trace_fields(item),
            "raises": item.raises,
            "control_type": call_word(item.call),
            "labels": {name: found[item.trace_id] for name, found in labels.items()},
        }
        for item in items
    ]


def _refuse_useless(
    rows: Sequence[dict[str, Any]], properties: Sequence[Property], config: RepresentConfig
) -> None:
    """Refuse items that allow no property to be probed for."""
    if not rows:
        raise UsageError(f"{config.traces} has no trace that fits the options")
    reasons = {kind.name: usable_in(rows, kind.name).reason for kind in properties}
    if all(reasons.values()):
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise UsageError(f"nothing to probe for in {config.traces}: {told}")


def _local(make_generator: MakeGenerator) -> LoadedModel:
    """Return the model itself, whose states are to be seen."""
    found: LoadedModel | None = getattr(make_generator(), "loaded", None)
    if found is None:
        raise UsageError("the states of a model on a server cannot be seen; give a local model")
    return found


def _identity(
    config: RepresentConfig,
    header: Mapping[str, Any],
    shown: Sequence[Trace],
    shot_source: dict[str, Any] | None,
    properties: Sequence[Property],
    layers: Sequence[int],
    loaded: LoadedModel,
) -> dict[str, Any]:
    return {
        "verb": "evaluate representation",
        "config": {
            "shots": config.shots,
            "shot_ids": [shot.task_id for shot in shown],
            "origin": str(config.origin) if config.origin else "all",
            "per_program": config.per_program,
            "limit": config.limit,
            "seed": config.seed,
            "properties": [kind.name for kind in properties],
            "positions": [str(position) for position in config.positions],
            "layers": list(layers),
            "folds": FOLDS,
            "strengths": list(STRENGTHS),
        },
        "inputs": {
            "traces": {"sha256": sha256_file(config.traces), "header": header},
            "shots": shot_source,
        },
        "prompts": {EXECUTION_V1.name: EXECUTION_V1.sha256},
        "model": loaded.identity,
    }
