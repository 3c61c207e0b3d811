"""The execution task on models of known behaviour: an oracle, a copier, a constant, a mute."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import RunError, UsageError
from generators.records import SAMPLE_SCHEMA, Origin, Trace
from generators.trace_files import read_traces
from probe.config import ExecutionConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.runs import RESULTS, SAMPLES
from probe.tasks import scoring
from probe.tasks.execution import evaluate_execution
from probe.verify import verify


def make_oracle(path: Path) -> Callable[[Request], str]:
    outputs = {trace.trace_id: trace.output for trace in read_traces(path)}
    return lambda request: f" {outputs[request.key]}\n\n# Program"


def run(config: ExecutionConfig, answer: Callable[[Request], str], **options: Any) -> dict:
    return evaluate_execution(config, lambda: FakeGenerator(answer, **options))


@pytest.fixture
def config(tiny_traces: Path, tmp_path: Path) -> ExecutionConfig:
    return ExecutionConfig(traces=tiny_traces, out=tmp_path / "run")


def samples(config: ExecutionConfig) -> list[dict]:
    return [row for _, row in jsonl.read(config.out / SAMPLES, SAMPLE_SCHEMA)]


def test_the_oracle_scores_one(config: ExecutionConfig) -> None:
    results = run(config, make_oracle(config.traces))
    assert results["scores"]["exact_text"]["estimate"] == 1
    assert results["scores"]["exact"]["estimate"] == 1
    assert results["n_items"] == len(read_traces(config.traces))
    assert results["counts"] == {"finish": {"stop": results["n_items"]}, "no_answer": {}}


def test_an_oracle_with_other_spelling_scores_one_by_value_only(config: ExecutionConfig) -> None:
    oracle = make_oracle(config.traces)
    results = run(config, lambda request: oracle(request).replace("\n", "  # sure\n", 1))
    assert results["scores"]["exact_text"]["estimate"] == 0
    assert results["scores"]["exact"]["estimate"] == 1


def test_a_constant_scores_its_share(config: ExecutionConfig) -> None:
    traces = read_traces(config.traces)
    results = run(config, lambda _: " True\n")
    share = sum(trace.output == "True" for trace in traces) / len(traces)
    assert results["scores"]["exact"]["estimate"] == pytest.approx(share)
    shown = results["by_output_type"]
    assert {kind: group["n_items"] for kind, group in shown.items()} == {
        kind: sum(t.output_type == kind for t in traces) for kind in shown
    }


def test_a_copier_scores_as_the_copying_baseline(config: ExecutionConfig) -> None:
    run(config, make_oracle(config.traces))
    copies = {row["key"]: row["baselines"]["copy_other_output"] for row in samples(config)}
    copier = replace(config, out=config.out.with_name("copier"))
    results = run(copier, lambda request: f" {copies[request.key]}\n")
    assert results["scores"] == results["baselines"]["copy_other_output"]


@pytest.mark.parametrize(
    ("answer", "finish", "reason"),
    [
        ("", "eos", "empty"),
        (" the answer is 4\n", "stop", "not_a_literal"),
        (" " + "9" * 500, "length", ""),
    ],
)
def test_what_cannot_be_used_is_wrong_and_counted(
    config: ExecutionConfig, answer: str, finish: str, reason: str
) -> None:
    results = run(config, lambda _: answer)
    n = results["n_items"]
    assert results["scores"]["exact"]["estimate"] == 0
    assert results["counts"]["finish"] == {finish: n}
    assert results["counts"]["no_answer"] == ({reason: n} if reason else {})


def test_a_prompt_that_does_not_fit_is_a_wrong_answer(config: ExecutionConfig) -> None:
    results = run(config, make_oracle(config.traces), context_length=10)
    assert results["counts"]["finish"] == {"overflow": results["n_items"]}
    assert results["scores"]["exact"]["estimate"] == 0


class _Stop(Exception):
    """Stands for a kill in the middle of generation."""


def test_an_interrupted_run_resumes_to_the_same_bytes(config: ExecutionConfig) -> None:
    config = replace(config, batch_invariance_items=0)  # so that nothing is asked twice
    oracle = make_oracle(config.traces)
    asked = []

    def dying(request: Request) -> str:
        if len(asked) == 11:
            raise _Stop
        asked.append(request.key)
        return oracle(request)

    with pytest.raises(_Stop):
        run(config, dying)
    assert not (config.out / RESULTS).exists()
    kept = len(samples(config))
    assert kept == 11

    again = []
    run(config, lambda request: (again.append(request.key), oracle(request))[1])
    assert not set(again) & set(asked)
    straight = replace(config, out=config.out.with_name("straight"))
    run(straight, oracle)
    for name in (SAMPLES, RESULTS):
        assert (config.out / name).read_bytes() == (straight.out / name).read_bytes()


def test_another_model_may_not_go_on_with_the_run(config: ExecutionConfig) -> None:
    run(config, make_oracle(config.traces))
    with pytest.raises(RunError, match=r"model\.name"):
        run(config, make_oracle(config.traces), name="other")


def test_few_shot_prompts_show_three_solved_programs_and_not_the_answer(
    config: ExecutionConfig,
) -> None:
    run(config, make_oracle(config.traces))
    for row in samples(config):
        assert row["prompt"].count("# Program\n") == 4
        assert row["prompt"].endswith(f"assert {row['call']} ==")
        assert row["prompt"].count("assert ") >= 4
    zero = replace(config, out=config.out.with_name("zero"), shots=0)
    run(zero, make_oracle(config.traces))
    assert all(row["prompt"].count("# Program\n") == 1 for row in samples(zero))


def test_origin_and_limit_choose_items(config: ExecutionConfig) -> None:
    chosen = replace(config, origin=Origin.GENERATED, limit=5)
    results = run(chosen, make_oracle(config.traces))
    assert results["n_items"] == 5
    assert set(results["by_origin"]) == {"generated"}


def test_nothing_to_ask_is_an_error_before_the_model_is_loaded(config: ExecutionConfig) -> None:
    empty = config.traces.with_name("empty.jsonl")
    empty.write_text(config.traces.read_text().splitlines()[0] + "\n")

    def load() -> FakeGenerator:
        raise AssertionError("loaded")

    with pytest.raises(UsageError, match="no trace that fits"):
        evaluate_execution(replace(config, traces=empty), load)
    with pytest.raises(UsageError, match="goes from 0 to 3"):
        evaluate_execution(replace(config, shots=4), load)


@pytest.mark.parametrize("fault", ["always right", "always wrong", "lenient"])
def test_the_self_test_catches_a_broken_scorer(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    real = scoring.score_prediction

    def broken(expected: str, answer: str) -> Any:
        score = real(expected, answer)
        if fault == "always right":
            return replace(score, exact_text=True, exact=True)
        if fault == "always wrong":
            return replace(score, exact_text=False, exact=False)
        return replace(score, exact=score.exact or expected in answer)

    monkeypatch.setattr(scoring, "score_prediction", broken)
    with pytest.raises(Exception, match="self-test"):
        scoring.self_test()


class TestVerify:
    """Every stored number that is not the recomputed one is found and named."""

    @pytest.fixture
    def done(self, config: ExecutionConfig) -> ExecutionConfig:
        traces: list[Trace] = read_traces(config.traces)
        first = {trace.task_id: trace.output for trace in reversed(traces)}
        tasks = {trace.trace_id: trace.task_id for trace in traces}
        run(config, lambda request: f" {first[tasks[request.key]]}\n")
        return config

    def test_an_untouched_run_is_right(self, done: ExecutionConfig) -> None:
        (found,) = verify(done.out)
        assert found.ok
        assert found.differences == ()

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("exact", True),
            ("exact_text", None),
            ("answer", "42"),
            ("reason", "empty"),
            ("prompt", "another"),
            ("completion", " 123456"),
        ],
    )
    def test_a_changed_sample_is_named(
        self, done: ExecutionConfig, field: str, value: object
    ) -> None:
        path = done.out / SAMPLES
        lines = path.read_text().splitlines()
        rows = [json.loads(line) for line in lines[1:]]
        wrong = next(row for row in rows if not row["exact"])
        wrong[field] = value
        path.write_text("\n".join([lines[0], *map(json.dumps, rows)]) + "\n")
        (found,) = verify(done.out)
        assert not found.ok
        assert any(f"sample {wrong['key']}" in text for text in found.differences)
        assert any("samples_sha256" in text for text in found.differences)

    def test_a_changed_result_is_named(self, done: ExecutionConfig) -> None:
        path = done.out / RESULTS
        document = json.loads(path.read_text())
        document["scores"]["exact"]["estimate"] += 0.001
        path.write_text(json.dumps(document))
        (found,) = verify(done.out)
        assert any("scores.exact.estimate" in text for text in found.differences)

    def test_a_changed_manifest_is_named(self, done: ExecutionConfig) -> None:
        path = done.out / "manifest.json"
        path.write_text(path.read_text().replace('"shots": 3', '"shots": 0'))
        (found,) = verify(done.out)
        assert any("identity_sha256" in text for text in found.differences)

    def test_a_dropped_sample_is_noticed(self, done: ExecutionConfig) -> None:
        path = done.out / SAMPLES
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
        (found,) = verify(done.out)
        assert any(text.startswith("results.json: ") for text in found.differences)


def test_items_that_training_shares_are_marked_and_left_out_of_a_second_score(
    config: ExecutionConfig, tmp_path: Path
) -> None:
    lines = config.traces.read_text().splitlines(keepends=True)
    known = read_traces(config.traces)[0].task_id
    training = tmp_path / "training.jsonl"
    training.write_text(
        "".join([lines[0], *(x for x in lines[1:] if json.loads(x)["task_id"] == known)])
    )
    oracle = make_oracle(config.traces)
    results = run(
        replace(config, training_traces=training),
        lambda request: oracle(request) if request.task_id == str(known) else " ?\n",
    )
    only = [known]
    assert results["leaks"] == {"input": only, "program": only, "text": only}
    assert results["scores"]["exact"]["estimate"] > 0
    assert results["without_leaks"]["exact"]["estimate"] == 0
    assert verify(config.out)[0].ok
