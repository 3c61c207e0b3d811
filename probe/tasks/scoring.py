"""Scoring of output predictions: from stored samples to every number of a run.

Called by the execution task and by ``probe verify``, which repeats it; needs no model. The
self-test runs before any model is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from generators.errors import SelfTestError
from generators.records import Trace
from probe.analysis.baselines import BASELINES
from probe.analysis.leakage import tasks_by_leak
from probe.extract import Reason, extract_answer
from probe.metrics import PREDICTION_POLICIES, score_prediction
from probe.reply import extract_reply
from probe.scratchpad import extract_result, leading_share
from probe.statistics import cluster_bootstrap
from probe.tasks.invariance import invariance_results
from probe.tasks.names import EXECUTION
from probe.tasks.questions import REPLY

__all__ = ["execution_results", "score_sample", "self_test", "trace_fields"]


def trace_fields(trace: Trace) -> dict[str, Any]:
    """Return what the sample of a trace keeps of it; scoring and grouping read these."""
    return {
        "entry_point": trace.entry_point,
        "origin": str(trace.origin),
        "output_type": trace.output_type,
        "call": trace.call,
        "expected": trace.output,
    }


def score_sample(row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a sample that derive from its completion and expected output."""
    written = row.get("scratchpad")
    share = {} if written is None else {"leading_right": leading_share(written, row["completion"])}
    if row["finish"] == "overflow":
        none = {"answer": "", "reason": str(Reason.OVERFLOW), "exact_text": False, "exact": False}
        return none | share
    if written is not None:
        found = extract_result(row["completion"], cut=row["finish"] == "length")
    elif row.get("read_as") == REPLY:
        found = extract_reply(row["completion"], row["call"])
    else:
        found = extract_answer(row["completion"])
    score = score_prediction(row["expected"], found.text)
    return {
        "answer": found.text,
        "reason": str(found.reason),
        "exact_text": score.exact_text,
        "exact": score.exact,
        **share,
    }


def execution_results(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Derive all numbers of an execution run from its samples.

    Args:
        samples: Rows of ``samples.jsonl``, header left out, in file order.

    Returns:
        The results document without its header and hash. Scores are shares of items with
        intervals from programs resampled; the seed of the resampling is fixed.
    """
    return {
        "task": EXECUTION,
        "n_items": len(samples),
        "n_programs": len({row["task_id"] for row in samples}),
        "scores": _scores(samples),
        "by_output_type": _grouped(samples, "output_type"),
        "by_origin": _grouped(samples, "origin"),
        "baselines": {
            name: _scores(
                [{**row, **_flags(row["expected"], row["baselines"][name])} for row in samples]
            )
            for name in BASELINES
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
        **_scratchpad_results([row for row in samples if "scratchpad" in row]),
        **_leakage(samples),
        **invariance_results(samples, score_sample),
    }


def _scratchpad_results(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how much of the scratchpads is right, nothing for a run without them."""
    if not samples:
        return {}
    shares = [row["leading_right"] for row in samples]
    return {
        "scratchpad": {
            "leading_right": cluster_bootstrap(
                shares, [row["task_id"] for row in samples], rng=np.random.default_rng(0)
            ).to_json(),
            "whole_right": sum(
                row["scratchpad_whole"] and share == 1
                for row, share in zip(samples, shares, strict=True)
            ),
            "inside_bounds": sum(row["scratchpad_whole"] for row in samples),
            "truncated": sum(row["reason"] == Reason.TRUNCATED for row in samples),
        }
    }


def _leakage(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what items share with training and shots; older samples do not say."""
    if not all("leaks" in row for row in samples):
        return {}
    clean = [row for row in samples if not row["leaks"]]
    scores = _scores(clean) if 0 < len(clean) < len(samples) else None
    return {"leaks": tasks_by_leak(samples), "without_leaks": scores}


def _flags(expected: str, answer: str) -> dict[str, bool]:
    score = score_prediction(expected, answer)
    return {"exact_text": score.exact_text, "exact": score.exact}


def _scores(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    clusters = [row["task_id"] for row in samples]
    return {
        str(policy): cluster_bootstrap(
            [row[str(policy)] for row in samples], clusters, rng=np.random.default_rng(0)
        ).to_json()
        for policy in PREDICTION_POLICIES
    }


def _grouped(samples: Sequence[dict[str, Any]], field: str) -> dict[str, Any]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in samples:
        groups.setdefault(row[field], []).append(row)
    return {
        name: {
            "n_items": len(rows),
            "n_programs": len({row["task_id"] for row in rows}),
            **_scores(rows),
        }
        for name, rows in sorted(groups.items())
    }


def self_test() -> None:
    """Check the scorer before any model is asked: gold scores 1, everything else 0.

    Raises:
        SelfTestError: The scorer is wrong.
    """
    gold = ("1", "True", "'a b'", "[1, 2.0]", "{1, 2}", "(None,)", "{'a': (1,)}", "float('nan')")
    for index, text in enumerate(gold):
        wrong = gold[(index + 1) % len(gold)]
        cheats = ("", " ", wrong, f"f({text})", f"{text} or 0", "None if 0 else 0")
        for completion in (f" {text}", f"{text}\nassert f() == 0"):
            _expect(text, completion, right=True)
        for completion in (text, f"```python\nassert f() == {text}\n```", f"It returns `{text}`."):
            _expect(text, completion, right=True, read_as=REPLY)
        for cheat in cheats:
            _expect(text, cheat, right=False)
            _expect(text, cheat, right=False, read_as=REPLY)
        _expect(text, f"f() == {text}\nf() == {wrong}", right=False, read_as=REPLY)


def _expect(expected: str, completion: str, *, right: bool, **fields: str) -> None:
    row = {"finish": "stop", "completion": completion, "expected": expected, "call": "f()"}
    score = score_sample({**row, **fields})
    if not score["exact_text"] == score["exact"] == right:
        said = "wrong" if right else "right"
        raise SelfTestError(f"scorer self-test: {completion!r} is scored {said} for {expected}")
