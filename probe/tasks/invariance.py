"""Does it matter what is decoded beside a prompt? Some items are decoded once more, alone.

Batched decoding adds up numbers in another order than decoding a prompt by itself, which can
decide between two tokens that are as good as equal. How often that happens is measured in every
run and stands in its results: called by the execution task, the results by ``probe verify``, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from generators.jsonl import sha256_text
from probe.statistics import wilson

__all__ = ["ALONE", "invariance_results", "items_to_repeat", "texts_changed"]

ALONE = "alone"
"""Field of a sample with the text that its prompt gave when it was decoded alone."""


def items_to_repeat(keys: Sequence[str], count: int) -> frozenset[str]:
    """Return the items to decode alone: ``count`` of ``keys``, chosen by their hashes."""
    return frozenset(sorted(keys, key=lambda key: (sha256_text(key), key))[:count])


def invariance_results(
    samples: Sequence[dict[str, Any]], rescore: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Return the batch-invariance report of a run, empty if nothing was repeated.

    Args:
        samples: Rows of ``samples.jsonl``.
        rescore: Gives the fields that derive from a sample's completion.
    """
    found = texts_changed(samples)
    flips = [row for row in samples if row.get(ALONE, row["completion"]) != row["completion"]]
    again = [(row, rescore({**row, "completion": row[ALONE]})) for row in flips]
    for report in found.values():
        report["answers_changed"] = sum(row["answer"] != other["answer"] for row, other in again)
        report["scores_changed"] = sum(row["exact"] != other["exact"] for row, other in again)
    return found


def texts_changed(samples: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the report of a run whose answers cannot be scored again: texts alone."""
    repeated = [row for row in samples if ALONE in row]
    if not repeated:
        return {}
    flips = sum(row[ALONE] != row["completion"] for row in repeated)
    return {
        "batch_invariance": {
            "n_items": len(repeated),
            "texts_changed": flips,
            "flip_rate": wilson(flips, len(repeated)).to_json(),
        }
    }
