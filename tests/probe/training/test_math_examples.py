"""Training on word problems: the prompts asked, and no near-copies across the sides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from generators.errors import UsageError
from generators.problems.mathqa.records import MathProblem, MathSplit
from generators.problems.mathqa.source import load_mathqa
from generators.problems.mathqa.twins import Relation, key
from probe.config import DataOptions, FinetuneConfig, FinetuneTask
from probe.tasks.mathqa.choice import divide, without_copies
from probe.tasks.mathqa.prompts import TEMPLATES, Target
from probe.training.dataset import Example
from probe.training.examples import make_examples


@pytest.fixture
def config(data_dir: Path, tmp_path: Path) -> FinetuneConfig:
    return FinetuneConfig(
        out=tmp_path, task=FinetuneTask.MATHQA, data=DataOptions(data_dir=data_dir)
    )


@pytest.fixture(scope="module")
def dev(data_dir: Path) -> dict[str, MathProblem]:
    problems = load_mathqa(MathSplit.DEV, data_dir=data_dir).problems
    return {f"mathqa-python/{problem.id}": problem for problem in problems}


def keys(examples: list[Example], dev: dict[str, MathProblem]) -> set[tuple[Relation, str]]:
    return {(r, key(dev[example.group], r)) for example in examples for r in Relation}


def test_near_copies_do_not_cross(config: FinetuneConfig, dev: dict[str, MathProblem]) -> None:
    made = make_examples(config)
    counts = made.inputs["problems"]
    assert counts["known"] == 2822
    assert (counts["train"], counts["validation"]) == (len(made.train), len(made.validation))
    assert 0 < counts["validation"] <= 128
    assert not keys(made.train, dev) & keys(made.validation, dev)


@pytest.mark.parametrize("target", list(Target))
def test_what_is_learned_is_the_reference_and_its_end(
    config: FinetuneConfig, dev: dict[str, MathProblem], target: Target
) -> None:
    made = make_examples(replace(config, target=target, limit=20))
    template = TEMPLATES[target]
    assert made.prompts == {template.name: template.sha256}
    assert len(made.train) == 20
    for example in made.train:
        problem = dev[example.group]
        assert example.prompt == template.query(problem)
        answer = problem.code if target is Target.PYTHON else problem.dsl
        assert example.target == f"{answer}\n\n"


def test_copies_of_test_problems_can_be_left_out(
    config: FinetuneConfig, dev: dict[str, MathProblem], data_dir: Path
) -> None:
    made = make_examples(replace(config, without_test_copies=True))
    counts = made.inputs["problems"]
    assert counts["without_test_copies"] < counts["known"] / 2
    test = load_mathqa(MathSplit.TEST, data_dir=data_dir).problems
    known = {(relation, key(problem, relation)) for problem in test for relation in Relation}
    assert not keys([*made.train, *made.validation], dev) & known


def test_shots_are_no_near_copies(config: FinetuneConfig, dev: dict[str, MathProblem]) -> None:
    made = make_examples(replace(config, shots=1, limit=5))
    assert made.config["shot_ids"][0].startswith("challenge_test/")
    assert made.train[0].prompt.count("Please, solve") == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"traces": Path("x")}, "--traces is for training on calls, not with --task mathqa"),
        ({"asserts": 1}, "--source and --asserts do not go"),
        ({"source": "basics"}, "--source and --asserts do not go"),
    ],
)
def test_options_of_other_tasks_are_refused(
    config: FinetuneConfig, changes: dict, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        make_examples(replace(config, **changes))


def test_a_division_takes_no_more_than_its_share(dev: dict[str, MathProblem]) -> None:
    problems = list(dev.values())
    train, validation = divide(problems, fraction=0.2, seed=1)
    assert len(train) + len(validation) == len(problems)
    assert 0.15 * len(problems) < len(validation) <= 0.2 * len(problems)
    assert len(without_copies(train, validation)) == len(train)
    assert divide(problems, fraction=0.2, seed=1) == (train, validation)
