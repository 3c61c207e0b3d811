"""The grid on models of known behaviour: an oracle, a copier, a constant, one that reads tests."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from generators import jsonl
from generators.errors import RunError, UsageError
from generators.records import SAMPLE_SCHEMA, Origin, Split, Trace
from generators.trace_files import read_traces
from probe.config import GridConfig, MakeTracesConfig
from probe.models.fake import FakeGenerator
from probe.models.text import Request
from probe.prompts import EXECUTION, Asked, asked_prompt, known_contents
from probe.runs import RESULTS, SAMPLES
from probe.tasks.grid import evaluate_grid
from probe.tasks.held_out import Inputs, Setting
from probe.tasks.traces import make_traces
from probe.verify import verify


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grid") / "test.jsonl"
    make_traces(MakeTracesConfig(source="basics", split=Split.TEST, inputs=4, limit=6, out=path))
    return path


@pytest.fixture
def config(traces: Path, tmp_path: Path) -> GridConfig:
    return GridConfig(traces=traces, out=tmp_path / "run", batch_invariance_items=3)


def asked_call(request: Request) -> str:
    return request.prompt.rpartition("assert ")[2].removesuffix(" ==")


def make_oracle(path: Path) -> Callable[[Request], str]:
    outputs = {trace.call: trace.output for trace in read_traces(path)}
    return lambda request: f" {outputs[asked_call(request)]}\n"


def cell_of(results: dict, content: str, setting: Setting, inputs: Inputs) -> dict:
    (found,) = (
        cell
        for cell in results["cells"]
        if (cell["content"], cell["setting"], cell["inputs"]) == (content, setting, inputs)
    )
    return found


def samples(config: GridConfig) -> list[dict]:
    return [row for _, row in jsonl.read(config.out / SAMPLES, SAMPLE_SCHEMA)]


def run(config: GridConfig, answer: Callable[[Request], str]) -> dict:
    return evaluate_grid(config, lambda: FakeGenerator(answer))


def test_the_oracle_scores_one_in_every_cell(config: GridConfig) -> None:
    results = run(config, make_oracle(config.traces))
    assert len(results["cells"]) == 7 * 2 * 2
    for cell in results["cells"]:
        assert cell["scores"]["exact"]["estimate"] == 1
        assert cell["balanced"]["exact_text"]["estimate"] == 1
        assert cell["n_programs"] == 6
        assert cell["n_items"] == (6 if cell["setting"] == "L" else 12)
    assert all(row["exact"]["difference"]["estimate"] == 0 for row in results["fresh_minus_public"])
    (verification,) = verify(config.out)
    assert verification.ok


def test_each_prompt_is_decoded_once(config: GridConfig) -> None:
    asked: list[str] = []
    oracle = make_oracle(config.traces)
    run(
        replace(config, batch_invariance_items=0),
        lambda request: (asked.append(request.prompt), oracle(request))[1],
    )
    assert len(asked) == len(set(asked)) < len(samples(config))


def test_a_reader_of_tests_is_right_where_they_tell(config: GridConfig) -> None:
    """Answers what the last shown test says; without tests, nothing."""

    def last_test(request: Request) -> str:
        before = request.prompt.rpartition("\n\n# Result")[0].splitlines()[-1]
        return f" {before.partition(' == ')[2]}\n" if before.startswith("assert ") else " ?\n"

    results = run(replace(config, shots=0), last_test)
    by_program: dict[int, list[Trace]] = {}
    for trace in read_traces(config.traces):
        if trace.origin is Origin.ASSERT:
            by_program.setdefault(trace.task_id, []).append(trace)
    expected = [own[-1].output == own[-2].output for own in by_program.values()]
    cell = cell_of(results, "tests", Setting.L, Inputs.PUBLIC)
    assert cell["scores"]["exact_text"]["estimate"] == sum(expected) / len(expected)
    assert cell_of(results, "code", Setting.L, Inputs.PUBLIC)["scores"]["exact"]["estimate"] == 0


def test_a_constant_needs_two_right_answers_in_setting_r(config: GridConfig) -> None:
    results = run(config, lambda _: " True\n")
    held: dict[int, list[str]] = {}
    for trace in read_traces(config.traces):
        if trace.origin is Origin.ASSERT:
            held.setdefault(trace.task_id, []).append(trace.output)
    one = [outputs[-1] == "True" for outputs in held.values()]
    two = [outputs[-2:] == ["True"] * 2 for outputs in held.values()]
    for content in EXECUTION:
        for setting, right in ((Setting.L, one), (Setting.R, two)):
            cell = cell_of(results, content, setting, Inputs.PUBLIC)
            assert cell["scores"]["exact"]["estimate"] == pytest.approx(sum(right) / len(right))


def test_a_copier_is_not_beyond_the_baseline_that_copies(config: GridConfig) -> None:
    run(config, make_oracle(config.traces))
    copies = {
        row["prompt_sha256"]: row["baselines"]["copy_other_output"] for row in samples(config)
    }
    copier = replace(config, out=config.out.with_name("copier"))
    results = run(copier, lambda request: f" {copies[jsonl.sha256_text(request.prompt)]}\n")
    for cell in results["cells"]:
        assert cell["scores"] == cell["baselines"]["copy_other_output"]
        assert cell["beyond_baseline"]["difference"]["estimate"] <= 0


def test_prompts_show_what_the_content_names_and_never_the_answer(config: GridConfig) -> None:
    run(config, make_oracle(config.traces))
    heads = json.loads((config.out / "manifest.json").read_text())["identity"]["prompt_heads"]
    texts = {trace.task_id: trace for trace in read_traces(config.traces)}
    for row in samples(config):
        whole = heads[row["prompt_head"]] + row["prompt"]
        assert jsonl.sha256_text(whole) == row["prompt_sha256"]
        parts = set(row["content"].split("+"))
        trace = texts[row["task_id"]]
        assert (trace.code.strip("\n") in row["prompt"]) == ("code" in parts)
        assert (trace.text.strip() in row["prompt"]) == ("text" in parts)
        assert row["prompt"].count("assert ") == 1 + row["tests_shown"]
        assert row["tests_shown"] == ({"L": 2, "R": 1}[row["setting"]] if "tests" in parts else 0)
        assert row["prompt"].endswith(f"assert {row['call']} ==")
        assert f"assert {row['call']} == {row['expected']}" not in row["prompt"]
        ast.parse(row["call"], mode="eval")


def test_a_training_program_among_the_items_is_a_leak(config: GridConfig) -> None:
    results = run(
        replace(config, training_traces=config.traces, shots=0), make_oracle(config.traces)
    )
    programs = sorted({trace.task_id for trace in read_traces(config.traces)})
    assert results["leaks"] == {"input": programs, "program": programs, "text": programs}
    assert all(cell["without_leaks"] is None for cell in results["cells"])


def test_scores_without_leaks_leave_the_leaking_programs_out(
    config: GridConfig, tmp_path: Path
) -> None:
    lines = config.traces.read_text().splitlines(keepends=True)
    known = read_traces(config.traces)[0]
    first = [line for line in lines[1:] if json.loads(line)["task_id"] == known.task_id]
    training = tmp_path / "training.jsonl"
    training.write_text("".join([lines[0], *first]))
    oracle = make_oracle(config.traces)
    results = run(
        replace(config, training_traces=training),
        lambda request: oracle(request) if known.entry_point in asked_call(request) else " ?\n",
    )
    only = [known.task_id]
    assert results["leaks"] == {"input": only, "program": only, "text": only}
    for cell in results["cells"]:
        assert cell["scores"]["exact"]["estimate"] == pytest.approx(1 / 6)
        assert cell["without_leaks"]["exact"]["estimate"] == 0


class _Stop(Exception):
    """Stands for a kill in the middle of generation."""


def test_an_interrupted_grid_resumes_to_the_same_bytes(config: GridConfig) -> None:
    config = replace(config, batch_invariance_items=0)
    oracle = make_oracle(config.traces)
    left = [40]

    def dying(request: Request) -> str:
        if not left[0]:
            raise _Stop
        left[0] -= 1
        return oracle(request)

    with pytest.raises(_Stop):
        run(config, dying)
    run(config, oracle)
    straight = replace(config, out=config.out.with_name("straight"))
    run(straight, oracle)
    for name in (SAMPLES, RESULTS):
        assert (config.out / name).read_bytes() == (straight.out / name).read_bytes()


def test_another_grid_may_not_go_on_with_the_run(config: GridConfig) -> None:
    run(config, make_oracle(config.traces))
    with pytest.raises(RunError, match="settings"):
        run(replace(config, settings=(Setting.L,)), make_oracle(config.traces))


def test_contents_are_named_in_any_order() -> None:
    assert known_contents(["tests+code", "text"]) == ("code+tests", "text")
    assert known_contents(["all"]) == tuple(EXECUTION)
    assert known_contents(None) == ()
    with pytest.raises(UsageError, match="no prompt content 'nl'"):
        known_contents(["nl"])


def test_templates_are_what_was_published(traces: Path) -> None:
    """A changed hash is a changed template and wants a new version."""
    assert {name: template.sha256[:12] for name, template in EXECUTION.items()} == {
        "code": "f8f8d7146488",
        "code+text+tests": "05889875d8df",
        "code+text": "09c63b7a8a6c",
        "code+tests": "ea7eeafaf959",
        "text+tests": "e38c6a1f18d1",
        "text": "41bbf87a2be3",
        "tests": "b92ae92e91b6",
    }
    trace = read_traces(traces)[0]
    bare = replace(trace, setup="node = 1")
    shown = asked_prompt(EXECUTION["tests"], [], Asked(trace=bare, tests=(trace,)))
    assert "# Set-up\nnode = 1\n\n# Tests\n" in shown
    assert "# Set-up" not in asked_prompt(EXECUTION["code"], [], Asked(trace=bare))


def test_no_call_that_fits_is_an_error_before_the_model_is_loaded(
    config: GridConfig, tmp_path: Path
) -> None:
    def load() -> FakeGenerator:
        raise AssertionError("loaded")

    asserts = tmp_path / "asserts.jsonl"
    lines = config.traces.read_text().splitlines(keepends=True)
    kept = [line for line in lines[1:] if json.loads(line)["origin"] == "assert"]
    asserts.write_text("".join([lines[0], *kept]))
    with pytest.raises(UsageError, match="no call to hold out"):
        evaluate_grid(replace(config, traces=asserts, inputs=(Inputs.FRESH,)), load)
