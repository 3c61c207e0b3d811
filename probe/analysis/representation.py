"""Linear probes: can a label be read off features of an item, for programs never seen?

Called by the task that probes representations. Features are hidden states or token counts, labels
come from :mod:`probe.analysis.properties`; models, files and reports are not known here.

- The probe is a multinomial logistic regression on standardised features: what is linearly there
  is found, what a deeper reader could compute is not (Source: Alain and Bengio, Understanding
  intermediate layers using linear classifier probes, arXiv 1610.01644).
- Folds are by program: all items of a program stand on one side, in the outer split as in the
  inner one that chooses the regularisation.
- The control task asks how much a probe learns by heart. Each *type* of item has one label, drawn
  at random with the labels' own distribution; selectivity is accuracy minus control accuracy
  (Source: Hewitt and Liang, Designing and Interpreting Probes with Control Tasks, arXiv
  1909.03368). Its probes are trained and tuned just as those of the property. There a type is a
  word; here it is the last word of the call, which is known before
  the run, close to where the states are read, and shared by calls of many programs. A type of one
  program alone (such as the whole call) could not be learned across programs by any probe, and the
  control would be at chance whatever the probe can do.
- Features of several layers are compared with one whose layer was chosen inside the training
  folds, so that the best of many layers is not picked by the items it is scored on.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from generators.jsonl import sha256_text
from probe.analysis.properties import FOLDS

__all__ = [
    "STRENGTHS",
    "Guesses",
    "Splits",
    "choose_features",
    "control_labels",
    "majority_guesses",
    "probe_features",
    "token_counts",
]

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse regularisation, tried inside the training folds; the strongest wins a tie."""

