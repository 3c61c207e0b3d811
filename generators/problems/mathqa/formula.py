"""Formulas of MathQA: text -> steps -> a value, or the text of a Python program.

Called by the conversion, by the search for near-copies, and by whatever grades a formula. A
formula is ``divide(n0,const_100)|multiply(#0,n1)|``: steps that take numbers of the question
(``n0``), results of earlier steps (``#0``) and constants. No text of a formula ever reaches the
interpreter: programs are put together from the table of operations, from names made of checked
indices, and from floats.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from generators.errors import FormatError
from generators.problems.mathqa.operations import OPERATIONS, Operation, in_range

__all__ = ["Formula", "Kind", "Operand", "Step", "parse_formula"]

_STEP = re.compile(r"\s*(\w+)\s*\(([^()|]*)\)\s*", re.ASCII)
_INDEXED = re.compile(r"([n#])(\d{1,4})", re.ASCII)
_CONSTANT = re.compile(r"const_(\d{1,15})(?:[._](\d{1,15}))?", re.ASCII)
_NAMED = {"const_pi": math.pi, "const_deg_to_rad": math.pi / 180}
_NO_VALUE = (ArithmeticError, ValueError, TypeError, IndexError)


class Kind(StrEnum):
    """What an operand is."""

    NUMBER = "n"
    RESULT = "#"
    CONSTANT = "const_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """One operand of a step.

    Attributes:
        kind: What it is.
        text: Its text in a formula.
        index: Which number or result it is; 0 for a constant.
        constant: The value of a constant, else 0.
    """

    kind: Kind
    text: str
    index: int = 0
    constant: float = 0.0

    @property
    def python(self) -> str:
        """Its text in a program."""
        match self.kind:
            case Kind.NUMBER:
                return f"n{self.index}"
            case Kind.RESULT:
                return f"t{self.index}"
            case Kind.CONSTANT:
                return repr(self.constant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation with its operands."""

    operation: Operation
    operands: tuple[Operand, ...]

    @property
    def python(self) -> str:
        """The step as a Python expression."""
        return self.operation.python.format(*(operand.python for operand in self.operands))


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """The steps of a formula; the last one gives its value."""

    steps: tuple[Step, ...]

    def value(self, numbers: Sequence[float]) -> int | float | None:
        """Return what the formula is worth for the numbers of a question.

        Returns:
            The value, or ``None`` if a step has no finite real one or a number is missing.
        """
        results: list[int | float] = []
        try:
            for step in self.steps:
                values = [_value(operand, numbers, results) for operand in step.operands]
                result = step.operation.value(*values)
                if not in_range(result):
                    return None
                results.append(result)
        except _NO_VALUE:
            return None
        return results[-1]

    def program(self, numbers: Sequence[float]) -> str:
        """Return a Python program that assigns the formula's value to ``answer``.

        Imports come first, then ``n0 = ...`` for every number, then a line for each step.

        Args:
            numbers: The numbers of the question, also those that the formula does not use.

        Raises:
            ValueError: A number is not finite, or the formula asks for one that is not there.
        """
        used = [operand for step in self.steps for operand in step.operands]
        if any(one.kind is Kind.NUMBER and one.index >= len(numbers) for one in used):
            raise ValueError("the formula asks for a number that the question does not have")
        if not all(map(math.isfinite, numbers)):
            raise ValueError("a number of the question is not finite")
        expressions = [step.python for step in self.steps]
        modules = [m for m in ("math", "scipy") if any(f"{m}." in text for text in expressions)]
        names = [f"t{index}" for index in range(len(expressions) - 1)] + ["answer"]
        lines = [
            *(f"import {module}" for module in modules),
            *(f"n{index} = {float(number)!r}" for index, number in enumerate(numbers)),
            *(f"{name} = {text}" for name, text in zip(names, expressions, strict=True)),
        ]
        return "\n".join(lines)

    def text(self) -> str:
        """Return the formula's text in its one canonical spelling, without a ``|`` at the end."""
        return "|".join(
            f"{step.operation.name}({','.join(operand.text for operand in step.operands)})"
            for step in self.steps
        )


def parse_formula(text: str) -> Formula:
    """Read a formula; blanks between its parts and one ``|`` at the end do not matter.

    Raises:
        FormatError: A step is no known operation with the right number of operands, or an
            operand is no number, no earlier result and no constant.
    """
    parts = text.split("|")
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    return Formula(steps=tuple(_step(part, index) for index, part in enumerate(parts)))


def _step(text: str, index: int) -> Step:
    match = _STEP.fullmatch(text)
    if not match:
        raise FormatError(f"step {index} of the formula is not like name(operand,operand)")
    operation = OPERATIONS.get(match[1])
    if operation is None:
        raise FormatError(f"step {index} of the formula: unknown operation {match[1][:40]!r}")
    operands = tuple(_operand(part.strip(), index) for part in match[2].split(","))
    if len(operands) != operation.arity:
        raise FormatError(
            f"step {index} of the formula: {operation.name} takes {operation.arity} operands, "
            f"not {len(operands)}"
        )
    return Step(operation=operation, operands=operands)


def _operand(text: str, step: int) -> Operand:
    if match := _INDEXED.fullmatch(text):
        kind, index = Kind(match[1]), int(match[2])
        if kind is Kind.NUMBER or index < step:
            return Operand(kind=kind, text=f"{kind}{index}", index=index)
    if text in _NAMED:
        return Operand(kind=Kind.CONSTANT, text=text, constant=_NAMED[text])
    if match := _CONSTANT.fullmatch(text):
        value = float(f"{match[1]}.{match[2] or 0}")
        return Operand(kind=Kind.CONSTANT, text=text, constant=value)
    raise FormatError(
        f"step {step} of the formula: {text[:40]!r} is no number, no earlier result, no constant"
    )


def _value(operand: Operand, numbers: Sequence[float], results: Sequence[float]) -> float:
    match operand.kind:
        case Kind.NUMBER:
            return numbers[operand.index]
        case Kind.RESULT:
            return results[operand.index]
        case Kind.CONSTANT:
            return operand.constant
