"""Verdicts of the grader, from real programs in the real sandbox."""

from __future__ import annotations

import pytest

from generators.records import Problem, Split, Verdict
from probe.tasks.grading import Graded, Submission, grade, self_test

TESTS = ("assert area(2, 3) == 6", "assert area(1, 1) == 1", "assert area(0, 5) == 0")


def make_problem(**changes: object) -> Problem:
    fields = {
        "source": "test",
        "task_id": 1,
        "text": "Write a function to find the area of a rectangle.",
        "code": "def area(a, b):\n    return a * b",
        "test_list": TESTS,
        "split": Split.TEST,
    }
    return Problem(**{**fields, **changes})


def verdicts(problem: Problem, *programs: str) -> list[Graded]:
    submissions = [
        Submission(key=str(index), problem=problem, code=code)
        for index, code in enumerate(programs)
    ]
    found = {graded.key: graded for graded in grade(submissions, workers=2)}
    return [found[str(index)] for index in range(len(programs))]


PROGRAMS = {
    "right": ("def area(a, b):\n    return a * b", Verdict.PASS),
    "equal under ==": ("def area(a, b):\n    return float(a * b)", Verdict.PASS),
    "wrong": ("def area(a, b):\n    return a + b", Verdict.FAIL),
    "right once": ("def area(a, b):\n    return 6", Verdict.FAIL),
    "broken": ("def area(a, b)\n    return a * b", Verdict.SYNTAX_ERROR),
    "tabs": ("def area(a, b):\n\treturn a\n        return b", Verdict.SYNTAX_ERROR),
    "other name": ("def surface(a, b):\n    return a * b", Verdict.EXCEPTION),
    "raises": ("def area(a, b):\n    raise ValueError('no')", Verdict.EXCEPTION),
    "raises on load": ("1 / 0", Verdict.EXCEPTION),
    "own assertion": ("def area(a, b):\n    assert False", Verdict.EXCEPTION),
    "loops": ("while True:\n    pass", Verdict.TIMEOUT),
    "exits": ("import sys\ndef area(a, b):\n    sys.exit(0)", Verdict.EXCEPTION),
    "exits hard": ("import os\ndef area(a, b):\n    os._exit(0)", Verdict.CRASHED),
    "exits on load": ("import os\nos._exit(0)", Verdict.CRASHED),
    "memory": ("def area(a, b):\n    return len(bytearray(1 << 40))", Verdict.MEMORY),
    "floods": ("def area(a, b):\n    while True:\n        print('x' * 9999)", Verdict.OUTPUT_LIMIT),
    "always equal": (
        "class Any(int):\n    __eq__ = lambda *_: True\n    __hash__ = int.__hash__\n"
        "def area(a, b):\n    return Any(7)",
        Verdict.FAIL,
    ),
    "returns nothing": ("def area(a, b):\n    print(a * b)", Verdict.FAIL),
}


@pytest.fixture(scope="module")
def graded() -> dict[str, Graded]:
    found = verdicts(make_problem(), *(code for code, _ in PROGRAMS.values()))
    return dict(zip(PROGRAMS, found, strict=True))


@pytest.mark.parametrize("name", PROGRAMS)
def test_verdict(graded: dict[str, Graded], name: str) -> None:
    assert graded[name].verdict is PROGRAMS[name][1], graded[name]


def test_messages_say_what_went_wrong(graded: dict[str, Graded]) -> None:
    assert graded["wrong"].message == "area(2, 3) gave 5, expected 6"
    assert graded["raises"].error == "ValueError"
    assert graded["other name"].error == "NameError"
    assert graded["right"].message == ""


def test_asserts_of_another_form_run_inside_and_are_counted() -> None:
    problem = make_problem(
        test_list=("assert abs(area(2, 3) - 6) < 1e-9", "assert area(1, 1) == 1")
    )
    right, wrong = verdicts(problem, PROGRAMS["right"][0], PROGRAMS["wrong"][0])
    assert (right.verdict, right.inside) == (Verdict.PASS, 1)
    assert (wrong.verdict, wrong.inside) == (Verdict.FAIL, 1)


def test_set_up_code_runs_after_the_solution() -> None:
    problem = make_problem(test_setup_code="unit = Unit(2)", test_list=("assert use(unit) == 2",))
    code = (
        "class Unit:\n    def __init__(self, n):\n        self.n = n\ndef use(u):\n    return u.n"
    )
    assert verdicts(problem, code)[0].verdict is Verdict.PASS


def test_a_slow_reference_earns_its_solutions_more_time() -> None:
    slow = (
        "import time\ndef area(a, b):\n    end = time.process_time() + 0.7 * {n}\n"
        "    while time.process_time() < end:\n        pass\n    return a * b"
    )
    problem = make_problem(code=slow.format(n=1), test_list=TESTS[:1])
    patient, endless = verdicts(
        problem, slow.format(n=4.6), "def area(a, b):\n    while True:\n        pass"
    )
    assert patient.verdict is Verdict.PASS
    assert patient.cpu_seconds > 3.0
    assert endless.verdict is Verdict.TIMEOUT


def test_the_self_test_passes() -> None:
    self_test()
    assert verdicts(make_problem(), PROGRAMS["right"][0])[0].verdict is Verdict.PASS
