"""Grading of programs that anybody wrote: run the tests in the sandbox, give a verdict a sample.

Called by ``probe grade`` (:mod:`probe.tasks.grade_file`). For asserts of the form
``call == literal`` the sandbox sees the call alone and this process compares; any other assert
runs inside and is counted as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from generators.calls import parse_assert
from generators.errors import LiteralError, SelfTestError
from generators.literals import EqualityPolicy, equal
from generators.records import Outcome, OutcomeStatus, Problem, Split, Verdict
from generators.sandbox.policy import Limits
from generators.sandbox.pool import Job, JobResult, SandboxPool

__all__ = ["REFERENCE_FACTOR", "Graded", "Submission", "grade", "is_right", "judge", "self_test"]

REFERENCE_FACTOR = 5.0
_REFERENCE_LIMITS = Limits(cpu_seconds=60.0, wall_seconds=90.0)
_BY_STATUS = {
    OutcomeStatus.EXCEPTION: Verdict.EXCEPTION,
    OutcomeStatus.TIMEOUT: Verdict.TIMEOUT,
    OutcomeStatus.MEMORY: Verdict.MEMORY,
    OutcomeStatus.OUTPUT_LIMIT: Verdict.OUTPUT_LIMIT,
    OutcomeStatus.CRASHED: Verdict.CRASHED,
    OutcomeStatus.UNSERIALISABLE: Verdict.FAIL,
    OutcomeStatus.NONDETERMINISTIC: Verdict.FAIL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One program that claims to solve one problem."""

    key: str
    problem: Problem
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """A submission's verdict.

    Attributes:
        key: Key of the submission.
        verdict: What became of it.
        error: Name of the exception, or ``""``.
        message: What went wrong first, shortened.
        inside: Number of tests that ran inside the sandbox as a whole.
        passed: Number of tests that are passed, also after one that is not.
        cpu_seconds: CPU time of load and tests.
        wall_seconds: Wall time of load and tests.
    """

    key: str
    verdict: Verdict
    error: str = ""
    message: str = ""
    inside: int = 0
    passed: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


def _job(submission: Submission, limits: Limits) -> Job:
    """The sandbox's share of a submission: calls, never expected values."""
    steps = []
    for test in submission.problem.test_list:
        call = parse_assert(test)
        steps.append(call.text if call else test)
    return Job(
        key=submission.key,
        code=submission.code,
        setup=submission.problem.test_setup_code,
        steps=tuple(steps),
        limits=limits,
        stop_at_cut=True,  # the first test that is not passed decides
    )


def judge(tests: Sequence[str], result: JobResult) -> Graded:
    """Turn what came out of the sandbox into a verdict: the first test that is not passed.

    Args:
        tests: The asserts, in the order of the job's steps.
        result: The sandbox's result.
    """
    outcomes = [result.load, *result.steps]
    found = Graded(
        key=result.key,
        verdict=Verdict.PASS,
        inside=sum(parse_assert(test) is None for test in tests),
        cpu_seconds=round(sum(outcome.cpu_seconds for outcome in outcomes), 6),
        wall_seconds=round(sum(outcome.wall_seconds for outcome in outcomes), 6),
    )
    if result.load.status is not OutcomeStatus.OK:
        return _with(found, _load_verdict(result.load), result.load)
    verdicts = [_test_verdict(*pair) for pair in zip(tests, result.steps, strict=True)]
    found = replace(found, passed=sum(verdict is Verdict.PASS for verdict, _ in verdicts))
    for (verdict, message), outcome in zip(verdicts, result.steps, strict=True):
        if verdict is not Verdict.PASS:
            return replace(found, verdict=verdict, error=outcome.error, message=message)
    return found


def _with(found: Graded, verdict: Verdict, outcome: Outcome) -> Graded:
    return replace(found, verdict=verdict, error=outcome.error, message=outcome.message)


def _load_verdict(load: Outcome) -> Verdict:
    if load.error in {"SyntaxError", "IndentationError", "TabError"}:
        return Verdict.SYNTAX_ERROR
    return _BY_STATUS[load.status]


def _test_verdict(test: str, outcome: Outcome) -> tuple[Verdict, str]:
    call = parse_assert(test)
    if outcome.status is not OutcomeStatus.OK:
        if outcome.error == "AssertionError" and call is None:
            return Verdict.FAIL, f"failed: {test}"
        return _BY_STATUS[outcome.status], outcome.message
    if call is None:
        return Verdict.PASS, ""
    expected = call.expected or ""
    if is_right(outcome.value, expected):
        return Verdict.PASS, ""
    got = str(outcome.value)
    got = got if len(got) <= 200 else got[:197] + "..."
    return Verdict.FAIL, f"{call.text} gave {got}, expected {expected}"


