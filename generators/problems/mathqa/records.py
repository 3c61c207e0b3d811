"""The record of a MathQA-Python problem, and its file format.

Called by the conversion and by whatever asks or grades such problems.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from generators import jsonl
from generators.errors import FormatError
from generators.tolerance import is_number

__all__ = [
    "MATH_PROBLEM_SCHEMA",
    "MathProblem",
    "MathSplit",
    "question_text",
    "read_problems",
    "write_problems",
]

MATH_PROBLEM_SCHEMA = "probe.math_problem"


class MathSplit(StrEnum):
    """The files of MathQA. The paper uses the first three, and calls ``dev`` validation.

    Source: MathQA's archive, whose files these are.
    """

    TRAIN = "train"
    DEV = "dev"
    TEST = "test"
    CHALLENGE_TEST = "challenge_test"


@dataclass(frozen=True, slots=True, kw_only=True)
class MathProblem:
    """One word problem with a number for an answer, and two programs that compute it.

    Attributes:
        id: ``<split>/<row>``: the file it is from, and its row there, from 0.
        split: The file it is from.
        text: What a model is shown: ``# <question> n0 = 5.0 n1 = 31.1``.
        numbers: The numbers of the question, in order: ``n0``, ``n1``, ...
        code: The Python program; it assigns the answer to ``answer``.
        dsl: The formula as MathQA states it, without a ``|`` at its end.
        answer: What ``code`` computes: the reference value of grading.
        option: The number in the option that MathQA calls correct; within 1 % of ``answer``.
        category: MathQA's category, such as ``gain`` or ``geometry``.
        rationale: MathQA's solution in words.
    """

    id: str
    split: MathSplit
    text: str
    numbers: tuple[float, ...]
    code: str
    dsl: str
    answer: int | float
    option: float
    category: str
    rationale: str

    @property
    def question(self) -> str:
        """The question alone."""
        return self.text.removeprefix("# ").removesuffix(_listing(self.numbers))

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        return row | {"split": self.split.value, "numbers": list(self.numbers)}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Build a problem from a JSON object.

        Raises:
            FormatError: A field is missing, unknown or of the wrong type.
        """
        names = {field.name for field in fields(cls)}
        if row.keys() != names:
            wrong = ", ".join(sorted(row.keys() ^ names))
            raise FormatError(f"math problem: missing or unknown fields: {wrong}")
        numbers = row["numbers"]
        if not isinstance(numbers, list) or not all(type(number) is float for number in numbers):
            raise FormatError("math problem field 'numbers' is no list of floats")
        for name in names - {"numbers", "answer", "option"}:
            if type(row[name]) is not str:
                raise FormatError(f"math problem field {name!r} is {type(row[name]).__name__}")
        for name in ("answer", "option"):
            if not is_number(row[name]):
                raise FormatError(f"math problem field {name!r} is no finite number")
        try:
            split = MathSplit(row["split"])
        except ValueError as error:
            raise FormatError(f"math problem: {error}") from None
        return cls(**{**row, "split": split, "numbers": tuple(numbers)})


def question_text(question: str, numbers: Sequence[float]) -> str:
    """Return what a model is shown of a problem (Source: google/trax, ``CreateMathQAInputs``)."""
    return f"# {question}{_listing(numbers)}"


def _listing(numbers: Sequence[float]) -> str:
    return "".join(f" n{index} = {number!r}" for index, number in enumerate(numbers))


def write_problems(path: Path, identity: dict[str, Any], problems: Iterable[MathProblem]) -> int:
    """Write a file of problems and return their number.

    Args:
        path: Where to.
        identity: What the problems are; kept in the header as ``source``.
        problems: In the order of the file.

    Raises:
        DataError: The file cannot be written.
    """
    head = jsonl.header(MATH_PROBLEM_SCHEMA, source=identity)
    return jsonl.write(path, head, (problem.to_json() for problem in problems))


def read_problems(path: Path) -> tuple[MathProblem, ...]:
    """Read a file of problems.

    Raises:
        DataError: It cannot be read.
        FormatError: It is no such file, or a line is broken.
    """
    problems = []
    for number, row in jsonl.read(path, MATH_PROBLEM_SCHEMA):
        try:
            problems.append(MathProblem.from_json(row))
        except FormatError as error:
            raise FormatError(f"{path}:{number}: {error}") from None
    return tuple(problems)
