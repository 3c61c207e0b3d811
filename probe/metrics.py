"""Scores of single answers: pure functions on texts.

Called by the tasks and by ``probe verify``. How scores of many items become an estimate is the
business of :mod:`probe.statistics`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from generators.errors import LiteralError
from generators.literals import EqualityPolicy, equal
from probe.extract import bare

__all__ = [
    "PREDICTION_POLICIES",
    "PredictionScore",
    "pass_at_k",
    "score_prediction",
    "score_word",
]

PREDICTION_POLICIES = (EqualityPolicy.EXACT_TEXT, EqualityPolicy.EXACT)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionScore:
    """Right or wrong of one predicted output under both policies."""

    exact_text: bool
    exact: bool


def score_prediction(expected: str, answer: str) -> PredictionScore:
    """Score a predicted output against the canonical literal of the true one.

    ``exact_text``: the texts are the same, the paper's criterion (Source: paper, section 6).
    ``exact``: the answer is a literal of the same type and value, however it is spelled.
    A text that is the same is always right under both.
    """
    if equal(EqualityPolicy.EXACT_TEXT, expected, answer):
        return PredictionScore(exact_text=True, exact=True)
    return PredictionScore(exact_text=False, exact=_same_value(expected, answer))


@lru_cache(maxsize=1 << 14)  # guesses of baselines come again in every cell of a grid
def _same_value(expected: str, answer: str) -> bool:
    try:
        return equal(EqualityPolicy.EXACT, expected, answer)
    except LiteralError:
        return False


def score_word(expected: str, answer: str) -> PredictionScore:
    """Score an answer that is one word, such as a line's number or an exception's name.

    ``exact_text``: the texts are the same. ``exact``: the same word, whatever its case, the
    quotation marks around it and a full stop after it.
    """
    return PredictionScore(
        exact_text=equal(EqualityPolicy.EXACT_TEXT, expected, answer),
        exact=bare(expected).casefold() == bare(answer).casefold(),
    )


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Return the chance that any of ``k`` samples, drawn without replacement, is right.

    The unbiased estimate of the chance for ``k`` new samples.

    Args:
        samples: Number of samples of a problem.
        right: How many of them are right.
        k: How many are drawn, from 1 to ``samples``.

    Raises:
        ValueError: A number is out of range.

    Source: Chen et al., Evaluating Large Language Models Trained on Code (arXiv 2107.03374).
    """
    if not 0 <= right <= samples or not 1 <= k <= samples:
        raise ValueError(f"no pass@{k} of {right} right among {samples} samples")
    return 1 - math.comb(samples - right, k) / math.comb(samples, k)
