"""The model of difficulty: planted signals are found, shuffled ones not, twins stay together."""

from __future__ import annotations

import numpy as np
import pytest

from generators.problems.sources import load_source
from probe.analysis.difficulty import explain
from probe.analysis.features import FEATURES, problem_features

PROBLEMS = load_source("basics").problems


def make_data(n: int = 240) -> tuple[list[list[float]], list[bool]]:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(n, 4))
    solved = features[:, 1] * -2 + rng.normal(size=n) * 0.7 > 0
    return features.tolist(), solved.tolist()


NAMES = ["a", "planted", "b", "c"]


def test_a_planted_signal_is_found_with_its_sign() -> None:
    features, solved = make_data()
    found = explain(features, NAMES, solved, range(len(solved)))
    assert found is not None
    assert found.area is not None
    assert found.area.low > 0.85
    assert found.importances[0].feature == "planted"
    assert found.importances[0].direction < 0
    assert all(abs(one.loss) < 0.05 for one in found.importances[1:])


def test_a_shuffled_signal_is_not_found() -> None:
    features, solved = make_data()
    mixed = np.random.default_rng(0).permutation(solved).tolist()
    found = explain(features, NAMES, mixed, range(len(mixed)))
    assert found is not None
    assert found.area is not None
    assert found.area.low < 0.5 < found.area.high + 0.05


def test_twins_do_not_give_the_answer_away() -> None:
    """Each problem thrice, with noise for features: only a model that saw a twin could tell."""
    rng = np.random.default_rng(1)
    features = np.repeat(rng.normal(size=(80, 30)), 3, axis=0).tolist()
    solved = np.repeat(rng.random(80) < 0.5, 3).tolist()
    groups = np.repeat(np.arange(80), 3).tolist()
    found = explain(features, [str(i) for i in range(30)], solved, groups)
    assert found is not None
    assert found.area is not None
    assert found.area.estimate < 0.65
    assert found.area.clusters == 80


@pytest.mark.parametrize("solved", [[True] * 9 + [False] * 91, [False] * 100])
def test_too_few_are_not_modelled(solved: list[bool]) -> None:
    assert explain([[float(i)] for i in range(100)], ["x"], solved, range(100)) is None


def test_the_same_again() -> None:
    features, solved = make_data(60)
    assert explain(features, NAMES, solved, range(60)) == explain(
        features, NAMES, solved, range(60)
    )


def test_features_count_what_they_say() -> None:
    for problem in PROBLEMS:
        found = problem_features(problem)
        assert tuple(found) == FEATURES
        assert all(value >= 0 for value in found.values())
    code = (
        "import math\n\ndef f(n):\n    for i in range(n):\n"
        "        if i % 2 and i:\n            return f(i)\n"
    )
    one = problem_features(
        PROBLEMS[0].__class__(
            source="x",
            task_id=1,
            text="Write a function to find all 3 numbers, if any.",
            code=code,
            test_list=("assert f([1], 'ab') == (1, 2)",),
            split=PROBLEMS[0].split,
        )
    )
    assert one["words in the statement"] == 10
    assert one["condition words in the statement"] == 3
    assert one["numbers in the statement"] == 1
    assert one["arguments of the function"] == 2
    assert (one["takes list"], one["takes str"], one["takes int"]) == (1, 1, 0)
    assert one["returns tuple"] == 1
    assert one["lines of the reference"] == 5
    assert one["branches of the reference"] == 2
    assert (one["loops of the reference"], one["deepest nesting of the reference"]) == (1, 2)
    assert (one["calls in the reference"], one["different names called"]) == (2, 2)
    assert (one["imports of the reference"], one["functions defined"]) == (1, 1)
    assert one["reference calls itself"] == 1