_INNER_FOLDS = 3
_MAX_ITERATIONS = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splits:
    """Items split by program: into folds, and inside each fold's training part once more.

    Attributes:
        folds: Fold of each item ``[items]``, from 0 to 4.
        inner: By fold, the part of the rest that each item is in ``[folds, items]``; -1 for the
            items of the fold itself.

    Source: scikit-learn's StratifiedGroupKFold, programs as groups.
    """

    folds: NDArray[np.intp]
    inner: NDArray[np.intp]

    @classmethod
    def by_program(cls, labels: Sequence[str], programs: Sequence[str], *, seed: int) -> Self:
        """Split items by program, with about the same share of each label in each part.

        Args:
            labels: Label of each item.
            programs: Its program.
            seed: Seed of the splits.
        """
        truth, names = np.array(labels), np.array(programs)
        folds = _split(truth, names, FOLDS, seed)
        inner = np.full((FOLDS, len(truth)), -1)
        for fold in range(FOLDS):
            rest = folds != fold
            inner[fold, rest] = _split(truth[rest], names[rest], _INNER_FOLDS, seed)
        return cls(folds=folds, inner=inner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses:
    """What probes say of items whose programs they have not seen.

    Attributes:
        labels: The label said of each item.
        inner: By fold, the share right inside its training part, programs held out in turn.
    """

    labels: tuple[str, ...]
    inner: tuple[float, ...]


def control_labels(
    types: Sequence[str], labels: Sequence[str], *, name: str, seed: int
) -> tuple[str, ...]:
    """Return a label for each item that depends on its type alone, and on chance.

    The types are laid side by side in a random order, each as wide as it has items, and the
    labels along them, each as wide as its share; a type gets the label at its middle. So the
    control task has the labels' own distribution, up to the size of a type. Were each type's label
    drawn by itself, a few frequent types would decide how hard the control task is.

    Args:
        types: Type of each item.
        labels: True labels, as many.
        name: The property, so that each has an order of its own.
        seed: Seed of the order; that of the items does not change it.
    """
    widths, pool = Counter(types), sorted(labels)
    drawn, start = {}, 0
    for kind in sorted(widths, key=lambda kind: sha256_text(f"{seed}\0{name}\0{kind}")):
        drawn[kind] = pool[start + widths[kind] // 2]
        start += widths[kind]
    return tuple(drawn[kind] for kind in types)


def majority_guesses(labels: Sequence[str], splits: Splits) -> tuple[str, ...]:
    """Return for each item the most frequent label of the other folds, the first of equals."""
    truth, most = np.array(labels), []
    for fold in range(FOLDS):
        names, counts = np.unique(truth[splits.folds != fold], return_counts=True)
        most.append(str(names[counts.argmax()]))
    return tuple(most[fold] for fold in splits.folds)


def token_counts(prompts: Sequence[Sequence[int]]) -> Any:
    """Return how often each token occurs in each prompt, a sparse matrix ``[prompts, tokens]``."""
    from scipy.sparse import csr_array

    used = {token: column for column, token in enumerate(sorted({t for p in prompts for t in p}))}
    rows = [row for row, prompt in enumerate(prompts) for _ in prompt]
    columns = [used[token] for prompt in prompts for token in prompt]
    counts = np.ones(len(rows), dtype=np.float32)
    return csr_array((counts, (rows, columns)), shape=(len(prompts), len(used)))


def probe_features(features: Any, labels: Sequence[str], splits: Splits) -> Guesses:
    """Train a probe on each fold's complement, and say what it says of the fold.

    Args:
        features: ``[items, width]``, an array or a sparse matrix of counts.
        labels: What is to be said of each item: a property, or the control task.
        splits: How the items are split.

    Returns:
        Out-of-fold labels; the same arguments give the same labels.
    """
    from sklearn import config_context
    from threadpoolctl import threadpool_limits

    truth = np.array(labels)
    said, inner = np.empty_like(truth), []
    # These matrices are too small to be worth sharing, or looking through at every step.
    with threadpool_limits(1), config_context(assume_finite=True, skip_parameter_validation=True):
        for fold in range(FOLDS):
            train, test = np.flatnonzero(splits.folds != fold), splits.folds == fold
            score, best = _choose(features[train], truth[train], splits.inner[fold, train])
            (said[test],) = _said(features[train], truth[train], features[test], (best,))
            inner.append(score)
    return Guesses(labels=tuple(said.tolist()), inner=tuple(inner))


def choose_features(guesses: Sequence[Guesses], splits: Splits) -> Guesses:
    """Return what the features say that each fold's training part would choose.

    Args:
        guesses: What each of several features says; the first wins a tie.
        splits: How the items are split.
    """
    places = [int(np.argmax([guess.inner[fold] for guess in guesses])) for fold in range(FOLDS)]
    best = [guesses[place] for place in places]
    return Guesses(
        labels=tuple(best[fold].labels[item] for item, fold in enumerate(splits.folds)),
        inner=tuple(guess.inner[fold] for fold, guess in enumerate(best)),
    )


def _split(
    labels: NDArray[np.str_], programs: NDArray[np.str_], parts: int, seed: int
) -> NDArray[np.intp]:
    """Return the part of each item: whole programs, with about the same share of each label."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(n_splits=parts, shuffle=True, random_state=seed)
    found = np.empty(len(labels), dtype=np.intp)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label that is in fewer items than parts
        for part, (_, held_out) in enumerate(splitter.split(labels, labels, programs)):
            found[held_out] = part
    return found


def _choose(
    features: Any, labels: NDArray[np.str_], parts: NDArray[np.intp]
) -> tuple[float, float]:
    """Return the share right of the best regularisation, each part said by the others; and it."""
    right = np.zeros((len(STRENGTHS), len(labels)), dtype=bool)
    for part in np.unique(parts):
        learned, asked = parts != part, parts == part
        said = _said(features[learned], labels[learned], features[asked], STRENGTHS)
        right[:, asked] = np.array(said) == labels[asked]
    scores = right.mean(axis=1)
    best = int(scores.argmax())
    return float(scores[best]), STRENGTHS[best]


def _said(
    features: Any, labels: NDArray[Any], asked: Any, strengths: Sequence[float]
) -> list[NDArray[Any]]:
    """Train a probe of each strength, and return what it says of the items that are asked.

    Where there is one label alone, it is what all of them say.
    """
    from scipy.sparse import issparse
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    if len(set(labels)) == 1:
        return [np.full(asked.shape[0], labels[0])] * len(strengths)
    scale = StandardScaler(with_mean=not issparse(features))  # zero counts stay zero
    known, unknown = scale.fit_transform(features), scale.transform(asked)
    probes = (LogisticRegression(C=strength, max_iter=_MAX_ITERATIONS) for strength in strengths)
    return [probe.fit(known, labels).predict(unknown) for probe in probes]
