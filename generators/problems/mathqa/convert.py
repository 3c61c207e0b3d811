"""Raw rows of MathQA -> MathQA-Python problems, with a reason for each row that is dropped.

Called by :mod:`generators.problems.mathqa.source`. The published conversion is followed step by
step, so that the same problems remain. Two things differ in the text of the programs: there is no
blank line before a single operation, and ``gcd`` and ``lcm`` are those of ``math``, with its
import.

Source: google/trax, ``CreateMathQAInputs(python_code=True, full_dict=True)`` with tolerance 0.01.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from generators.errors import FormatError, unreadable
from generators.problems.mathqa.formula import Formula, parse_formula
from generators.problems.mathqa.records import MathProblem, MathSplit, question_text
from generators.problems.mathqa.running import run_program
from generators.tolerance import Tolerance, is_number, numbers_match

__all__ = [
    "CONVERSION",
    "NUMBER",
    "Conversion",
    "Drop",
    "convert_row",
    "convert_rows",
    "declared_option",
    "find_numbers",
    "read_rows",
]

CONVERSION = "mathqa-python@1"
"""Name and version of the conversion; part of every identity."""

NUMBER = re.compile(r"[-+]?\.?\d+(?:,\d{3})*\.?\d*(?:[eE][-+]?\d+)?", re.ASCII)
"""A number as the conversion sees it; ``1 / 2`` and ``1/2`` are two."""

_FIELDS = ("Problem", "Rationale", "options", "correct", "linear_formula", "category")


class Drop(StrEnum):
    """Why a row became no problem.

    ``no_numeric_answer``: no number stands in the option that is called correct.
    ``zero_or_none``: that number or the formula's value is 0, or the formula has no value.
    ``off_by_over_1_percent``: the formula's value is another one.
    ``program_differs``: the value of the Python program is another one, or it has none.
    """

    NO_NUMERIC_ANSWER = "no_numeric_answer"
    ZERO_OR_NONE = "zero_or_none"
    OFF = "off_by_over_1_percent"
    PROGRAM_DIFFERS = "program_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What became of a file.

    Attributes:
        rows: How many rows it has.
        problems: Those that remain, in the order of the file.
        dropped: How many rows were dropped, by reason; every reason is named.
    """

    rows: int
    problems: tuple[MathProblem, ...]
    dropped: Mapping[str, int]


def find_numbers(text: str) -> list[float]:
    """Return all numbers of a text; number words are not numbers, thousands may have commas."""
    return [float(match.replace(",", "")) for match in NUMBER.findall(text)]


def declared_option(options: str, letter: str) -> float | None:
    """Return the number in one of the options ``a ) 24 , b ) 1 / 2 , ...``.

    A fraction counts as one where the published conversion sees its slash: as many characters
    after the option's letter as the first number has as a float, plus three. So ``1 / 2`` is 0.5,
    but ``1.5 / 2`` is 1.5.

    Returns:
        The number, or ``None`` if no number follows, or the slash is followed by none or by 0.
    """
    start = options.find(f"{letter} )")
    if start < 0:
        return None
    numbers = find_numbers(options[start:])
    if not numbers:
        return None
    slash = start + len(str(numbers[0])) + 3
    if options[slash : slash + 1] != "/":
        return numbers[0]
    return numbers[0] / numbers[1] if numbers[1:] and numbers[1] else None


def convert_row(row: Mapping[str, str], split: MathSplit, index: int) -> MathProblem | Drop:
    """Turn one raw row into a problem, or say why not.

    Args:
        row: The raw row.
        split: The file it is from.
        index: Its place in the file, from 0.
    """
    option = declared_option(row["options"], row["correct"])
    if option is None or not is_number(option):
        return Drop.NO_NUMERIC_ANSWER
    numbers = find_numbers(row["Problem"])
    formula = _parsed(row["linear_formula"])
    value = formula.value(numbers) if formula else None
    if formula is None or not option or not value:
        return Drop.ZERO_OR_NONE
    if not numbers_match(value, option, Tolerance.REL1PCT):
        return Drop.OFF
    code = _program(formula, numbers)
    answer = run_program(code)
    if answer is None or not numbers_match(answer, option, Tolerance.REL1PCT):
        return Drop.PROGRAM_DIFFERS
    return MathProblem(
        id=f"{split}/{index}",
        split=split,
        text=question_text(row["Problem"], numbers),
        numbers=tuple(numbers),
        code=code,
        dsl=row["linear_formula"].strip().removesuffix("|"),
        answer=answer,
        option=option,
        category=row["category"],
        rationale=row["Rationale"].strip('"').strip(),
    )


def _parsed(text: str) -> Formula | None:
    try:
        return parse_formula(text)
    except FormatError:
        return None


def _program(formula: Formula, numbers: Sequence[float]) -> str:
    try:
        return formula.program(numbers)
    except ValueError:  # a number that is not finite, and that the formula does not use
        return ""


def convert_rows(rows: Sequence[Mapping[str, str]], split: MathSplit) -> Conversion:
    """Convert the rows of a file."""
    dropped = Counter(dict.fromkeys(map(str, Drop), 0))
    problems = []
    for index, row in enumerate(rows):
        found = convert_row(row, split, index)
        if isinstance(found, Drop):
            dropped[found.value] += 1
        else:
            problems.append(found)
    return Conversion(rows=len(rows), problems=tuple(problems), dropped=dict(dropped))


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a raw file of MathQA: a JSON array of objects.

    Raises:
        DataError: It cannot be read.
        FormatError: It is no such array, or a row lacks a field; the message names it.
    """
    try:
        rows: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise unreadable(path, error) from None
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: broken JSON: {error}") from None
    if not isinstance(rows, list):
        raise FormatError(f"{path}: a {type(rows).__name__}, not a JSON array of MathQA's rows")
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise FormatError(f"{path}, row {index}: a {type(row).__name__}, not a JSON object")
        for name in _FIELDS:
            if not isinstance(row.get(name), str):
                raise FormatError(f"{path}, row {index}: field {name!r} is missing or no text")
    return rows
