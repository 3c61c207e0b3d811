"""Programs of finished runs are run again in the real sandbox: made-up facts are found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generators.errors import SandboxUnavailableError
from generators.problems.sources import Source, load_source
from probe.config import DataOptions
from probe.prompts import EXECUTION_V1
from probe.tasks.names import (
    ANALYSIS,
    COUNTERFACTUAL,
    DIALOG,
    EXECUTION,
    GRADING,
    GRID,
    MATHQA,
    REPRESENTATION,
    STEPS,
    SYNTHESIS,
)
from probe.tasks.rerun import run
from probe.tasks.rerun.findings import Rerun
from probe.tasks.rerun.run import rerun_programs

BASICS = load_source("basics")
PROBLEM = BASICS.problems[0]
CALL, _, EXPECTED = PROBLEM.test_list[0].removeprefix("assert ").partition(" == ")
PROBLEM_NAME = CALL.partition("(")[0]
DATA = DataOptions(workers=1)


def again(task: str, *rows: dict[str, Any], **source: object) -> Rerun:
    of_source = {**BASICS.identity(), **source}
    inputs = {"source": of_source, "traces": {"header": {"source": of_source}}}
    return rerun_programs(task, {"inputs": inputs}, rows, DATA)


def written(code: str, verdict: str, error: str = "") -> dict[str, Any]:
    return {
        "key": f"{PROBLEM.task_id}/0",
        "task_id": PROBLEM.task_id,
        "code": code,
        "verdict": verdict,
        "error": error,
    }


def predicted(expected: str, **fields: object) -> dict[str, Any]:
    return {
        "key": "a",
        "task_id": PROBLEM.task_id,
        "call": CALL,
        "expected": expected,
        **fields,
    }


@pytest.mark.parametrize("task", [SYNTHESIS, DIALOG, GRADING])
def test_verdicts_come_again_or_are_named(task: str) -> None:
    assert again(task, written(PROBLEM.code, "pass")) == Rerun(
        checked=("1 verdicts by running again",)
    )
    (told,) = again(task, written("pass", "pass")).differences
    assert told == (
        f"sample {PROBLEM.task_id}/0: stored is pass, running the program again gives "
        "exception NameError"
    )
    assert again(task, written("pass", "exception", "KeyError")).differences


def test_a_program_of_chance_is_no_difference_and_named() -> None:
    """A coin: an exception, or a wrong answer."""
    code = f"import os\ndef {PROBLEM_NAME}(*args):\n    return 1 / (os.urandom(1)[0] % 2)"
    rows = [written(code, "fail") | {"key": f"{PROBLEM.task_id}/{n}"} for n in range(20)]
    found = again(SYNTHESIS, *rows)
    assert found.differences == ()
    (told,) = found.unchecked
    assert "verdicts that are not the same each time, by the clock or by chance: 1/" in told
    never = again(SYNTHESIS, written(code, "pass"))  # what it never does stays a difference
    assert len(never.differences) == 1


def test_replies_without_a_program_are_passed_over() -> None:
    assert again(DIALOG, {"key": "1/0", "task_id": 1, "kind": "reply", "code": ""}) == Rerun()


@pytest.mark.parametrize("task", [EXECUTION, GRID])
def test_true_outputs_come_again_or_are_named(task: str) -> None:
    assert again(task, predicted(EXPECTED)) == Rerun(checked=("1 true outputs by running again",))
    (told,) = again(task, predicted("'made up'")).differences
    assert told == f"sample a: stored is 'made up', running the program again gives {EXPECTED}"


def test_a_changed_program_is_read_from_its_prompt() -> None:
    shot = EXECUTION_V1.item.format(code="def g():\n    return 7", call="g()")
    query = EXECUTION_V1.item.format(code="def f(x):\n    return x + 2\n\nK = 1", call="f(K)")
    prompt = f"{EXECUTION_V1.instruction}{shot} 7\n\n{query}"
    row = predicted("3", prompt=prompt) | {"call": "f(K)"}
    assert again(COUNTERFACTUAL, row).checked
    (told,) = again(COUNTERFACTUAL, row | {"expected": "2"}).differences
    assert told.endswith("gives 3")


@pytest.mark.parametrize(
    ("code", "ran", "error", "value", "same"),
    [
        ("answer = 6 * 7", "ok", "", "42", True),
        ("answer = 6 * 7", "ok", "", "43", False),
        ("answer = 1 / 0", "exception", "ZeroDivisionError", "", True),
        ("answer = 1 / 0", "exception", "ValueError", "", False),
    ],
)
def test_values_come_again_or_are_named(
    code: str, ran: str, error: str, value: str, *, same: bool
) -> None:
    row = {
        "key": "5/0",
        "task_id": 5,
        "target": "python",
        "finish": "stop",
        "completion": code,
        "ran": ran,
        "error": error,
        "value": value,
    }
    found = again(MATHQA, row)
    assert bool(found.checked) is same
    assert bool(found.differences) is not same


def test_what_time_decides_is_no_difference() -> None:
    found = again(SYNTHESIS, written(PROBLEM.code, "timeout"))
    assert found == Rerun(unchecked=("1 verdicts that time or memory decided",))


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"content_sha256": "0" * 64}, "basics is here in another version"),
        ({"name": "mine.jsonl"}, "no such file"),
        ({"name": "mbpp"}, "mbpp is not here; name its folder with --data-dir"),
    ],
)
def test_problems_that_are_not_here_are_said(
    source: dict[str, str], why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PROBE_DATA_DIR", raising=False)
    monkeypatch.setenv("PROBE_CACHE_DIR", str(tmp_path))
    (told,) = again(SYNTHESIS, written(PROBLEM.code, "pass"), **source).unchecked
    assert why in told


def test_no_isolation_is_said_and_nothing_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: object) -> None:
        raise SandboxUnavailableError("nothing isolates here")

    monkeypatch.setattr(run, "choose_backend", none)
    found = again(SYNTHESIS, written("raise SystemExit", "pass"))
    assert found == Rerun(
        unchecked=("what programs did, as they were not run again: nothing isolates here",)
    )


LOOP = (
    "def f(n):\n    found = 0\n    for i in range(n):\n        found = found + i\n    return found"
)


@pytest.mark.parametrize(
    ("key", "call", "expected", "wrong"),
    [
        ("next_line/1/4/3/2", "f(1)", "5", "4"),
        ("variable/1/4/4/2/found", "f(3)", "1", "2"),
        ("iterations/1/4/3", "f(3)", "3", "4"),
        ("raising/1/4", "f(3)", "no", "TypeError"),
        ("raising/1/4", "f('a')", "TypeError", "no"),
    ],
)
def test_answers_about_steps_come_again_or_are_named(
    key: str, call: str, expected: str, wrong: str, tmp_path: Path
) -> None:
    name, source = own_source(tmp_path, code=LOOP, test="assert f(1) == 0")
    row = {"key": key, "task_id": 1, "trace_id": "1/4", "call": call, "expected": expected}
    found = again(STEPS, row, name=name, content_sha256=source.content_sha256)
    assert found == Rerun(checked=("1 answers about steps by running again",))
    (told,) = again(
        STEPS, row | {"expected": wrong}, name=name, content_sha256=source.content_sha256
    ).differences
    assert told.endswith(f"gives {expected}")


@pytest.mark.parametrize(
    ("call", "expected", "raises", "wrong"),
    [
        (CALL, EXPECTED, "", {"expected": "'made up'"}),
        (CALL, EXPECTED, "", {"raises": "TypeError"}),
        (f"{PROBLEM_NAME}()", "", "TypeError", {"raises": "KeyError"}),
        (f"{PROBLEM_NAME}()", "", "TypeError", {"expected": "1", "raises": ""}),
    ],
)
def test_calls_whose_states_were_read_come_again_or_are_named(
    call: str, expected: str, raises: str, wrong: dict[str, str]
) -> None:
    row = predicted(expected, raises=raises, labels={"raises": "", "branch": ""}) | {"call": call}
    assert again(REPRESENTATION, row) == Rerun(
        checked=("1 true outputs by running again",),
        unchecked=("labels that follow from the way of a run: branch",),
    )
    assert len(again(REPRESENTATION, row | wrong).differences) == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"verdict": "fail"}, "stored is fail, running the program again gives pass"),
        (
            {"challenge": {"verdict": "pass"}},
            "stored is pass, running the program again gives fail",
        ),
    ],
)
def test_an_analysis_comes_again_or_is_named(
    wrong: dict[str, Any], told: str, tmp_path: Path
) -> None:
    name, source = own_source(
        tmp_path,
        code="def f(x):\n    return 2 * x",
        test="assert f(2) == 4",
        challenge="assert f(3) == 6",
    )
    inputs = {"source": source.identity() | {"name": name}, "traces": {"sha256": ""}}
    row = {
        "key": "1/0",
        "task_id": 1,
        "code": "def f(x):\n    return x + 2",
        "verdict": "pass",
        "challenge": {"verdict": "fail"},
    }
    rows = [row, row | {"key": "1/1", "code": "", "verdict": "fail", "challenge": None}]
    found = rerun_programs(ANALYSIS, {"inputs": inputs}, rows, DATA)
    assert found == Rerun(
        checked=(
            "1 verdicts by running again",
            "1 outcomes of challenge tests by running again",
        ),
        unchecked=("agreement on fresh inputs, which stand in a trace file",),
    )
    (difference,) = rerun_programs(ANALYSIS, {"inputs": inputs}, [row | wrong], DATA).differences
    assert difference == f"sample 1/0: {told}"


def test_a_source_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    code = "def f(x):\n    return 2 * x"
    for value in (4, 5):
        name, source = own_source(tmp_path, code=code, test=f"assert f(2) == {value}")
        row = written(code, "pass") | {"task_id": 1}
        found = again(SYNTHESIS, row, name=name, content_sha256=source.content_sha256)
        assert bool(found.checked) is (value == 4)
        assert bool(found.differences) is (value == 5)


def own_source(folder: Path, *, code: str, test: str, challenge: str = "") -> tuple[str, Source]:
    """Write a problem of one's own; return the file's name and what it holds."""
    problem = {
        "task_id": 1,
        "text": "Do it.",
        "code": code,
        "test_list": [test],
        "test_setup_code": "",
        "challenge_test_list": [challenge] if challenge else [],
    }
    path = folder / "mine.jsonl"
    path.write_text(json.dumps(problem) + "\n", encoding="utf-8")
    return str(path), load_source(str(path))
