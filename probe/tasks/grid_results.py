"""From the samples of a grid to its numbers; called by the grid and by ``probe verify``.

A program counts as right in a cell if every call held out there is answered right, so setting R
wants two right answers. Programs, one row each, are what is resampled and compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from probe.analysis.baselines import BASELINES
from probe.analysis.leakage import tasks_by_leak
from probe.metrics import PREDICTION_POLICIES, score_prediction
from probe.statistics import (
    balanced_bootstrap,
    cluster_bootstrap,
    holm,
    mcnemar,
    paired_difference,
)
from probe.tasks.held_out import Inputs
from probe.tasks.invariance import invariance_results
from probe.tasks.names import GRID
from probe.tasks.scoring import score_sample

__all__ = ["grid_results", "programs_right"]


_Row = dict[str, Any]
_POLICIES = tuple(map(str, PREDICTION_POLICIES))


def grid_results(samples: Sequence[_Row]) -> dict[str, Any]:
    """Derive all numbers of a grid from its samples.

    Args:
        samples: Rows of ``samples.jsonl``, header left out, in file order.

    Returns:
        The results document without its header and hash. ``cells`` stand in file order;
        ``p_holm`` is corrected over them.
    """
    groups: dict[tuple[str, str, str], list[_Row]] = {}
    for row in samples:
        groups.setdefault((row["content"], row["setting"], row["inputs"]), []).append(row)
    cells = [_cell(name, rows) for name, rows in groups.items()]
    for cell, p in zip(cells, holm([c["beyond_baseline"]["p"] for c in cells]), strict=True):
        cell["beyond_baseline"]["p_holm"] = p
    return {
        "task": GRID,
        "n_items": len(samples),
        "n_programs": len({row["task_id"] for row in samples}),
        "cells": cells,
        "fresh_minus_public": _fresh_minus_public(groups),
        "leaks": tasks_by_leak(samples),
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
        **invariance_results(samples, score_sample),
    }


def programs_right(rows: Iterable[_Row], policy: str) -> dict[int, bool]:
    """Return by program whether all its answers among ``rows`` are right."""
    right: dict[int, bool] = {}
    for row in rows:
        right[row["task_id"]] = right.get(row["task_id"], True) and row[policy]
    return right


def _cell(name: tuple[str, str, str], rows: Sequence[_Row]) -> dict[str, Any]:
    content, setting, inputs = name
    guesses = {baseline: _guessed(rows, baseline) for baseline in BASELINES}
    clean = [row for row in rows if not row["leaks"]]
    shown = Counter({row["task_id"]: row["tests_shown"] for row in rows}.values())
    return {
        "content": content,
        "setting": setting,
        "inputs": inputs,
        "n_items": len(rows),
        "n_programs": len({row["task_id"] for row in rows}),
        "tests_shown": {str(number): shown[number] for number in sorted(shown)},
        "scores": _scores(rows),
        "balanced": _balanced(rows),
        "baselines": {baseline: _scores(guesses[baseline]) for baseline in BASELINES},
        "beyond_baseline": _beyond(rows, guesses),
        "without_leaks": _scores(clean) if 0 < len(clean) < len(rows) else None,
    }


def _guessed(rows: Sequence[_Row], baseline: str) -> list[_Row]:
    """Return the rows as if a baseline had answered."""
    found = []
    for row in rows:
        score = score_prediction(row["expected"], row["baselines"][baseline])
        found.append({**row, "exact_text": score.exact_text, "exact": score.exact})
    return found


def _scores(rows: Sequence[_Row]) -> dict[str, Any]:
    found = {}
    for policy in _POLICIES:
        right = programs_right(rows, policy)
        found[policy] = cluster_bootstrap(
            list(right.values()), list(right), rng=np.random.default_rng(0)
        ).to_json()
    return found


def _balanced(rows: Sequence[_Row]) -> dict[str, Any]:
    """Return the share of right calls with every output type counting the same."""
    types = [row["output_type"] for row in rows]
    clusters = [row["task_id"] for row in rows]
    return {
        policy: balanced_bootstrap(
            [row[policy] for row in rows], types, clusters, rng=np.random.default_rng(0)
        ).to_json()
        for policy in _POLICIES
    }


def _beyond(rows: Sequence[_Row], guesses: dict[str, list[_Row]]) -> dict[str, Any]:
    """Compare the model with the best trivial baseline of the cell, by exact value."""
    shares = {
        name: np.mean(list(programs_right(guessed, "exact").values()))
        for name, guessed in guesses.items()
    }
    best = max(BASELINES, key=lambda name: shares[name])
    return {"baseline": best, **_paired(guesses[best], rows, "exact")}


def _paired(first: Sequence[_Row], second: Sequence[_Row], policy: str) -> dict[str, Any]:
    a, b = programs_right(first, policy), programs_right(second, policy)
    both = [program for program in a if program in b]
    before, after = [a[program] for program in both], [b[program] for program in both]
    return {
        "difference": paired_difference(
            before, after, both, rng=np.random.default_rng(0)
        ).to_json(),
        "p": mcnemar(before, after).p,
    }


def _fresh_minus_public(groups: dict[tuple[str, str, str], list[_Row]]) -> list[dict[str, Any]]:
    """Compare fresh and public inputs of the same programs under the same prompt."""
    found = []
    for (content, setting, inputs), fresh in groups.items():
        public = groups.get((content, setting, str(Inputs.PUBLIC)))
        programs = {row["task_id"] for row in fresh} & {row["task_id"] for row in public or []}
        if inputs == Inputs.FRESH and public and programs:
            scores = {policy: _paired(public, fresh, policy) for policy in _POLICIES}
            found.append({"content": content, "setting": setting, **scores})
    return found
