"""Linear probes on states of known content: a planted label, noise, a program's own mark."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from probe.analysis.properties import FOLDS
from probe.analysis.representation import (
    Guesses,
    Splits,
    choose_features,
    control_labels,
    majority_guesses,
    probe_features,
    token_counts,
)

PROGRAMS, CALLS, WIDTH = 60, 4, 24
N = PROGRAMS * CALLS


@pytest.fixture(scope="module")
def programs() -> list[str]:
    return [str(item // CALLS) for item in range(N)]


@pytest.fixture(scope="module")
def labels() -> list[str]:
    rng = np.random.default_rng(1)
    return [("a", "b", "c")[int(draw)] for draw in rng.choice(3, N, p=[0.5, 0.3, 0.2])]


@pytest.fixture(scope="module")
def types() -> list[str]:
    rng = np.random.default_rng(2)
    return [f"type {int(draw)}" for draw in rng.integers(0, 12, N)]


@pytest.fixture(scope="module")
def control(labels: list[str], types: list[str]) -> list[str]:
    return list(control_labels(types, labels, name="planted", seed=0))


@pytest.fixture(scope="module")
def splits(labels: list[str], programs: list[str]) -> Splits:
    return Splits.by_program(labels, programs, seed=0)


def noise(seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(N, WIDTH)).astype(np.float32)


def planted(names: list[str], strength: float = 3.0) -> np.ndarray:
    """Noise in which each name has a direction of its own."""
    rng = np.random.default_rng(4)
    directions = {name: rng.normal(size=WIDTH) for name in sorted(set(names))}
    return (noise() + strength * np.array([directions[name] for name in names])).astype(np.float32)


def share(said: tuple[str, ...], truth: object) -> float:
    return float(np.mean(np.array(said) == np.array(truth)))


def test_a_planted_label_is_found_and_the_control_is_not(
    labels: list[str], control: list[str], splits: Splits
) -> None:
    states = planted(labels)
    found = probe_features(states, labels, splits)
    chance = Counter(control).most_common(1)[0][1] / N
    said = share(probe_features(states, control, splits).labels, control)
    assert share(found.labels, labels) > 0.97
    assert min(found.inner) > 0.95
    assert said < chance + 0.08
    assert share(found.labels, labels) - said > 0.3  # selectivity


def test_the_control_is_learned_where_types_can_be_told_apart(
    types: list[str], labels: list[str], control: list[str], splits: Splits
) -> None:
    """The control task can be learned across programs: it measures something."""
    states = planted(types)
    assert share(probe_features(states, control, splits).labels, control) > 0.95
    assert share(probe_features(states, labels, splits).labels, labels) < 0.6


def test_noise_gives_the_majority(labels: list[str], splits: Splits) -> None:
    assert share(probe_features(noise(), labels, splits).labels, labels) < 0.5 + 0.06


def test_constant_states_give_the_majority_exactly(labels: list[str], splits: Splits) -> None:
    """What the embedding of a prompt's last token is: the same for all items."""
    found = probe_features(np.ones((N, WIDTH), dtype=np.float32), labels, splits)
    assert found.labels == majority_guesses(labels, splits)


def test_what_only_names_the_program_is_of_no_use(programs: list[str]) -> None:
    """Labels constant in a program, states that name it: items split at random would give 1."""
    rng = np.random.default_rng(5)
    by_program = {program: rng.choice(["x", "y"]) for program in sorted(set(programs))}
    labels = [str(by_program[program]) for program in programs]
    states = np.eye(PROGRAMS, dtype=np.float32)[[int(program) for program in programs]]
    grouped = Splits.by_program(labels, programs, seed=0)
    assert share(probe_features(states, labels, grouped).labels, labels) < 0.65
    leaking = Splits.by_program(labels, [str(item) for item in range(N)], seed=0)
    assert share(probe_features(states, labels, leaking).labels, labels) > 0.95