def is_right(value: str | None, expected: str) -> bool:
    """Return whether a value that came out of the sandbox equals an expected literal, by ``==``."""
    if value is None:
        return False
    if value == expected and "nan" not in value:  # canonical texts, and only nan is not itself
        return True
    try:
        return equal(EqualityPolicy.PYTHON_EQ, value, expected)
    except LiteralError:
        return False


def grade(
    submissions: Iterable[Submission], *, workers: int = 2, trust_programs: bool = False
) -> Iterator[Graded]:
    """Run the tests of each submission and yield the verdicts.

    Those that ran out of time come last: their problem's reference is timed alone on this
    machine, and where ``REFERENCE_FACTOR`` times its CPU time is more than the usual limit, they
    are run again under that limit.

    Args:
        submissions: What to grade.
        workers: Sandboxes side by side.
        trust_programs: Allow the backend without isolation.

    Raises:
        SandboxError: The harness failed, or there is no isolation.
    """
    by_key: dict[str, Submission] = {}
    slow: list[tuple[Submission, Graded]] = []

    def jobs() -> Iterator[Job]:
        for submission in submissions:
            by_key[submission.key] = submission
            yield _job(submission, Limits())

    with SandboxPool(workers=workers, trust_programs=trust_programs) as pool:
        for result in pool.run(jobs()):
            submission = by_key.pop(result.key)
            graded = judge(submission.problem.test_list, result)
            if graded.verdict is Verdict.TIMEOUT:
                slow.append((submission, graded))
            else:
                yield graded
        yield from _regrade(pool, slow)


def _regrade(pool: SandboxPool, slow: Sequence[tuple[Submission, Graded]]) -> Iterator[Graded]:
    """Give those that ran out of time the time that their reference needs."""
    problems = {
        f"{submission.problem.source}/{submission.problem.task_id}": submission.problem
        for submission, _ in slow
    }
    references = [
        _job(Submission(key=name, problem=problem, code=problem.code), _REFERENCE_LIMITS)
        for name, problem in problems.items()
    ]
    needed = {}
    for reference in references:  # one at a time, so that none slows another down
        result = pool.run_one(reference)
        outcomes = (result.load, *result.steps)
        needed[reference.key] = sum(outcome.cpu_seconds for outcome in outcomes)
    again = []
    usual = Limits()
    for submission, graded in slow:
        name = f"{submission.problem.source}/{submission.problem.task_id}"
        seconds = REFERENCE_FACTOR * needed[name]
        if seconds <= usual.cpu_seconds:
            yield graded
            continue
        limits = replace(
            usual,
            cpu_seconds=seconds,
            wall_seconds=seconds * usual.wall_seconds / usual.cpu_seconds,
        )
        again.append((submission, _job(submission, limits)))
    for (submission, _), result in zip(again, pool.run(job for _, job in again), strict=True):
        yield judge(submission.problem.test_list, result)


def self_test(*, trust_programs: bool = False) -> None:
    """Check the grader before it is used: a right program passes, wrong and cheating ones do not.

    Raises:
        SelfTestError: A verdict is wrong.
    """
    problem = Problem(
        source="self-test",
        task_id=0,
        text="",
        code="",
        test_list=("assert double(2) == 4", "assert double('a') == 'aa'"),
        split=Split.TEST,
    )
    cases = {
        "gold": ("def double(x):\n    return x * 2", Verdict.PASS),
        "wrong": ("def double(x):\n    return x", Verdict.FAIL),
        "empty": ("pass", Verdict.EXCEPTION),
        "exit": ("import os\ndef double(x):\n    os._exit(0)", Verdict.CRASHED),
        "equal": (
            "class E:\n    __eq__ = lambda *_: True\ndef double(x):\n    return E()",
            Verdict.FAIL,
        ),
    }
    submissions = [
        Submission(key=name, problem=problem, code=code) for name, (code, _) in cases.items()
    ]
    for graded in grade(submissions, workers=1, trust_programs=trust_programs):
        wanted = cases[graded.key][1]
        if graded.verdict is not wanted:
            raise SelfTestError(
                f"grader self-test: case {graded.key} gives {graded.verdict}, not {wanted}"
            )
