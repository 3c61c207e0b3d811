"""Questions about steps on models of known behaviour: an oracle, copiers, a constant, a mute."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators import jsonl
from generators.errors import ProbeError, UsageError
from generators.records import SAMPLE_SCHEMA
from generators.trace_files import read_traces
from probe.config import ModelOptions, StepsConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.prompts import ChatMode, ChatTemplate
from probe.runs import RESULTS, SAMPLES
from probe.step_prompts import STEP_TEMPLATES, StepKind
from probe.tasks.steps import scoring
from probe.tasks.steps.derive import derive
from probe.tasks.steps.kinds import KINDS, Answers
from probe.tasks.steps.task import evaluate_steps
from probe.verify import verify

Answer = Callable[[Request], str]


@pytest.fixture
def config(recorded_traces: Path, tmp_path: Path) -> StepsConfig:
    return StepsConfig(traces=recorded_traces, out=tmp_path / "run", batch_invariance_items=2)


@pytest.fixture(scope="module")
def gold(recorded_traces: Path) -> dict[str, str]:
    traces = read_traces(recorded_traces, keep_raising=True)
    questions, _ = derive(traces, tuple(StepKind), seed=0, per_program=2, limit=None)
    return {question.place.key: question.place.answer for question in questions}


def run(config: StepsConfig, answer: Answer, **options: Any) -> dict[str, Any]:
    return evaluate_steps(config, lambda: FakeGenerator(answer, **options))


def samples(config: StepsConfig) -> list[dict[str, Any]]:
    return [row for _, row in jsonl.read(config.out / SAMPLES, SAMPLE_SCHEMA)]


def estimates(results: dict[str, Any], policy: str = "exact") -> dict[str, float]:
    return {kind: one["scores"][policy]["estimate"] for kind, one in results["kinds"].items()}


def test_the_oracle_scores_one_on_every_kind(config: StepsConfig, gold: dict[str, str]) -> None:
    results = run(config, lambda request: f" {gold[request.key]}\n")
    assert estimates(results) == estimates(results, "exact_text") == dict.fromkeys(StepKind, 1.0)
    assert results["n_items"] == len(gold)
    for found in results["kinds"].values():
        best = found["against_best"]
        rival = found["baselines"][best["baseline"]]["exact"]["estimate"]
        assert best["difference"]["estimate"] == pytest.approx(1 - rival)
        assert best["only_baseline"] == 0
        assert rival == max(b["exact"]["estimate"] for b in found["baselines"].values()) < 1


def test_words_count_by_value_however_they_are_dressed(
    config: StepsConfig, gold: dict[str, str]
) -> None:
    results = run(config, lambda request: f" `{gold[request.key].upper()}`.\n")
    words = {kind for kind in StepKind if KINDS[kind].answers is not Answers.LITERAL}
    assert {kind for kind, share in estimates(results).items() if share == 1} == words
    assert not any(estimates(results, "exact_text").values())


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_copier_scores_as_the_baseline_that_it_copies(
    config: StepsConfig, gold: dict[str, str], place: int
) -> None:
    run(config, lambda request: f" {gold[request.key]}\n")
    names = {kind: KINDS[kind].baselines[place % len(KINDS[kind].baselines)] for kind in StepKind}
    said = {row["key"]: row["baselines"][names[StepKind(row["kind"])]] for row in samples(config)}
    copier = replace(config, out=config.out.with_name("copier"))
    results = run(copier, lambda request: f" {said[request.key]}\n")
    for kind, found in results["kinds"].items():
        assert found["scores"] == found["baselines"][names[StepKind(kind)]], kind


def test_a_constant_scores_its_share(config: StepsConfig, gold: dict[str, str]) -> None:
    results = run(config, lambda _: " True\n")
    for kind, share in estimates(results).items():
        answers = [text for key, text in gold.items() if key.startswith(f"{kind}/")]
        assert share == pytest.approx(sum(text == "True" for text in answers) / len(answers))
    assert estimates(results)["branch"] == 0.5
    assert results["kinds"]["branch"]["baselines"]["always_true"]["exact"]["estimate"] == 0.5
    reasons = results["kinds"]["next_line"]["counts"]["no_answer"]
    assert reasons == {"not_a_word": results["kinds"]["next_line"]["n_items"]}


def test_a_mute_is_wrong_and_counted(config: StepsConfig) -> None:
    results = run(config, lambda _: "")
    assert not any(estimates(results).values())
    assert results["counts"]["no_answer"] == {"empty": results["n_items"]}


def test_replies_of_chat_models_are_read_by_rules(
    config: StepsConfig, gold: dict[str, str]
) -> None:
    chat = ChatTemplate(mode=ChatMode.MODEL, sha256="0" * 64, render=lambda text: f"<u>{text}<a>")
    results = run(config, lambda request: f"The answer is: {gold[request.key]}.", chat=chat)
    assert estimates(results) == dict.fromkeys(StepKind, 1.0)
    both = replace(config, out=config.out.with_name("both"), kinds=(StepKind.NEXT_LINE,))
    results = run(both, lambda _: "The answer is 3.\nThe answer is return.", chat=chat)
    assert results["counts"]["no_answer"] == {"ambiguous": results["n_items"]}


def test_answers_are_balanced_and_programs_take_turns(config: StepsConfig) -> None:
    small = replace(config, limit=6)
    results = run(small, lambda _: " no\n")
    rows = samples(small)
    assert {kind: found["n_items"] for kind, found in results["kinds"].items()} == dict.fromkeys(
        StepKind, 6
    )
    for kind in StepKind:
        mine = [row for row in rows if row["kind"] == kind]
        assert max(Counter(row["task_id"] for row in mine).values()) <= config.per_program
        if KINDS[kind].balanced:
            assert sum(row["expected"] == KINDS[kind].balanced for row in mine) == 3
    assert results["kinds"]["raising"]["scores"]["exact"]["estimate"] == 0.5


def test_the_choice_depends_on_names_alone(recorded_traces: Path) -> None:
    traces = read_traces(recorded_traces, keep_raising=True)
    options: dict[str, Any] = {"seed": 3, "per_program": 1, "limit": 5}
    (one, left), (other, _) = (
        derive(order, tuple(StepKind), **options) for order in (traces, traces[::-1])
    )
    assert {(q.place.key, *q.baselines.items()) for q in one} == {
        (q.place.key, *q.baselines.items()) for q in other
    }
    assert left["program without both raising and other calls"] > 0


def test_examples_are_solved_questions_of_the_same_kind(
    config: StepsConfig, gold: dict[str, str]
) -> None:
    run(config, lambda request: f" {gold[request.key]}\n")
    for row in samples(config):
        template = STEP_TEMPLATES[StepKind(row["kind"])]
        assert row["prompt"].startswith(template.instruction)
        assert row["prompt"].count("# Question\n") == 4
        assert row["prompt"].endswith("\nAnswer:")
        answers = [part.split("\n", 1)[0] for part in row["prompt"].split("\nAnswer:")[1:-1]]
        assert len(answers) == 3
        assert all(answer.strip() for answer in answers)
    identity = json.loads((config.out / "manifest.json").read_text())["identity"]
    keys = identity["config"]["shot_keys"]
    assert set(keys) == set(StepKind)
    assert all(int(key.split("/")[1]) <= 10 for found in keys.values() for key in found)
    assert identity["questions"]["asked"] == Counter(key.split("/")[0] for key in gold)


def test_traces_without_what_is_asked_for_are_refused(
    config: StepsConfig, tiny_traces: Path
) -> None:
    def load() -> FakeGenerator:
        raise AssertionError("loaded")

    bare = replace(config, traces=tiny_traces)
    with pytest.raises(UsageError, match=r"no line events.*--trace-lines"):
        evaluate_steps(bare, load)
    with pytest.raises(UsageError, match=r"kind raising.*--keep-exceptions"):
        evaluate_steps(replace(bare, kinds=(StepKind.RAISING,)), load)
    with pytest.raises(UsageError, match="both a few-shot example and an item"):
        evaluate_steps(replace(config, traces=_prompt_traces(config.out.parent)), load)


def _prompt_traces(folder: Path) -> Path:
    from generators.records import Split
    from probe.config import MakeTracesConfig
    from probe.tasks.traces import make_traces

    path = folder / "prompt.jsonl"
    make_traces(
        MakeTracesConfig(source="basics", split=Split.PROMPT, inputs=2, trace_lines=True, out=path)
    )
    return path


@pytest.mark.parametrize("name", ["score_word", "score_prediction"])
def test_the_self_test_catches_a_broken_scorer(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    real = getattr(scoring, name)
    monkeypatch.setattr(scoring, name, lambda expected, answer: real(expected, expected))
    with pytest.raises(ProbeError, match="self-test"):
        scoring.self_test()


class TestVerify:
    """Every stored number that is not the recomputed one is found."""

    @pytest.fixture
    def done(self, config: StepsConfig, gold: dict[str, str]) -> StepsConfig:
        run(config, lambda request: f" {gold[request.key] if len(request.key) % 2 else 'x'}\n")
        return config

    def test_an_untouched_run_is_right(self, done: StepsConfig) -> None:
        (found,) = verify(done.out)
        assert found.ok, found.differences

    @pytest.mark.parametrize("field", ["completion", "expected", "answer", "exact", "baselines"])
    def test_a_changed_sample_is_found(self, done: StepsConfig, field: str) -> None:
        head, *rows = (done.out / SAMPLES).read_text().splitlines()
        row = next(r for r in map(json.loads, rows) if r["kind"] == "branch")
        new: dict[str, Any] = {
            "exact": not row["exact"],
            "baselines": {**row["baselines"], "always_true": "False"},
        }
        changed = row | {field: new.get(field, " 17")}
        lines = [json.dumps(changed if json.loads(r)["key"] == row["key"] else json.loads(r),
                            sort_keys=True) for r in rows]  # fmt: skip
        (done.out / SAMPLES).write_text("\n".join([head, *lines]) + "\n")
        (found,) = verify(done.out)
        assert not found.ok
        named = [text for text in found.differences if row["key"] in text or RESULTS in text]
        assert len(named) > 1 or field == "baselines"

    def test_a_changed_result_is_found(self, done: StepsConfig) -> None:
        path = done.out / RESULTS
        results = json.loads(path.read_text())
        results["kinds"]["raising"]["against_best"]["p_holm"] /= 2
        path.write_text(json.dumps(results))
        (found,) = verify(done.out)
        assert any("p_holm" in text for text in found.differences), found.differences


@pytest.mark.slow
def test_a_real_model_is_asked(
    config: StepsConfig, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probe.tasks.adapters import BASE, evaluate_adapters

    monkeypatch.setenv("PROBE_CACHE_DIR", str(model_cache))
    small = replace(
        config, limit=2, shots=1, model=ModelOptions(model="smollm2-135m", device="cpu")
    )
    (results,) = evaluate_adapters(evaluate_steps, small, [BASE]).values()
    assert results["n_items"] == 2 * len(StepKind)
    assert results["counts"]["finish"].get("stop", 0) >= results["n_items"] - 2
    assert all(part.ok for part in verify(small.out))
