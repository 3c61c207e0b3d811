"""Scoring of answers about changed programs: reading against remembering, from stored samples.

Called by the counterfactual task and by ``probe verify``, which repeats it; needs no model. An
answer that is right about the changed program was read; one that is right about the original, and
wrong about the program in front of the model, was remembered or guessed from what is left of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from generators.perturb.kinds import Family, Kind
from probe.metrics import PREDICTION_POLICIES, score_prediction
from probe.statistics import cluster_bootstrap, paired_difference
from probe.tasks.invariance import invariance_results
from probe.tasks.names import COUNTERFACTUAL
from probe.tasks.scoring import score_sample

__all__ = [
    "BASELINES",
    "ORIGINAL",
    "counterfactual_results",
    "score_counterfactual",
]

ORIGINAL = "original"
"""Family and kind of a program that was not changed."""

BASELINES = ("copy_other_output", "majority_by_type", "original_output")

Row = dict[str, Any]
_POLICIES = tuple(map(str, PREDICTION_POLICIES))


def score_counterfactual(row: Row) -> Row:
    """Return the fields of a sample that derive from its completion and the two outputs."""
    score = score_sample(row)
    original = score_prediction(row["original_output"], score["answer"])
    return score | {
        "original_exact_text": original.exact_text,
        "original_exact": original.exact,
    }


def counterfactual_results(samples: Sequence[Row]) -> dict[str, Any]:
    """Derive all numbers of a counterfactual run from its samples.

    Args:
        samples: Rows of ``samples.jsonl``, header left out, in file order.

    Returns:
        The results document without its header and hash. Shares have intervals from programs
        resampled; differences are between a changed program and the original on the same call.
        Families and kinds without a variant are left out.
    """
    originals = {row["key"]: row for row in samples if row["family"] == ORIGINAL}
    variants = [row for row in samples if row["family"] != ORIGINAL]
    families = {str(f): [r for r in variants if r["family"] == f] for f in Family}
    kinds = {kind: [row for row in variants if row["kind"] == kind] for kind in Kind}
    return {
        "task": COUNTERFACTUAL,
        "n_items": len(samples),
        "n_programs": len({row["task_id"] for row in samples}),
        "original": {
            **_size(list(originals.values())),
            "right": _shares(list(originals.values()), ""),
            "baselines": _baselines(list(originals.values())),
        },
        "families": {
            name: _against(rows, originals) | {"baselines": _baselines(rows)}
            for name, rows in families.items()
            if rows
        },
        "kinds": {
            str(kind): {"family": str(kind.family)} | _against(rows, originals)
            for kind, rows in kinds.items()
            if rows
        },
        "counts": {
            "finish": dict(sorted(Counter(row["finish"] for row in samples).items())),
            "no_answer": dict(
                sorted(Counter(row["reason"] for row in samples if row["reason"]).items())
            ),
        },
        "tokens": {
            "prompt": sum(row["prompt_tokens"] for row in samples),
            "completion": sum(row["completion_tokens"] for row in samples),
        },
        **invariance_results(samples, score_counterfactual),
    }


def _against(rows: Sequence[Row], originals: Mapping[str, Row]) -> dict[str, Any]:
    """Score changed programs beside their originals on the same calls.

    ``right``: the answer is what the program in the prompt gives. ``original_answer``: it is what
    the original gives. ``same_answer``: it is the text that the model gave for the original,
    whether right or wrong. ``given_right``: the first two where the model was right on the
    original.
    """
    pairs = [(originals[row["original"]], row) for row in rows]
    found = {
        **_size(rows),
        "right": _shares(rows, ""),
        "original_answer": _shares(rows, "original_"),
        "same_answer": _share([ours["answer"] == row["answer"] for ours, row in pairs], rows),
        "right_minus_original_right": {
            policy: _difference([(ours[policy], row[policy]) for ours, row in pairs], rows)
            for policy in _POLICIES
        },
        "given_right": {
            policy: _given_right([row for ours, row in pairs if ours[policy]], policy)
            for policy in _POLICIES
        },
    }
    if rows[0]["family"] == Family.CHANGING:
        found["right_minus_original_answer"] = {
            policy: _difference([(row[f"original_{policy}"], row[policy]) for row in rows], rows)
            for policy in _POLICIES
        }
    return found


def _given_right(rows: Sequence[Row], policy: str) -> dict[str, Any]:
    if not rows:
        return {**_size(rows), "right": None, "original_answer": None}
    return {
        **_size(rows),
        "right": _share([row[policy] for row in rows], rows),
        "original_answer": _share([row[f"original_{policy}"] for row in rows], rows),
    }


def _baselines(rows: Sequence[Row]) -> dict[str, Any]:
    """Score those who do not read: who copies, who knows the type, who knows the original."""
    found = {}
    for name in BASELINES:
        scores = [score_prediction(row["expected"], row["baselines"][name]) for row in rows]
        found[name] = {
            policy: _share([getattr(score, policy) for score in scores], rows)
            for policy in _POLICIES
        }
    return found


def _size(rows: Sequence[Row]) -> dict[str, int]:
    return {"n_items": len(rows), "n_programs": len({row["task_id"] for row in rows})}


def _shares(rows: Sequence[Row], prefix: str) -> dict[str, Any]:
    return {policy: _share([row[prefix + policy] for row in rows], rows) for policy in _POLICIES}


def _share(values: Sequence[bool], rows: Sequence[Row]) -> dict[str, Any]:
    clusters = [row["task_id"] for row in rows]
    return cluster_bootstrap(values, clusters, rng=np.random.default_rng(0)).to_json()


def _difference(pairs: Sequence[tuple[bool, bool]], rows: Sequence[Row]) -> dict[str, Any]:
    """Return the mean of second minus first."""
    first, second = zip(*pairs, strict=True)
    clusters = [row["task_id"] for row in rows]
    return paired_difference(first, second, clusters, rng=np.random.default_rng(0)).to_json()