def test_programs_stay_whole_in_both_splits(splits: Splits, programs: list[str]) -> None:
    assert set(splits.folds.tolist()) == set(range(FOLDS))
    for fold in range(FOLDS):
        outside = splits.folds != fold
        assert (splits.inner[fold][~outside] == -1).all()
        for parts in (outside, splits.inner[fold]):
            by_program: dict[str, set[int]] = {}
            for program, part in zip(programs, parts.tolist(), strict=True):
                by_program.setdefault(program, set()).add(part)
            assert all(len(found) == 1 for found in by_program.values())
        assert set(splits.inner[fold][outside].tolist()) == {0, 1, 2}


def test_the_same_again_is_the_same(labels: list[str], splits: Splits) -> None:
    states = planted(labels, strength=0.5)
    first, again = (probe_features(found, labels, splits) for found in (states, states.copy()))
    assert first == again


def test_another_seed_is_another_split(labels: list[str], programs: list[str]) -> None:
    first, second = (Splits.by_program(labels, programs, seed=seed) for seed in (0, 1))
    assert (first.folds != second.folds).any()


class TestControlLabels:
    def test_a_type_has_one_label_whatever_stands_beside_it(self) -> None:
        labels = ["a"] * 7 + ["b"] * 3
        types = list("pqrstpqrst")
        drawn = control_labels(types, labels, name="x", seed=0)
        assert drawn[:5] == drawn[5:]
        turned = control_labels(types[::-1], labels, name="x", seed=0)
        assert turned == drawn[::-1]

    def test_as_frequent_as_the_labels_whatever_the_sizes_of_types(self) -> None:
        labels = ["a"] * 700 + ["b"] * 200 + ["c"] * 100
        types = [str(int(n**0.5)) for n in range(1000)]  # from 1 to 61 items
        for seed in range(5):
            drawn = Counter(control_labels(types, labels, name="x", seed=seed))
            for name, expected in (("a", 700), ("b", 200), ("c", 100)):
                assert abs(drawn[name] - expected) <= 62

    def test_a_type_may_get_any_label(self) -> None:
        labels, types = ["a", "b"] * 50, [str(n // 10) for n in range(100)]
        seen = {control_labels(types, labels, name="x", seed=seed)[0] for seed in range(20)}
        assert seen == {"a", "b"}

    def test_depends_on_the_property_and_the_seed(self) -> None:
        types, labels = [str(n) for n in range(64)], ["a", "b"] * 32
        first = control_labels(types, labels, name="x", seed=0)
        assert first != control_labels(types, labels, name="y", seed=0)
        assert first != control_labels(types, labels, name="x", seed=1)


def test_the_layer_is_chosen_fold_by_fold(splits: Splits) -> None:
    first = Guesses(labels=("p",) * N, inner=(0.5, 0.5, 0.9, 0.1, 0.0))
    second = Guesses(labels=("q",) * N, inner=(0.6, 0.5, 0.2, 0.3, 0.0))
    found = choose_features([first, second], splits)
    assert found.labels == tuple("qppqp"[fold] for fold in splits.folds)
    assert found.inner == (0.6, 0.5, 0.9, 0.3, 0.0)


def test_counts_of_tokens() -> None:
    counts = token_counts([[7, 7, 3], [900], [3]])
    assert counts.toarray().tolist() == [[1, 2, 0], [0, 0, 1], [1, 0, 0]]


def test_a_bag_finds_the_token_that_tells(labels: list[str], splits: Splits) -> None:
    rng = np.random.default_rng(6)
    mark = {"a": 50, "b": 51, "c": 52}
    prompts = [[*rng.integers(0, 30, 20).tolist(), mark[label]] for label in labels]
    found = probe_features(token_counts(prompts), labels, splits)
    assert share(found.labels, labels) > 0.95


def test_majority_is_that_of_the_other_folds() -> None:
    splits = Splits(folds=np.arange(5), inner=np.full((5, 5), -1))
    assert majority_guesses(["a", "a", "a", "b", "b"], splits) == ("a",) * 5
    assert majority_guesses(["a", "b", "b", "a", "b"], splits) == ("b", "a", "a", "b", "a")
