"""Trivial baselines for output prediction: what can be had without reading the program.

Called by the execution task, which stores every baseline's prediction beside the model's in the
same sample, so that scores are compared on the same items and recomputed without this module.

- ``majority_by_type``: the most frequent output among the reference traces of the item's output
  type. It is told the type, so it is a generous baseline.
- ``copy_other_output``: the output of another call of the same program.
- ``nearest_neighbour``: the output of the most similar (program, call) text of another program.
- ``classifier``: a linear classifier on text features of program and call.

Reference traces are those of other programs only: a given training file, or the evaluated file
itself in folds by program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from generators.records import Origin, Trace

__all__ = ["BASELINES", "predict_baselines", "predict_majority"]

BASELINES = ("majority_by_type", "copy_other_output", "nearest_neighbour", "classifier")
_FOLDS = 5
_MAX_FEATURES = 20_000
_MAX_CLASSES = 200


def predict_baselines(
    items: Sequence[Trace],
    pool: Sequence[Trace],
    reference: Sequence[Trace] | None = None,
) -> dict[str, dict[str, str]]:
    """Predict the output of every item with every baseline.

    Args:
        items: The traces that are evaluated.
        pool: All traces of the evaluated file, for ``copy_other_output`` and the folds.
        reference: Traces of other programs to learn from; without it, the pool in folds by
            program. Programs of the items are left out of it.

    Returns:
        ``{baseline: {trace_id: predicted text}}``; an empty text where a baseline has nothing
        to say.
    """
    predictions: dict[str, dict[str, str]] = {name: {} for name in BASELINES}
    predictions["copy_other_output"] = _copy_other(items, pool)
    for fold, learn in _folds(items, pool, reference):
        majority = _majority(learn)
        for item in fold:
            predictions["majority_by_type"][item.trace_id] = majority.get(item.output_type, "")
        learned = _text_baselines(fold, learn)
        for name, texts in learned.items():
            predictions[name].update(
                {item.trace_id: text for item, text in zip(fold, texts, strict=True)}
            )
    return predictions


def predict_majority(items: Sequence[Trace], pool: Sequence[Trace]) -> dict[str, str]:
    """Predict every item's output by its type alone: ``majority_by_type`` without the others.

    Args:
        items: The traces that are evaluated.
        pool: Traces to count outputs in; an item's own program is left out, by folds.

    Returns:
        ``{trace_id: predicted text}``.
    """
    return {
        item.trace_id: majority.get(item.output_type, "")
        for fold, learn in _folds(items, pool, None)
        for majority in [_majority(learn)]
        for item in fold
    }


def _program(trace: Trace) -> tuple[str, int]:
    return (trace.source, trace.task_id)


def _folds(
    items: Sequence[Trace], pool: Sequence[Trace], reference: Sequence[Trace] | None
) -> list[tuple[list[Trace], list[Trace]]]:
    """Split the items into groups, each with the traces of other programs to learn from."""
    programs = sorted({_program(item) for item in items})
    if reference is not None:
        held_out = set(programs)
        return [(list(items), [t for t in reference if _program(t) not in held_out])]
    groups = [set(programs[start::_FOLDS]) for start in range(_FOLDS)]
    return [
        (
            [item for item in items if _program(item) in group],
            [trace for trace in pool if _program(trace) not in group],
        )
        for group in groups
        if group
    ]


def _majority(learn: Sequence[Trace]) -> dict[str, str]:
    by_type: dict[str, Counter[str]] = {}
    for trace in learn:
        by_type.setdefault(trace.output_type, Counter())[trace.output] += 1
    return {
        name: min(counts, key=lambda text: (-counts[text], text))
        for name, counts in by_type.items()
    }


def _copy_other(items: Sequence[Trace], pool: Sequence[Trace]) -> dict[str, str]:
    """The next trace of the program, around the corner; asserts before generated calls."""
    by_program: dict[tuple[str, int], list[Trace]] = {}
    for trace in pool:
        by_program.setdefault(_program(trace), []).append(trace)
    answers = {}
    for item in items:
        traces = by_program.get(_program(item), [])
        place = next((i for i, t in enumerate(traces) if t.trace_id == item.trace_id), 0)
        others = traces[place + 1 :] + traces[:place]
        others.sort(key=lambda trace: trace.origin is not Origin.ASSERT)  # stable
        answers[item.trace_id] = others[0].output if others else ""
    return answers


def _text_baselines(fold: Sequence[Trace], learn: Sequence[Trace]) -> dict[str, list[str]]:
    """Nearest neighbour and linear classifier on the same features."""
    if not learn or not fold:
        return {name: [""] * len(fold) for name in ("nearest_neighbour", "classifier")}
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import RidgeClassifier

    vectors = TfidfVectorizer(
        token_pattern=r"[A-Za-z_]+|\d+|[^\sA-Za-z_\d]",
        ngram_range=(1, 2),
        max_features=_MAX_FEATURES,
        lowercase=False,
        sublinear_tf=True,
    )
    known = vectors.fit_transform([_features(trace) for trace in learn])
    asked = vectors.transform([_features(trace) for trace in fold])
    nearest = np.asarray((asked @ known.T).argmax(axis=1)).ravel()
    neighbour = [learn[int(index)].output for index in nearest]

    frequent = [text for text, _ in Counter(t.output for t in learn).most_common(_MAX_CLASSES)]
    rows = [row for row, trace in enumerate(learn) if trace.output in set(frequent)]
    labels = [learn[row].output for row in rows]
    if len(set(labels)) < 2:
        return {"nearest_neighbour": neighbour, "classifier": [labels[0]] * len(fold)}
    model = RidgeClassifier(alpha=1.0, solver="sparse_cg")
    model.fit(known[rows], labels)
    return {
        "nearest_neighbour": neighbour,
        "classifier": [str(label) for label in model.predict(asked)],
    }


def _features(trace: Trace) -> str:
    return f"{trace.code}\n{trace.call}"
