"""Scratchpads: their canonical text, how answers are read from them, and models that write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generators.errors import UsageError
from generators.records import LineEvent, Origin, Recording, Split, Trace
from generators.trace_files import read_traces
from probe.config import ExecutionConfig, FinetuneConfig, ModelOptions
from probe.extract import Reason
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.runs import read_run
from probe.scratchpad import (
    MAX_CHARS,
    MAX_EVENTS,
    SCRATCHPAD_V1,
    extract_result,
    leading_share,
    scratchpad_fits,
    scratchpad_lines,
    scratchpad_prompt,
    scratchpad_target,
)
from probe.tasks.execution import evaluate_execution
from probe.tasks.wording import check_asked_as_trained, wording
from probe.training.examples import make_examples
from probe.verify import verify


def make_trace(*events: tuple[int, int, dict[str, str]], output: str = "6") -> Trace:
    found = tuple(LineEvent(line=n, depth=d, changed=changed) for n, d, changed in events)
    steps = sum(event.line > 0 for event in found)
    return Trace(
        trace_id="11/0",
        source="s",
        task_id=11,
        split=Split.TEST,
        entry_point="f",
        text="",
        code="\ndef f(b, a):\n    return g(a) + b",
        setup="g = abs",
        call="f(2, 4)",
        output=output,
        output_type="int",
        origin=Origin.ASSERT,
        recording=Recording(lines=(), branches=(), steps=steps, complete=True, events=found),
    )


NESTED = make_trace((3, 0, {"b": "2", "a": "4"}), (9, 1, {"h": ""}), (0, 1, {}), (0, 0, {"c": "6"}))


def test_the_text_of_a_run_is_canonical() -> None:
    assert scratchpad_lines(NESTED) == ("3: a = 4, b = 2", ">9: h = ...", ">end", "end: c = 6")
    assert scratchpad_target(NESTED) == (
        "3: a = 4, b = 2\n>9: h = ...\n>end\nend: c = 6\nresult: 6\n\n"
    )
    assert scratchpad_prompt([], NESTED).endswith(
        "# Program\n2  def f(b, a):\n3      return g(a) + b\n\ng = abs\n\n"
        "# Call\nf(2, 4)\n\n# Run\n"
    )


def test_bounds_count_events_and_characters() -> None:
    turn: tuple[int, int, dict[str, str]] = (3, 0, {})
    end: tuple[int, int, dict[str, str]] = (0, 0, {})
    assert scratchpad_fits(make_trace(*[turn] * (MAX_EVENTS - 1), end))
    long = make_trace(*[turn] * MAX_EVENTS, end)
    assert not scratchpad_fits(long)
    assert len(scratchpad_lines(long)) == MAX_EVENTS
    wide = make_trace((3, 0, {"a": "1" * MAX_CHARS}), end)
    assert not scratchpad_fits(wide)
    assert scratchpad_lines(wide) == ()
    assert not scratchpad_fits(make_trace(turn))  # the end is missing
    assert not scratchpad_fits(replace(NESTED, recording=None))


@pytest.mark.parametrize(
    ("completion", "cut", "text", "reason"),
    [
        ("3: a = 4\nend\nresult: 6", False, "6", Reason.NONE),
        ("result: 5\nend\nresult: 6\n", False, "6", Reason.NONE),
        ("result: 5\nresult: 6\n# Program", True, "6", Reason.NONE),
        ("end\nresult: six", False, "six", Reason.NOT_A_LITERAL),
        ("end\nresult:", False, "", Reason.EMPTY),
        ("3: a = 4\nend", False, "", Reason.NO_ANSWER),
        ("3: a = 4\n3: a", True, "", Reason.TRUNCATED),
        ("end\nresult: 6", True, "", Reason.TRUNCATED),
        ("", False, "", Reason.EMPTY),
        ("6", False, "", Reason.NO_ANSWER),
    ],
)
def test_the_answer_stands_after_the_last_marker(
    completion: str, cut: bool, text: str, reason: Reason
) -> None:
    found = extract_result(completion, cut=cut)
    assert (found.text, found.reason) == (text, reason)


@pytest.mark.parametrize(
    ("completion", "share"),
    [
        ("3: a = 4\n3\nend\nresult: 6", 1.0),
        ("3: a = 4\n3\nresult: 6", 2 / 3),
        ("3: a = 4\n4\nend\nresult: 6", 1 / 3),
        ("3: a = 5\n3\nend\nresult: 6", 0.0),
        ("3: a = 4", 1 / 3),
        ("3: a = 4\n3\nend\nend\nresult: 6", 1.0),
        ("", 0.0),
    ],
)
def test_events_are_right_up_to_the_first_that_is_not(completion: str, share: float) -> None:
    assert leading_share("3: a = 4\n3\nend", completion) == pytest.approx(share)


@pytest.fixture
def config(recorded_traces: Path, tmp_path: Path) -> ExecutionConfig:
    return ExecutionConfig(
        traces=recorded_traces,
        out=tmp_path / "run",
        scratchpad=True,
        per_program=2,
        batch_invariance_items=2,
    )


@pytest.fixture(scope="module")
def targets(recorded_traces: Path) -> dict[str, str]:
    return {trace.trace_id: scratchpad_target(trace) for trace in read_traces(recorded_traces)}


def run(config: ExecutionConfig, answer: Callable[[Request], str]) -> dict[str, Any]:
    return evaluate_execution(config, lambda: FakeGenerator(answer))


def test_the_oracle_scores_one_with_all_events(
    config: ExecutionConfig, targets: dict[str, str]
) -> None:
    wide = replace(config, max_new_tokens=2000)  # a token of the fake is a character
    results = run(wide, lambda request: targets[request.key])
    assert results["scores"]["exact_text"]["estimate"] == 1
    assert results["counts"]["finish"] == {"stop": results["n_items"]}
    pads = results["scratchpad"]
    assert pads["leading_right"]["estimate"] == 1
    assert 0 < pads["whole_right"] == pads["inside_bounds"] <= results["n_items"]
    assert pads["truncated"] == 0
    for row in read_run(wide.out).samples:
        assert row["prompt"].startswith(SCRATCHPAD_V1.instruction)
        assert row["prompt"].count("\nresult: ") == 3
        assert row["prompt"].endswith("\n# Run\n")
    (found,) = verify(wide.out)
    assert found.ok, found.differences


def test_few_long_answers_are_decoded_once_more(
    config: ExecutionConfig, targets: dict[str, str], tiny_traces: Path
) -> None:
    usual = replace(config, batch_invariance_items=None, limit=12)
    results = run(usual, lambda request: targets[request.key])
    assert results["batch_invariance"]["n_items"] == 4
    direct = replace(usual, scratchpad=False, out=config.out.with_name("direct"))
    results = run(replace(direct, traces=tiny_traces), lambda _: " 1\n")
    assert results["batch_invariance"]["n_items"] == 12  # twenty, had it so many


def test_truncated_scratchpads_are_wrong_and_counted(
    config: ExecutionConfig, targets: dict[str, str]
) -> None:
    results = run(config, lambda _: "1: x = 0\n" * 500)
    n = results["n_items"]
    assert results["counts"] == {"finish": {"length": n}, "no_answer": {"truncated": n}}
    assert results["scratchpad"]["truncated"] == n
    assert results["scores"]["exact"]["estimate"] == 0
    assert results["scratchpad"]["leading_right"]["estimate"] == 0


def test_the_answer_counts_without_its_events_and_the_events_without_it(
    config: ExecutionConfig, targets: dict[str, str]
) -> None:
    wide = replace(config, max_new_tokens=2000)
    alone = run(wide, lambda request: targets[request.key].split("\n")[-3] + "\n\n")
    assert alone["scores"]["exact"]["estimate"] == 1
    assert alone["scratchpad"]["leading_right"]["estimate"] == 0
    other = replace(wide, out=wide.out.with_name("other"))
    events = run(other, lambda request: targets[request.key].replace("result: ", "result: not "))
    assert events["scores"]["exact"]["estimate"] == 0
    assert events["scratchpad"]["leading_right"]["estimate"] == 1


def test_a_changed_share_is_found(config: ExecutionConfig, targets: dict[str, str]) -> None:
    run(config, lambda request: targets[request.key])
    path = config.out / "samples.jsonl"
    head, first, *rest = path.read_text().splitlines()
    row = json.loads(first)
    path.write_text("\n".join([head, json.dumps(row | {"leading_right": 0.25}), *rest]) + "\n")
    (found,) = verify(config.out)
    assert any("leading_right" in text for text in found.differences)


def test_traces_without_events_are_refused(config: ExecutionConfig, tiny_traces: Path) -> None:
    with pytest.raises(UsageError, match="no line events"):
        run(replace(config, traces=tiny_traces), lambda _: "")
    with pytest.raises(UsageError, match="no line events"):
        make_examples(FinetuneConfig(traces=tiny_traces, out=config.out, scratchpad=True))


@pytest.mark.parametrize("shots", [0, 2])
def test_training_asks_as_evaluation_does(
    config: ExecutionConfig, targets: dict[str, str], shots: int
) -> None:
    asked = replace(config, shots=shots, per_program=None)
    run(asked, lambda _: "end\n\n")
    prompts = {row["prompt"]: row["key"] for row in read_run(asked.out).samples}
    made = make_examples(
        FinetuneConfig(traces=config.traces, out=config.out, scratchpad=True, shots=shots)
    )
    assert made.config["shot_ids"] == [2, 3][:shots]
    traces = read_traces(config.traces)
    fits = [trace for trace in traces if scratchpad_fits(trace)]
    assert made.inputs["traces_left_out"] == len(traces) - len(fits) > 0
    assert len(made.train) + len(made.validation) == len(fits)
    for example in (*made.train, *made.validation):
        assert example.target == targets[prompts[example.prompt]]


def test_an_adapter_is_asked_in_the_template_it_was_trained_in() -> None:
    direct, pads = (wording(scratchpad=flag).template for flag in (False, True))
    for prompts, template in (([direct.name], direct), ([pads.name], pads)):
        check_asked_as_trained({"prompts": prompts}, template)
    check_asked_as_trained({"name": "somebody's"}, pads)
    check_asked_as_trained(None, pads)
    with pytest.raises(UsageError, match="trained with --scratchpad"):
        check_asked_as_trained({"prompts": [pads.name]}, direct)
    with pytest.raises(UsageError, match="trained without --scratchpad"):
        check_asked_as_trained({"prompts": [direct.name]}, pads)


def test_a_trained_model_is_asked_in_its_own_template(
    config: ExecutionConfig, make_model_folder: Callable[..., Path]
) -> None:
    from probe.tasks.adapters import evaluate_adapters
    from probe.training.run import finetune_run

    folder = make_model_folder("llama", max_position_embeddings=4096)
    options = ModelOptions(model=str(folder), device="cpu")
    tuned = config.out.with_name("tuned")
    training = FinetuneConfig(
        traces=config.traces,
        out=tuned,
        model=options,
        scratchpad=True,
        limit=4,
        validation_items=2,
        max_steps=1,
        items_per_step=2,
        max_length=4096,
        row_tokens=4096,
    )
    finetune_run(training)
    identity = read_run(tuned).manifest["identity"]
    assert list(identity["prompts"]) == [SCRATCHPAD_V1.name]
    assert identity["inputs"]["traces_left_out"] > 0
    asked = replace(config, model=options, shots=0, limit=2, max_new_tokens=9)
    (results,) = evaluate_adapters(evaluate_execution, asked, [str(tuned)]).values()
    assert results["scratchpad"]["leading_right"]["n"] == 2
    assert all(part.ok for part in verify(asked.out))
    direct = replace(asked, scratchpad=False, out=config.out.with_name("direct"))
    with pytest.raises(UsageError, match="trained with --scratchpad"):
        evaluate_adapters(evaluate_execution, direct, [str(tuned)])


@pytest.mark.slow
def test_a_real_model_copies_the_form(
    config: ExecutionConfig, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probe.tasks.adapters import BASE, evaluate_adapters

    monkeypatch.setenv("PROBE_CACHE_DIR", str(model_cache))
    options = ModelOptions(model="smollm2-135m", device="cpu")
    asked = replace(config, model=options, limit=2, max_new_tokens=48, batch_invariance_items=0)
    (results,) = evaluate_adapters(evaluate_execution, asked, [BASE]).values()
    assert results["scratchpad"]["leading_right"]["n"] == 2
    assert all(row["completion"][0].isdigit() for row in read_run(asked.out).samples)
    assert all(part.ok for part in verify(asked.out))
