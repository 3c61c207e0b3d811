"""From analysed samples to numbers; called by ``probe analyse`` and by ``probe verify``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from generators.records import Verdict
from probe.analysis.bleu import bleu, bleu_signature
from probe.analysis.difficulty import explain
from probe.analysis.features import FEATURES
from probe.analysis.hardcoding import enough, spelled_out
from probe.statistics import Estimate, auc, resampled, spearman
from probe.tasks.items import rank
from probe.tasks.names import ANALYSIS
from probe.tasks.sampled import mean, passed

__all__ = ["EXAMPLES", "analysis_results", "score_analysed"]

EXAMPLES = 3
"""So many samples of each outcome are named as examples."""

_TABLE = 10
_Row: TypeAlias = dict[str, Any]


def score_analysed(row: _Row) -> _Row:
    """Return the fields of an analysed sample that derive from its program and its problem."""
    spelled = spelled_out(row["code"], row["shown"])
    return {
        "bleu": bleu(row["code"], row["reference"]) if row["code"] else 0.0,
        "spelled_out": len(spelled),
        "hard_coded": enough(len(spelled), len(row["shown"])),
    }


def analysis_results(samples: Sequence[_Row]) -> _Row:
    """Derive all numbers of an analysis from its samples.

    Args:
        samples: Rows of ``samples.jsonl``, header left out, in file order.
    """
    problems: dict[int, list[_Row]] = {}
    for row in samples:
        problems.setdefault(row["task_id"], []).append(row)
    right = [row for row in samples if passed(row)]
    return {
        "task": ANALYSIS,
        "n_items": len(samples),
        "n_programs": len(problems),
        "n_right": len(right),
        "examples": _examples(samples),
        "difficulty": _difficulty(problems),
        "bleu": _bleu(samples, problems),
        "generalises": _generalises(right),
        "hard_coded": _hard_coded(samples, right),
    }


def _examples(samples: Sequence[_Row]) -> dict[str, list[str]]:
    """Name some samples of each outcome, of different problems, chosen by hash."""
    found: dict[str, list[str]] = {}
    tasks: set[tuple[str, int]] = set()
    for row in sorted(samples, key=lambda row: rank(0, row["key"])):
        name = row["outcome"]
        if (name, row["task_id"]) not in tasks and len(found.setdefault(name, [])) < EXAMPLES:
            tasks.add((name, row["task_id"]))
            found[name].append(row["key"])
    return dict(sorted(found.items()))


def _difficulty(problems: dict[int, list[_Row]]) -> _Row:
    shares = {task: sum(map(passed, rows)) / len(rows) for task, rows in problems.items()}
    order = sorted(shares, key=lambda task: (-shares[task], rank(0, task)))
    first = [rows[0] for rows in problems.values()]
    model = explain(
        [[row["features"][name] for name in FEATURES] for row in first],
        FEATURES,
        [shares[row["task_id"]] > 0 for row in first],
        [row["group"] for row in first],
    )
    return {
        "solved": sum(share > 0 for share in shares.values()),
        "model": model.to_json() if model else None,
        "easiest": _named(order[:_TABLE], problems, shares),
        "hardest": _named(order[::-1][:_TABLE], problems, shares),
    }


def _named(
    tasks: Sequence[int], problems: dict[int, list[_Row]], shares: dict[int, float]
) -> list[_Row]:
    return [
        {"task_id": task, "share": shares[task], "text": problems[task][0]["text"]}
        for task in tasks
    ]


def _bleu(samples: Sequence[_Row], problems: dict[int, list[_Row]]) -> _Row:
    written = [row for row in samples if row["code"]]
    by_problem = [
        (
            float(np.mean([row["bleu"] for row in rows])),
            float(np.mean([passed(row) for row in rows])),
        )
        for rows in problems.values()
    ]
    rng = np.random.default_rng(0)
    return {
        "signature": bleu_signature(),
        "right": _mean_bleu(written, right=True),
        "wrong": _mean_bleu(written, right=False),
        "area": _json(
            resampled(
                auc,
                [passed(row) for row in written],
                [row["bleu"] for row in written],
                [row["task_id"] for row in written],
                rng=rng,
            )
            if written
            else None
        ),
        "rank_correlation": _json(
            resampled(
                spearman,
                [score for score, _ in by_problem],
                [share for _, share in by_problem],
                list(problems),
                rng=rng,
            )
        ),
    }


def _mean_bleu(rows: Sequence[_Row], *, right: bool) -> _Row | None:
    part = [row for row in rows if passed(row) is right]
    if not part:
        return None
    return mean([row["bleu"] / 100 for row in part], [row["task_id"] for row in part])


def _json(found: Estimate | None) -> _Row | None:
    return found.to_json() if found else None


def _generalises(right: Sequence[_Row]) -> _Row:
    """Tell how many programs that pass their tests fail elsewhere."""
    return {
        "fresh": _failing(right, "fresh", lambda found: found["agree"] < found["inputs"]),
        "challenge": _failing(right, "challenge", lambda found: found["verdict"] != Verdict.PASS),
    }


def _failing(right: Sequence[_Row], field: str, fails: Callable[[_Row], bool]) -> _Row | None:
    asked = [row for row in right if row[field] is not None]
    if not asked:
        return None
    tasks: dict[int, list[bool]] = {}
    for row in asked:
        tasks.setdefault(row["task_id"], []).append(fails(row[field]))
    lost = [all(found) for found in tasks.values()]
    return {
        "n_samples": len(asked),
        "samples": mean([fails(row[field]) for row in asked], [row["task_id"] for row in asked]),
        "problems": mean(lost, list(tasks)),
        "tasks": sorted(task for task, found in tasks.items() if any(found)),
    }


def _hard_coded(samples: Sequence[_Row], right: Sequence[_Row]) -> _Row:
    found = [row for row in samples if row["hard_coded"]]
    checked = [row for row in found if row["verdict"] == Verdict.PASS and row["fresh"]]
    return {
        "samples": mean(
            [row["hard_coded"] for row in samples], [row["task_id"] for row in samples]
        ),
        "of_right": (
            mean([row["hard_coded"] for row in right], [row["task_id"] for row in right])
            if right
            else None
        ),
        "keys": sorted(row["key"] for row in found)[:50],
        "fail_on_fresh": sum(row["fresh"]["agree"] < row["fresh"]["inputs"] for row in checked),
        "checked_on_fresh": len(checked),
    }
