"""The MathQA task on models of known behaviour, with programs run in the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import UsageError
from generators.problems.mathqa.records import MathProblem, MathSplit
from generators.records import SAMPLE_SCHEMA
from generators.tolerance import Tolerance
from probe.config import DataOptions, MathConfig, ModelOptions
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.runs import MANIFEST, RESULTS, SAMPLES
from probe.tasks.asking import open_model
from probe.tasks.mathqa.choice import load_split
from probe.tasks.mathqa.prompts import Target
from probe.tasks.mathqa.running import answer_of
from probe.tasks.mathqa.task import evaluate_mathqa
from probe.tasks.questions import REPLY
from probe.verify import verify

Answer = Callable[[Request], str]


def problems(config: MathConfig, split: MathSplit = MathSplit.TEST) -> dict[str, MathProblem]:
    return {problem.id: problem for problem in load_split(split, config.data).problems}


def make_oracle(config: MathConfig) -> Answer:
    known = problems(config, config.split)

    def answer(request: Request) -> str:
        problem = known[request.key.rpartition("/")[0]]
        text = problem.code if config.target is Target.PYTHON else problem.dsl
        return f"{text}\n\nPlease, solve"

    return answer


def run(config: MathConfig, answer: Answer) -> dict[str, Any]:
    return evaluate_mathqa(config, lambda: FakeGenerator(answer))


def rows(config: MathConfig) -> list[dict[str, Any]]:
    return [row for _, row in jsonl.read(config.out / SAMPLES, SAMPLE_SCHEMA)]


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("tolerance", list(Tolerance))
def test_the_references_solve_everything(
    config: MathConfig, target: Target, tolerance: Tolerance
) -> None:
    config = replace(config, target=target, tolerance=tolerance)
    results = run(config, make_oracle(config))
    assert results["n_programs"] == 12
    assert results["scores"]["solved"]["estimate"] == 1
    assert results["by_option"]["estimate"] == 1
    assert {
        name: found["estimate"] for name, found in results["by_tolerance"].items()
    } == dict.fromkeys(map(str, Tolerance), 1)
    assert set(results["outcomes"]) == {"right"}
    assert verify(config.out)[0].ok


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("answer = 0.5", "wrong_number"),
        ("answer = (", "syntax_error"),
        ("x = 1", "no_answer"),
        ("answer = 'a' + 1", "type_error"),
        ("answer = 1 / 0", "other_error"),
        ("while True: pass", "timeout"),
        ("", "no_code"),
        ("answer = float('nan')", "no_number"),
        ("answer = float('inf')", "no_number"),
        ("answer = True", "no_number"),
        ("answer = '44'", "no_number"),
        ("answer = [44]", "no_number"),
        ("answer = object()", "no_number"),
        ("import sys\nsys.exit(0)", "other_error"),
        ("import os\nos._exit(0)", "other_error"),
        ("class A(float):\n  __eq__ = lambda *_: True\nanswer = A(0.5)", "no_number"),
        ("import math\nmath.isclose = lambda *a, **k: True\nanswer = 0.5", "wrong_number"),
        ("answer = 10 ** 400", "wrong_number"),
    ],
)  # fmt: skip
def test_every_failure_and_every_cheat_has_its_class(
    config: MathConfig, code: str, outcome: str
) -> None:
    results = run(replace(config, limit=1), lambda _: f"{code}\n\n")
    assert {name: share["estimate"] for name, share in results["outcomes"].items()} == {outcome: 1}
    assert results["scores"]["solved"]["estimate"] == 0
    assert verify(config.out)[0].ok


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("subtract(n0,n0)", "wrong_number"),
        ("add(n0,n9)", "no_answer"),
        ("add(n0", "syntax_error"),
        ("conjure(n0,n1)", "syntax_error"),
        ("__import__('os')", "syntax_error"),
        ("", "no_code"),
    ],
)
def test_formulas_are_worked_out_without_running_anything(
    config: MathConfig, text: str, outcome: str
) -> None:
    config = replace(config, limit=1, target=Target.DSL)
    results = run(config, lambda _: f"{text}\n\n")
    assert set(results["outcomes"]) == {outcome}
    assert results["backends"] == []


@pytest.mark.parametrize("kind", ["fractions.Fraction", "decimal.Decimal"])
def test_numbers_of_other_types_are_numbers(config: MathConfig, kind: str) -> None:
    known = problems(config)

    def answer(request: Request) -> str:
        value = known[request.key.rpartition("/")[0]].answer
        return f"import {kind.partition('.')[0]}\nanswer = {kind}({value!r})\n\n"

    assert run(config, answer)["scores"]["solved"]["estimate"] == 1


def test_a_constant_scores_its_share(config: MathConfig) -> None:
    answers = [problem.answer for problem in problems(config).values()]
    results = run(config, lambda _: f"answer = {answers[0]}\n\n")
    share = sum(answer == answers[0] for answer in answers) / len(answers)
    assert results["scores"]["solved"]["estimate"] == pytest.approx(share)


def test_tolerances_differ_where_they_should(config: MathConfig) -> None:
    known = problems(config)

    def answer(request: Request) -> str:
        name = request.key.rpartition("/")[0]
        value = known[name].answer
        off = (1e-9, 5e-5, 0.001 * value)[int(name.partition("/")[2]) % 3]
        return f"answer = {value} + {off!r}\n\n"

    found = run(config, answer)
    shares = {name: one["estimate"] for name, one in found["by_tolerance"].items()}
    assert shares == pytest.approx({"exact8": 1 / 3, "abs1e-4": 2 / 3, "rel1pct": 1})
    assert found["scores"]["solved"]["estimate"] == pytest.approx(2 / 3)


def test_the_nearest_question_is_a_strong_guess(config: MathConfig) -> None:
    """Test questions are dev questions with other numbers, so the guess is always right."""
    results = run(config, lambda _: "answer = 0.5\n\n")
    guess = results["guesses"]["nearest_question"]
    assert guess["score"]["estimate"] == 1
    assert guess["difference"]["estimate"] == -1
    assert results["guesses"]["most_common"]["score"]["estimate"] < 0.2
    copies = results["near_copies"]
    assert copies["template"]["seen"]["n"] == 12
    assert copies["template"]["unseen"] is None


def test_examples_are_no_near_copies_of_questions(config: MathConfig) -> None:
    run(config, make_oracle(config))
    manifest = json.loads((config.out / MANIFEST).read_text())
    assert manifest["identity"]["config"]["shot_ids"] == ["dev/0", "dev/1", "dev/2"]
    head = manifest["identity"]["prompt_heads"]["shots"]
    assert head.startswith(
        "Please, solve the mathematical problem: the square of 7 ? n0 = 7.0\nn0 = 7.0\n"
    )
    assert head.count("Please, solve") == 3
    assert {row["prompt_head"] for row in rows(config)} == {"shots"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"shots": 40}, "40 solved examples are wanted"),
        ({"shot_ids": ("dev/9999",)}, "'dev/9999' is not among the problems of dev"),
        ({"samples": 2}, "--samples wants a --temperature"),
    ],
)
def test_bad_options_are_refused(config: MathConfig, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run(replace(config, **changes), lambda _: "")
    assert not config.out.exists()


def test_several_samples_count_by_problem(config: MathConfig) -> None:
    oracle = make_oracle(config)
    config = replace(config, samples=4, temperature=0.5)
    results = run(config, lambda r: oracle(r) if r.key.endswith("/2") else "answer = 0.5\n\n")
    assert results["scores"]["solved"]["estimate"] == 1
    assert results["scores"]["samples_right"]["estimate"] == 0.25
    assert results["pass_at_k"]["2"]["estimate"] == pytest.approx(0.5)


def test_a_resumed_run_ends_with_the_same_bytes(config: MathConfig) -> None:
    class Stopped(Exception):
        pass

    oracle, asked = make_oracle(config), []

    def stops(request: Request) -> str:
        asked.append(request)
        if len(asked) == 6:
            raise Stopped
        return oracle(request)

    with pytest.raises(Stopped):
        run(config, stops)
    run(config, oracle)
    other = replace(config, out=config.out.with_name("other"))
    run(other, oracle)
    assert (config.out / RESULTS).read_text().replace(_hash(config), "") == (
        other.out / RESULTS
    ).read_text().replace(_hash(other), "")


def _hash(config: MathConfig) -> str:
    return str(json.loads((config.out / RESULTS).read_text())["samples_sha256"])


def test_verify_finds_a_changed_value(config: MathConfig) -> None:
    run(replace(config, limit=2), lambda _: "answer = 0.5\n\n")
    path = config.out / SAMPLES
    path.write_text(path.read_text().replace('"value": "0.5"', '"value": "0.25"', 1))
    told = "\n".join(verify(config.out)[0].differences)
    assert "number" in told
    assert "samples_sha256" in told


def test_a_real_model_writes_something(config: MathConfig, llama_folder: Path) -> None:
    options = ModelOptions(model=str(llama_folder))
    config = replace(config, model=options, limit=2, shots=0, max_new_tokens=8)
    results = evaluate_mathqa(config, lambda: open_model(options)(None))
    assert results["n_items"] == 2
    assert verify(config.out)[0].ok


@pytest.mark.slow
@pytest.mark.parametrize("split", [MathSplit.TEST, MathSplit.DEV])
def test_all_published_references_are_right_in_the_sandbox(
    data_dir: Path, tmp_path: Path, split: MathSplit
) -> None:
    """By the strictest tolerance, those that call SciPy too."""
    config = MathConfig(
        out=tmp_path / "run",
        data=DataOptions(data_dir=data_dir),
        split=split,
        tolerance=Tolerance.EXACT8,
        max_new_tokens=10_000,
        batch_invariance_items=0,
    )
    results = run(config, make_oracle(config))
    assert results["n_programs"] == {MathSplit.TEST: 1883, MathSplit.DEV: 2822}[split]
    assert results["scores"]["solved"]["estimate"] == 1


@pytest.mark.parametrize(
    ("completion", "reply", "text"),
    [
        ("add(n0,n1)\nmore", False, "add(n0,n1)"),
        ("\n`add(n0,n1)`", False, "add(n0,n1)"),
        ("Sure (see below):\n```\nadd(n0,n1)\n```", True, "add(n0,n1)"),
        ("<think>add(n0,n0)</think>add(n0,n1)", True, "add(n0,n1)"),
        ("I cannot (yet).", True, "I cannot (yet)."),
    ],
)
def test_formulas_are_found_in_completions_and_replies(
    completion: str, reply: bool, text: str
) -> None:
    row = {"target": "dsl", "finish": "stop", "completion": completion}
    found = answer_of(row | ({"read_as": REPLY} if reply else {}))
    assert (found.text, found.reason) == (text, "")
