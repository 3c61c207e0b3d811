"""The synthesis task on models of known behaviour, with programs run in the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from generators import jsonl
from generators.errors import RunError, UsageError
from generators.problems.sources import load_source
from generators.records import SAMPLE_SCHEMA, Problem, Split
from probe.config import DataOptions, SynthesisConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.runs import MANIFEST, RESULTS, SAMPLES, read_run
from probe.tasks.items import choose, choose_problems
from probe.tasks.presets import PRESETS, preset_options
from probe.tasks.synthesis import evaluate_synthesis
from probe.tasks.synthesis_prompts import INSTRUCT, PAPER, TEMPLATES
from probe.verify import verify

PROBLEMS = {problem.task_id: problem for problem in load_source("basics").problems}


@pytest.fixture
def config(tmp_path: Path) -> SynthesisConfig:
    return SynthesisConfig(
        source="basics",
        out=tmp_path / "run",
        limit=6,
        batch_invariance_items=2,
        max_new_tokens=5000,  # characters of the fake
    )


def gold(request: Request) -> str:
    return f"{PROBLEMS[int(request.task_id)].code}\n[DONE]\n\nYou are an expert"


def run(config: SynthesisConfig, answer: Callable[[Request], str]) -> dict:
    return evaluate_synthesis(config, lambda: FakeGenerator(answer))


def samples(config: SynthesisConfig) -> list[dict]:
    return [row for _, row in jsonl.read(config.out / SAMPLES, SAMPLE_SCHEMA)]


def test_the_references_solve_everything(config: SynthesisConfig) -> None:
    results = run(replace(config, limit=None), gold)
    assert results["scores"]["solved"]["estimate"] == 1
    assert results["pass_at_k"]["1"]["estimate"] == 1
    assert set(results["outcomes"]) == {"passed"}
    assert results["n_programs"] == len(
        [problem for problem in PROBLEMS.values() if problem.split is Split.TEST]
    )
    assert verify(config.out)[0].ok


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("def oops(:", "syntax_error"),
        ("import sys\nsys.exit(0)", "other_error"),
        ("import os\nos._exit(0)", "other_error"),
        ("raise TypeError('no')", "type_error"),
        ("while True: pass", "timeout"),
        ("", "no_code"),
        ("x = 1", "other_error"),
    ],
)
def test_every_failure_has_its_class(config: SynthesisConfig, code: str, outcome: str) -> None:
    results = run(replace(config, limit=2), lambda _: f"{code}[DONE]")
    assert {name: share["estimate"] for name, share in results["outcomes"].items()} == {outcome: 1}
    assert results["scores"]["solved"]["estimate"] == 0


def test_a_wrong_program_fails_its_asserts(config: SynthesisConfig) -> None:
    def wrong(request: Request) -> str:
        problem = PROBLEMS[int(request.task_id)]
        name = problem.test_list[0].partition("(")[0].removeprefix("assert ")
        return f"def {name}(*given):\n    return 'nothing like it'\n[DONE]"

    results = run(config, wrong)
    assert results["outcomes"]["failed_assert"]["estimate"] == 1


def test_some_of_many_samples_give_unbiased_chances(config: SynthesisConfig) -> None:
    """Two of five samples of each problem are right: pass@1 is 0.4, pass@2 is 1 - C(3,2)/C(5,2)."""
    results = run(
        replace(config, samples=5, temperature=0.5),
        lambda request: gold(request) if request.k in (1, 3) else "pass[DONE]",
    )
    assert results["n_items"] == 5 * results["n_programs"]
    assert results["scores"]["solved"]["estimate"] == 1
    assert results["scores"]["samples_right"]["estimate"] == pytest.approx(0.4)
    assert {k: found["estimate"] for k, found in results["pass_at_k"].items()} == {
        "1": pytest.approx(0.4),
        "2": pytest.approx(0.7),
        "5": pytest.approx(1.0),
    }
    assert [row["k"] for row in samples(config)] == [0, 1, 2, 3, 4] * results["n_programs"]


def test_the_prompt_is_the_readmes(config: SynthesisConfig) -> None:
    seen: list[str] = []
    run(config, lambda request: (seen.append(request.prompt), gold(request))[1])
    heads = json.loads((config.out / MANIFEST).read_text())["identity"]["prompt_heads"]
    for prompt in seen:
        assert prompt.startswith(heads["shots"])
        assert prompt.count("[BEGIN]\n") == 4
        assert prompt.count("\n[DONE]\n\n") == 3
        assert prompt.endswith("\n[BEGIN]\n")
        query = prompt.rpartition("You are an expert Python programmer, and here is your task: ")[2]
        assert "Your code should pass these tests:\n\nassert " in query
        assert query.count("assert ") == 3


def test_the_papers_head_on_mbpp_has_the_known_length(data_dir: Path) -> None:
    """1,490 characters, as others count the rendered three shots."""
    source = load_source("mbpp", data_dir=data_dir)
    shots = [problem for problem in source.problems if problem.task_id in (2, 3, 4)]
    assert len(PAPER.head(shots, asserts=3).removesuffix("\n\n")) == 1490


@pytest.mark.parametrize("asserts", [0, 1, 2, 3])
def test_as_many_tests_are_shown_as_asked(config: SynthesisConfig, asserts: int) -> None:
    prompts: list[str] = []
    run(
        replace(config, asserts=asserts, shot_ids=(2,)),
        lambda request: (prompts.append(request.prompt), gold(request))[1],
    )
    for prompt in prompts:
        assert prompt.count("\nassert ") == 2 * asserts
        assert ("should be called" in prompt) == (asserts == 0)


def test_generation_and_grading_overlap_and_a_kill_loses_no_sample(config: SynthesisConfig) -> None:
    config = replace(config, limit=40, batch_invariance_items=0)

    class Stop(Exception):
        pass

    left = [30]

    def dying(request: Request) -> str:
        if not left[0]:
            raise Stop
        left[0] -= 1
        return gold(request)

    with pytest.raises(Stop):
        run(config, dying)
    kept = len(samples(config))
    assert 0 < kept < 30  # graded and stored before the model was done
    asked: list[str] = []
    run(config, lambda request: (asked.append(request.key), gold(request))[1])
    assert len(asked) == 40 - kept
    straight = replace(config, out=config.out.with_name("straight"))
    run(straight, gold)
    first, second = (json.loads((c.out / RESULTS).read_text()) for c in (config, straight))
    for document in (first, second):
        document.pop("samples_sha256")  # samples hold times
    assert first == second


def test_another_protocol_may_not_go_on_with_the_run(config: SynthesisConfig) -> None:
    run(config, gold)
    with pytest.raises(RunError, match="asserts"):
        run(replace(config, asserts=1), gold)


def test_the_same_programs_as_the_execution_side(tiny_traces: Path) -> None:
    from generators.trace_files import read_traces

    traces = read_traces(tiny_traces)
    problems = [PROBLEMS[task] for task in sorted({trace.task_id for trace in traces})]
    for seed in range(3):
        chosen = {t.task_id for t in choose(traces, seed=seed, per_program=1, limit=3)}
        assert {p.task_id for p in choose_problems(problems, seed=seed, limit=3)} == chosen


def test_presets_say_what_they_set() -> None:
    fields = set(SynthesisConfig.__dataclass_fields__) | {"chat_template"}
    for preset in PRESETS.values():
        assert set(preset) <= fields
        assert preset["template"] in TEMPLATES
    assert preset_options("paper", {"samples": 10, "asserts": None})["samples"] == 10
    with pytest.raises(UsageError, match="no preset 'humaneval'"):
        preset_options("humaneval", {})


def test_only_the_problems_that_are_named(config: SynthesisConfig) -> None:
    run(replace(config, task_ids=(14, 11, 12), limit=2), gold)
    found = read_run(config.out)
    asked = {row["task_id"] for row in found.samples}
    assert len(asked) == 2
    assert asked < {11, 12, 14}
    assert found.manifest["identity"]["config"]["task_ids"] == [11, 12, 14]
    with pytest.raises(RunError, match="task_ids"):
        run(replace(config, task_ids=(11, 12), limit=2), gold)


def test_what_cannot_be_is_refused_before_the_model_is_loaded(config: SynthesisConfig) -> None:
    def load() -> FakeGenerator:
        raise AssertionError("loaded")

    for changed, message in (
        (replace(config, samples=5), "greedy decoding gives one answer"),
        (replace(config, shot_ids=(2, 999)), "task 999 is not in the prompt split"),
        (replace(config, task_ids=(11, 2)), "task 2 is not in the split test of basics"),
        (replace(config, task_ids=()), "names no task"),
    ):
        with pytest.raises(UsageError, match=message):
            evaluate_synthesis(changed, load)


def test_a_changed_verdict_is_found(config: SynthesisConfig) -> None:
    run(config, gold)
    path = config.out / SAMPLES
    path.write_text(path.read_text().replace('"verdict": "pass"', '"verdict": "fail"', 1))
    (found,) = verify(config.out)
    assert any("outcome" in difference for difference in found.differences)


def make_problem() -> Problem:
    return PROBLEMS[min(PROBLEMS)]


def test_templates_learn_what_they_ask() -> None:
    problem = make_problem()
    for template in TEMPLATES.values():
        head = template.head([problem], asserts=2)
        whole = template.query(problem, asserts=2) + template.target(problem)
        assert head == whole + template.separator
        assert problem.code.strip() in whole
    assert "```python" in INSTRUCT.target(problem)


def test_a_cheater_does_not_pass(config: SynthesisConfig) -> None:
    cheat = "class E:\n    __eq__ = lambda *_: True\n"

    def cheater(request: Request) -> str:
        problem = PROBLEMS[int(request.task_id)]
        name = problem.test_list[0].partition("(")[0].removeprefix("assert ")
        return f"{cheat}def {name}(*_):\n    return E()\n[DONE]"

    assert run(config, cheater)["scores"]["solved"]["estimate"] == 0


def test_no_isolation_is_an_error_before_the_model_is_loaded(
    config: SynthesisConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from generators.errors import SandboxUnavailableError
    from probe.tasks import synthesis

    def refuse(**_: object) -> str:
        raise SandboxUnavailableError("no isolation here")

    monkeypatch.setattr(synthesis, "choose_backend", refuse)
    with pytest.raises(SandboxUnavailableError):
        run(replace(config, data=DataOptions()), gold)
    assert not config.out.exists()
