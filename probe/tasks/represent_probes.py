"""From items and a model to samples: its states, and what linear probes on them say.

Called by :mod:`probe.tasks.represent`. All probes of an item were trained without its program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from generators.jsonl import sha256_text
from generators.progress import Progress
from probe.analysis.representation import (
    Guesses,
    Splits,
    choose_features,
    control_labels,
    majority_guesses,
    probe_features,
    token_counts,
)
from probe.config import RepresentConfig
from probe.tasks.positions import position_ends
from probe.tasks.represent_results import CHOSEN, usable_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from probe.models.load import LoadedModel

__all__ = ["probed_samples"]


def probed_samples(
    rows: Sequence[Mapping[str, Any]],
    prompts: Sequence[str],
    loaded: LoadedModel,
    layers: Sequence[int],
    config: RepresentConfig,
    display: Progress,
) -> list[dict[str, Any]]:
    """Return the samples of a run.

    Args:
        rows: What is known of each item before the model is asked, its labels among it.
        prompts: What the model reads of each.
        loaded: The model.
        layers: Layers that are probed.
        config: Positions and seed.
        display: Progress by item, then by probe.

    Raises:
        ModelError: The model's states cannot be had.
    """
    from probe.models.hidden import encode_with_places, hidden_states

    encoded = [
        encode_with_places(loaded, prompt, position_ends(prompt, row["call"], config.positions))
        for prompt, row in zip(prompts, rows, strict=True)
    ]
    tokens = [ids for ids, _ in encoded]
    places = [found for _, found in encoded]
    states = hidden_states(loaded, tokens, places, layers, progress=display)
    counts = token_counts(tokens)
    samples = [
        {
            **row,
            "prompt": prompt,
            "prompt_sha256": sha256_text(prompt),
            "prompt_tokens": len(ids),
            "probes": {},
        }
        for row, prompt, ids in zip(rows, prompts, tokens, strict=True)
    ]
    names = [name for name in rows[0]["labels"] if not usable_in(rows, name).reason]
    display.start("probing", len(names) * len(layers) * len(config.positions))
    try:
        for name in names:
            _probe(samples, name, states, counts, layers, config, display)
    finally:
        display.finish()
    return samples


def _probe(
    samples: Sequence[dict[str, Any]],
    name: str,
    states: NDArray[Any],
    counts: Any,
    layers: Sequence[int],
    config: RepresentConfig,
    display: Progress,
) -> None:
    """Add to each sample with a usable label what the probes for one property say of it."""
    kept = set(usable_in(samples, name).labels)
    items = [item for item, row in enumerate(samples) if row["labels"][name] in kept]
    labels = [samples[item]["labels"][name] for item in items]
    types = [samples[item]["control_type"] for item in items]
    control = control_labels(types, labels, name=name, seed=config.seed)
    splits = Splits.by_program(
        labels, [str(samples[item]["task_id"]) for item in items], seed=config.seed
    )
    found: dict[str, dict[str, tuple[Guesses, Guesses]]] = {}
    for place, position in enumerate(config.positions):
        said = []
        for number in range(len(layers)):
            features = states[items, number, place]
            said.append([probe_features(features, told, splits) for told in (labels, control)])
            display.advance()
        best = [choose_features(guesses, splits) for guesses in zip(*said, strict=True)]
        names = [*map(str, layers), CHOSEN]
        found[str(position)] = {
            layer: (true, drawn) for layer, (true, drawn) in zip(names, [*said, best], strict=True)
        }
    bag = probe_features(counts[items], labels, splits)
    majority = majority_guesses(labels, splits)
    for row, item in enumerate(items):
        samples[item]["probes"][name] = {
            "fold": int(splits.folds[row]),
            "control": control[row],
            "majority": majority[row],
            "bag": bag.labels[row],
            "positions": {
                position: {
                    layer: {"label": true.labels[row], "control": drawn.labels[row]}
                    for layer, (true, drawn) in by_layer.items()
                }
                for position, by_layer in found.items()
            },
        }
