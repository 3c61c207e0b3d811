"""Comparisons of runs: which pairs, in which direction, with which words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from probe.report.compare import best_baseline, compare, margin, verdict
from probe.report.headline import answer, refused_note
from probe.report.labels import Labels
from probe.report.load import load_inputs
from probe.report.matching import cohorts
from probe.statistics import Estimate

MakeRun = Callable[..., Path]
ADAPTER = "ad" * 32


def estimate(low: float, high: float, clusters: int = 40) -> Estimate:
    return Estimate(
        estimate=(low + high) / 2,
        low=low,
        high=high,
        n=99,
        clusters=clusters,
        level=0.95,
        method="given",
    )


@pytest.mark.parametrize(
    ("low", "high", "clusters", "said"),
    [
        (0.01, 0.2, 40, "above"),
        (-0.2, -0.01, 40, "below"),
        (-0.1, 0.1, 40, "not told apart"),
        (0.0, 0.0, 40, "not told apart"),
        (0.3, 0.3, 1, "not told apart"),
    ],
)
def test_verdict_goes_by_the_interval(low: float, high: float, clusters: int, said: str) -> None:
    assert verdict(estimate(low, high, clusters)) == said


def test_difference_is_second_minus_first(usual_runs: list[Path]) -> None:
    inputs = load_inputs(usual_runs)
    pairs, refused = compare(cohorts(inputs.execution))
    assert [(p.first.name, p.second.name) for p in pairs] == [
        ("few-shot", "tuned"),
        ("zero-shot", "tuned"),
    ]
    assert refused == ()
    for pair in pairs:
        for policy, paired in pair.scores.items():
            by_scores = pair.second.score(policy).estimate - pair.first.score(policy).estimate
            assert paired.difference.estimate == pytest.approx(by_scores)
            cells = [paired.both, paired.only_first, paired.only_second, paired.neither]
            assert sum(cells) == pair.first.n
            assert paired.p <= paired.p_holm <= 1
    assert pairs[0].declared
    assert not pairs[1].declared


def test_strongest_base_run_comes_first(make_execution_run: MakeRun) -> None:
    inputs = load_inputs(
        [
            make_execution_run("few", shots=3, skill=0.05),
            make_execution_run("zero", skill=0.5),
            make_execution_run("tuned", skill=0.2, adapter=ADAPTER),
        ]
    )
    pairs, _ = compare(cohorts(inputs.execution))
    assert pairs[0].first.name == "zero"


def test_base_runs_alone_are_compared_with_the_first(make_execution_run: MakeRun) -> None:
    inputs = load_inputs([make_execution_run("few", shots=3), make_execution_run("zero")])
    pairs, _ = compare(cohorts(inputs.execution))
    assert [(p.first.name, p.second.name) for p in pairs] == [("few", "zero")]


def test_adapter_of_other_weights_is_refused(make_execution_run: MakeRun) -> None:
    other = {"weights": {"model.safetensors": "00" * 32}}
    inputs = load_inputs(
        [
            make_execution_run("base"),
            make_execution_run("tuned", adapter=ADAPTER, model=other),
        ]
    )
    pairs, refused = compare(cohorts(inputs.execution))
    assert pairs == ()
    ((base, tuned),) = refused
    note = refused_note(base, tuned, Labels(inputs.execution))
    assert "the tuned model (zero-shot)" in note
    assert "field: model" in note


def test_margin_over_a_baseline(usual_runs: list[Path]) -> None:
    run = load_inputs(usual_runs).execution[-1]
    best = best_baseline(run)
    assert best is not None
    scores = {name: s["exact_text"]["estimate"] for name, s in run.results["baselines"].items()}
    assert scores[best] == max(scores.values())
    found = margin(run, best)
    expected = run.score("exact_text").estimate - scores[best]
    assert found.difference.estimate == pytest.approx(expected)


def test_no_difference_is_called_none(make_execution_run: MakeRun) -> None:
    inputs = load_inputs(
        [make_execution_run("base"), make_execution_run("tuned", adapter=ADAPTER, skill=0.16)]
    )
    matched = cohorts(inputs.execution)
    pairs, _ = compare(matched)
    assert verdict(pairs[0].scores["exact_text"].difference) == "not told apart"
    sentences, _ = answer(matched[0], pairs, [], Labels(inputs.execution))
    assert "these runs do not tell the two apart" in sentences[1]
    assert "would be found with 80% power" in sentences[1]
    assert not any(" better " in sentence or " worse " in sentence for sentence in sentences)


def test_a_loss_is_called_a_loss(make_execution_run: MakeRun) -> None:
    inputs = load_inputs(
        [
            make_execution_run("base", skill=0.5),
            make_execution_run("tuned", adapter=ADAPTER, skill=0.02),
        ]
    )
    matched = cohorts(inputs.execution)
    pairs, _ = compare(matched)
    sentences, _ = answer(matched[0], pairs, [], Labels(inputs.execution))
    assert "is worse than the base model" in sentences[1]


def test_one_program_says_nothing(make_execution_run: MakeRun) -> None:
    inputs = load_inputs(
        [
            make_execution_run("base", items=3, skill=0.0),
            make_execution_run("tuned", items=3, skill=1.5, adapter=ADAPTER),
        ]
    )
    matched = cohorts(inputs.execution)
    pairs, _ = compare(matched)
    sentences, _ = answer(matched[0], pairs, [], Labels(inputs.execution))
    assert "[no interval]" in sentences[0]
    assert "nothing can be said" in sentences[1]
