"""Which kinds of problems are hard: a model of what is solved, and what it goes by.

A logistic regression with standardised features predicts whether a problem is solved. It is
judged only on problems that it has not seen, in folds that keep twins together, by the area under
the ROC curve: 0.5 is chance. What a feature is worth is how much of that area is lost when it is
shuffled among the unseen problems. Called by ``probe analyse``, also when its results are
verified. A linear model, because a few hundred problems and a few dozen solved ones bear no more,
and because the sign of a coefficient can be read.

Source: permutation importance: Breiman, Random forests (2001); paper, section 4.9 (its own
account of hard problems is qualitative).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probe.statistics import Estimate, auc, resampled

__all__ = ["FEWEST", "Difficulty", "Importance", "explain"]

FEWEST = 10
"""With fewer solved or unsolved groups of problems nothing is modelled."""

_FOLDS = 5
_SHUFFLES = 20
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """What one feature is worth.

    Attributes:
        feature: Its name.
        loss: Area under the ROC curve lost when it is shuffled among unseen problems, mean.
        spread: Standard deviation of that loss over shuffles.
        direction: Mean coefficient of the standardised feature; below 0: more of it, harder.
    """

    feature: str
    loss: float
    spread: float
    direction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """What the model says.

    Attributes:
        area: Area under the ROC curve on unseen problems, groups resampled; ``None`` if it
            cannot be told.
        importances: The features, those worth most first.
        folds: Number of folds.
    """

    area: Estimate | None
    importances: tuple[Importance, ...]
    folds: int

    def to_json(self) -> dict[str, Any]:
        """Return the difficulty as a JSON object."""
        return {
            "area": self.area.to_json() if self.area else None,
            "importances": [asdict(one) for one in self.importances],
            "folds": self.folds,
        }


def explain(
    features: Sequence[Sequence[float]],
    names: Sequence[str],
    solved: Sequence[bool],
    groups: Sequence[int],
    *,
    seed: int = 0,
) -> Difficulty | None:
    """Model what is solved.

    Args:
        features: Shape ``(problems, features)``.
        names: Names of the features.
        solved: Whether each problem is solved.
        groups: Twins have the same number; they stay together.
        seed: Seed of folds, shuffles and resamples.

    Returns:
        ``None`` with fewer than :data:`FEWEST` solved or unsolved groups.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    x, y = np.asarray(features, dtype=np.float64), np.asarray(solved, dtype=bool)
    group = np.asarray(groups)
    if min(len(set(group[y])), len(set(group[~y]))) < FEWEST:
        return None
    rng = np.random.default_rng(seed)
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed)
    predicted = np.zeros(len(y))
    shuffled = np.zeros((_SHUFFLES, len(names), len(y)))
    coefficients = []
    for train, test in folds.split(x, y, group):
        model = _model().fit(x[train], y[train])
        coefficients.append(model[-1].coef_[0])
        predicted[test] = _rank(model, x[test])
        changed = np.tile(x[test], (_SHUFFLES, len(names), 1, 1))
        for turn in range(_SHUFFLES):
            order = rng.permutation(len(test))
            for column in range(len(names)):
                changed[turn, column, :, column] = x[test][order, column]
        ranks = _rank(
            model, changed.reshape(-1, len(names))
        )  # one call: sklearn's overhead is most
        shuffled[:, :, test] = ranks.reshape(_SHUFFLES, len(names), len(test))
    base = auc(y, predicted)
    losses = np.array([[base - auc(y, column) for column in turn] for turn in shuffled])
    signs = np.mean(coefficients, axis=0)
    found = [
        Importance(
            feature=name,
            loss=round(float(losses[:, i].mean()), 6),
            spread=round(float(losses[:, i].std(ddof=1)), 6),
            direction=round(float(signs[i]), 6),
        )
        for i, name in enumerate(names)
    ]
    return Difficulty(
        area=resampled(auc, y, predicted, groups, rng=rng),
        importances=tuple(sorted(found, key=lambda one: (-one.loss, one.feature))),
        folds=_FOLDS,
    )


def _model() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))


def _rank(model: Any, x: _Floats) -> _Floats:
    """Return the log odds, rounded: the last digits are the machine's and may decide ties."""
    found: _Floats = np.round(model.decision_function(x), 9)
    return found
