"""From the samples of a representation run to its numbers; needs neither a model nor a classifier.

Called by the task and by ``probe verify``, which repeats it. A sample holds the labels of an item
and what each probe said of it out of fold, so every number here is a share of items, a difference
of two shares on the same items, or a count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from probe.analysis.properties import PROPERTIES, Usable, call_word, usable_labels
from probe.statistics import cluster_bootstrap, holm, mcnemar, paired_difference
from probe.tasks.names import REPRESENTATION

__all__ = ["CHOSEN", "represent_results", "score_represented", "usable_in"]


CHOSEN = "chosen"
"""Stands among the layers for the one that each fold's training part would choose."""

_BASELINES = ("majority", "bag")
_Rows = Sequence[Mapping[str, Any]]


def score_represented(row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a sample that derive from its call and its result.

    Labels that follow from the recording of the run are taken as they stand.
    """
    again = {
        name: kind(row["expected"], row["raises"])
        for name in row["labels"]
        if (kind := PROPERTIES[name].from_result) is not None
    }
    return {"labels": row["labels"] | again, "control_type": call_word(row["call"])}


def usable_in(samples: _Rows, name: str) -> Usable:
    """Decide which labels of a property these samples allow to be probed for."""
    return usable_labels(
        [row["labels"][name] for row in samples], [row["task_id"] for row in samples]
    )


def represent_results(samples: _Rows) -> dict[str, Any]:
    """Derive all numbers of a representation run from its samples.

    Args:
        samples: Rows of ``samples.jsonl``, header left out, in file order.

    Returns:
        The results document without its header and hash. Intervals come from programs resampled
        with a fixed seed.
    """
    properties, skipped = {}, {}
    for name in samples[0]["labels"] if samples else ():
        usable = usable_in(samples, name)
        if usable.reason:
            skipped[name] = usable.reason
        else:
            properties[name] = _property(samples, name, usable)
    _correct(properties)
    return {
        "task": REPRESENTATION,
        "n_items": len(samples),
        "n_programs": len({row["task_id"] for row in samples}),
        "properties": properties,
        "skipped": skipped,
    }


def _property(samples: _Rows, name: str, usable: Usable) -> dict[str, Any]:
    """Return the numbers about one property."""
    items = [row for row in samples if row["labels"][name] in usable.labels]
    labels = [row["labels"][name] for row in items]
    probes = [row["probes"][name] for row in items]
    _check_folds(items, probes)
    programs = [row["task_id"] for row in items]
    right = {base: _right(probes, labels, base) for base in _BASELINES}
    varying = _varying(programs, labels)
    return {
        "n_items": len(items),
        "n_programs": len(set(programs)),
        "labels": dict(sorted(Counter(labels).items())),
        "left_out": dict(usable.left_out),
        "control": _control_facts(items, probes),
        **{base: _share(right[base], programs) for base in _BASELINES},
        "within": _within_facts(programs, labels, varying, right),
        "positions": {
            position: {
                layer: _layer(
                    [probe["positions"][position][layer] for probe in probes],
                    labels,
                    [probe["control"] for probe in probes],
                    programs,
                    varying,
                    right if layer == CHOSEN else {},
                )
                for layer in layers
            }
            for position, layers in probes[0]["positions"].items()
        },
    }


def _check_folds(items: _Rows, probes: _Rows) -> None:
    """Refuse samples in which a program is on both sides of a split.

    Raises:
        ValueError: Names the program.
    """
    folds: dict[Any, int] = {}
    for row, probe in zip(items, probes, strict=True):
        if folds.setdefault(row["task_id"], probe["fold"]) != probe["fold"]:
            raise ValueError(f"program {row['task_id']} is in two folds")


def _control_facts(items: _Rows, probes: _Rows) -> dict[str, Any]:
    """Return how many types the control task has, and how many items share theirs.

    The type of an item can be learned by heart only where another program has it too.
    """
    programs: dict[str, set[int]] = {}
    for row in items:
        programs.setdefault(row["control_type"], set()).add(row["task_id"])
    shared = sum(len(programs[row["control_type"]]) > 1 for row in items)
    return {
        "types": len(programs),
        "items_of_shared_types": shared,
        "labels": dict(sorted(Counter(probe["control"] for probe in probes).items())),
    }


def _layer(
    said: _Rows,
    labels: Sequence[str],
    control: Sequence[str],
    programs: Sequence[int],
    varying: Sequence[int],
    baselines: Mapping[str, list[bool]],
) -> dict[str, Any]:
    """Return the numbers about one layer at one position."""
    right = _right(said, labels, "label")
    control_right = _right(said, control, "control")
    found = {
        "accuracy": _share(right, programs),
        "control": _share(control_right, programs),
        "selectivity": _difference(control_right, right, programs),
        "within": _share_of(right, programs, varying),
    }
    if baselines:
        found["beyond"] = {
            base: {
                "difference": _difference(theirs, right, programs),
                "p": mcnemar(theirs, right).p,
                "within": (
                    _difference(
                        [theirs[item] for item in varying],
                        [right[item] for item in varying],
                        [programs[item] for item in varying],
                    )
                    if varying
                    else None
                ),
            }
            for base, theirs in baselines.items()
        }
    return found


def _varying(programs: Sequence[int], labels: Sequence[str]) -> list[int]:
    """Return the items whose program has items of other labels too."""
    seen: dict[int, set[str]] = {}
    for program, label in zip(programs, labels, strict=True):
        seen.setdefault(program, set()).add(label)
    return [item for item, program in enumerate(programs) if len(seen[program]) > 1]


def _within_facts(
    programs: Sequence[int],
    labels: Sequence[str],
    varying: Sequence[int],
    right: Mapping[str, list[bool]],
) -> dict[str, Any] | None:
    """Return what can be had on items of programs whose label varies.

    ``one_answer`` is the most that anything can have that says the same of all calls of a
    program: it is told each program's most frequent label.
    """
    if not varying:
        return None
    counts = Counter((programs[item], labels[item]) for item in varying)
    most: dict[int, tuple[int, str]] = {}
    for (program, label), n in sorted(counts.items()):
        most[program] = max(most.get(program, (0, "")), (n, label))
    told = [labels[item] == most[programs[item]][1] for item in varying]
    own = [programs[item] for item in varying]
    return {
        "n_items": len(varying),
        "n_programs": len(set(own)),
        **{base: _share_of(theirs, programs, varying) for base, theirs in right.items()},
        "one_answer": _share(told, own),
    }


def _correct(properties: Mapping[str, Any]) -> None:
    """Add Holm's p values over all properties and positions, for each baseline."""
    for base in _BASELINES:
        tests = [layers[CHOSEN]["beyond"][base] for layers in _positions(properties)]
        for test, p in zip(tests, holm([test["p"] for test in tests]), strict=True):
            test["p_holm"] = p


def _positions(properties: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for found in properties.values():
        yield from found["positions"].values()


def _right(said: _Rows, truth: Sequence[str], field: str) -> list[bool]:
    return [row[field] == label for row, label in zip(said, truth, strict=True)]


def _share(right: Sequence[bool], programs: Sequence[int]) -> dict[str, Any]:
    return cluster_bootstrap(right, programs, rng=np.random.default_rng(0)).to_json()


def _share_of(
    right: Sequence[bool], programs: Sequence[int], items: Sequence[int]
) -> dict[str, Any] | None:
    if not items:
        return None
    return _share([right[item] for item in items], [programs[item] for item in items])


def _difference(
    first: Sequence[bool], second: Sequence[bool], programs: Sequence[int]
) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return paired_difference(first, second, programs, rng=rng).to_json()
