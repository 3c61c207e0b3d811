"""Scoring of answers about steps: from stored samples to every number of a run.

Called by the task and by ``probe verify``, which repeats it; needs no model. The self-test runs
before any model is asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from generators.errors import SelfTestError
from probe.extract import Extraction, Reason, extract_answer, extract_word
from probe.metrics import PREDICTION_POLICIES, PredictionScore, score_prediction, score_word
from probe.reply import extract_reply
from probe.statistics import cluster_bootstrap, holm, mcnemar, paired_difference
from probe.step_prompts import StepKind
from probe.tasks.invariance import invariance_results
from probe.tasks.names import STEPS
from probe.tasks.questions import REPLY
from probe.tasks.steps.kinds import KINDS, Answers

__all__ = ["score_step", "self_test", "steps_results"]

_SEED = 0
_Rows = Sequence[dict[str, Any]]


def score_step(row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a sample that derive from its completion and expected answer."""
    if row["finish"] == "overflow":
        return {"answer": "", "reason": str(Reason.OVERFLOW), "exact_text": False, "exact": False}
    answers = KINDS[StepKind(row["kind"])].answers
    found = _read(row["completion"], answers, reply=row.get("read_as") == REPLY)
    score = _score(answers, row["expected"], found.text)
    return {
        "answer": found.text,
        "reason": str(found.reason),
        "exact_text": score.exact_text,
        "exact": score.exact,
    }


def _read(completion: str, answers: Answers, *, reply: bool) -> Extraction:
    if answers is Answers.LITERAL:
        return extract_reply(completion, None) if reply else extract_answer(completion)
    if reply:
        return extract_reply(completion, None, partial(_is_word, answers))
    return extract_word(completion, answers)


def _is_word(answers: Answers, text: str) -> bool:
    return re.fullmatch(answers, text, re.IGNORECASE) is not None


def _score(answers: Answers, expected: str, answer: str) -> PredictionScore:
    score = score_prediction if answers is Answers.LITERAL else score_word
    return score(expected, answer)


def steps_results(samples: _Rows) -> dict[str, Any]:
    """Derive all numbers of a run from its samples.

    Args:
        samples: Rows of ``samples.jsonl``, header left out, in file order.

    Returns:
        The results document without its header and hash. Scores are shares of questions with
        intervals from programs resampled, by kind. Each kind's model is compared with the best
        baseline of that kind, by ``exact``; p values are Holm's over the kinds.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in samples:
        groups.setdefault(row["kind"], []).append(row)
    kinds = {kind: _kind_results(StepKind(kind), groups[kind]) for kind in sorted(groups)}
    adjusted = holm([found["against_best"]["p"] for found in kinds.values()])
    for found, p_holm in zip(kinds.values(), adjusted, strict=True):
        found["against_best"]["p_holm"] = p_holm
    return {
        "task": STEPS,
        "n_items": len(samples),
        "n_programs": len({row["task_id"] for row in samples}),
        "kinds": kinds,
        "counts": _ended(samples),
        "tokens": {
            name: sum(row[f"{name}_tokens"] for row in samples) for name in ("prompt", "completion")
        },
        **invariance_results(samples, score_step),
    }


def _kind_results(kind: StepKind, rows: _Rows) -> dict[str, Any]:
    guessed = {name: _guessed(kind, rows, name) for name in KINDS[kind].baselines}
    baselines = {name: _scores(found) for name, found in guessed.items()}
    best = min(baselines, key=lambda name: (-baselines[name]["exact"]["estimate"], name))
    return {
        "n_items": len(rows),
        "n_programs": len({row["task_id"] for row in rows}),
        "scores": _scores(rows),
        "baselines": baselines,
        "against_best": {"baseline": best, **_compared(guessed[best], rows)},
        "counts": _ended(rows),
    }


def _guessed(kind: StepKind, rows: _Rows, baseline: str) -> list[dict[str, Any]]:
    """Return the rows with the scores that a baseline has in place of the model's."""
    answers = KINDS[kind].answers
    scores = [_score(answers, row["expected"], row["baselines"][baseline]) for row in rows]
    return [
        {**row, "exact_text": score.exact_text, "exact": score.exact}
        for row, score in zip(rows, scores, strict=True)
    ]


def _scores(rows: _Rows) -> dict[str, Any]:
    clusters = [row["task_id"] for row in rows]
    return {
        str(policy): cluster_bootstrap(
            [row[str(policy)] for row in rows], clusters, rng=np.random.default_rng(_SEED)
        ).to_json()
        for policy in PREDICTION_POLICIES
    }


def _compared(baseline: _Rows, model: _Rows) -> dict[str, Any]:
    """Return the paired difference of model minus baseline, and McNemar's test, by ``exact``."""
    theirs, ours = ([row["exact"] for row in rows] for rows in (baseline, model))
    test = mcnemar(theirs, ours)
    return {
        "difference": paired_difference(
            theirs,
            ours,
            [row["task_id"] for row in model],
            rng=np.random.default_rng(_SEED),
        ).to_json(),
        "only_baseline": test.only_a,
        "only_model": test.only_b,
        "p": test.p,
    }


def _ended(rows: _Rows) -> dict[str, dict[str, int]]:
    """Return how completions ended, and why there is no answer."""
    return {
        "finish": dict(sorted(Counter(row["finish"] for row in rows).items())),
        "no_answer": dict(sorted(Counter(row["reason"] for row in rows if row["reason"]).items())),
    }


def self_test() -> None:
    """Check the scorer before any model is asked: gold scores 1, everything else 0.

    Raises:
        SelfTestError: The scorer is wrong.
    """
    gold = {
        StepKind.NEXT_LINE: ("5", "15", "return"),
        StepKind.BRANCH: ("True", "False"),
        StepKind.VARIABLE: ("'a b'", "[1, 2]", "None"),
        StepKind.ITERATIONS: ("0", "1", "10"),
        StepKind.RAISING: ("no", "ValueError", "IndexError"),
    }
    for kind, texts in gold.items():
        for index, text in enumerate(texts):
            wrong = texts[(index + 1) % len(texts)]
            for completion in (f" {text}", f"{text}\n\n# Program"):
                _expect(kind, text, completion, right=True)
            for completion in (text, f"The answer is `{text}`."):
                _expect(kind, text, completion, right=True, read_as=REPLY)
            for cheat in ("", " ", wrong, f"{text} or {wrong}", f"{wrong}\n{text}"):
                _expect(kind, text, cheat, right=False)
                _expect(kind, text, cheat, right=False, read_as=REPLY)


def _expect(kind: StepKind, expected: str, completion: str, *, right: bool, **fields: str) -> None:
    row = {"finish": "stop", "completion": completion, "expected": expected, "kind": kind}
    score = score_step({**row, **fields})
    if not score["exact_text"] == score["exact"] == right:
        said = "wrong" if right else "right"
        raise SelfTestError(f"scorer self-test: {completion!r} is scored {said} for {expected}")
