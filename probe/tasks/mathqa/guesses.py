"""Trivial answers to word problems: what a score has to beat before it says anything.

``most_common``: the number that is the answer most often. ``nearest_question``: the formula of
the most similar question, worked out with the numbers of the question asked. Many questions of
MathQA are copies of others with other numbers, so the second is strong. Called by the task.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from generators.problems.mathqa.formula import parse_formula
from generators.problems.mathqa.records import MathProblem
from generators.problems.mathqa.twins import Relation, key

__all__ = ["GUESSES", "guess_answers"]

GUESSES = ("most_common", "nearest_question")


def guess_answers(
    asked: Sequence[MathProblem], learned: Sequence[MathProblem]
) -> list[dict[str, float | None]]:
    """Return the trivial answers to each problem, ``None`` where there is none.

    Args:
        asked: The problems asked.
        learned: What may be learned from; with nothing, there are no answers.
    """
    if not learned or not asked:
        return [dict.fromkeys(GUESSES) for _ in asked]
    counts = Counter(problem.answer for problem in learned)
    common = min(counts, key=lambda answer: (-counts[answer], abs(answer), answer))
    return [
        {
            "most_common": float(common),
            "nearest_question": parse_formula(near.dsl).value(problem.numbers),
        }
        for problem, near in zip(asked, _nearest(asked, learned), strict=True)
    ]


def _nearest(asked: Sequence[MathProblem], learned: Sequence[MathProblem]) -> list[MathProblem]:
    """Return the most similar question to each: TF-IDF of words and pairs, numbers masked."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", sublinear_tf=True)
    known = vectors.fit_transform([key(one, Relation.QUESTION) for one in learned])
    similar = vectors.transform([key(one, Relation.QUESTION) for one in asked]) @ known.T
    return [learned[int(row.argmax())] for row in similar]
