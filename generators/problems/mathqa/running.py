"""Running the programs that :meth:`Formula.program` writes, in this process.

Called by the conversion alone. These programs are this project's own: they consist of assignments
of arithmetic, and no text of a data file is part of them. They run with a handful of names, line
by line, and end at the first value that is no finite number, so that a formula made to grow
integers without bound ends early. Programs that a model wrote belong into the sandbox.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from generators.problems.mathqa.operations import choose, factorial, in_range

__all__ = ["run_program"]

_MODULES = {
    "math": SimpleNamespace(
        pi=math.pi, sqrt=math.sqrt, log=math.log, floor=math.floor, sin=math.sin, cos=math.cos,
        gcd=math.gcd, lcm=math.lcm, factorial=factorial,
    ),
    "scipy": SimpleNamespace(special=SimpleNamespace(comb=choose)),
}  # fmt: skip


def _import(name: str, *_: Any) -> SimpleNamespace:
    return _MODULES[name]


def run_program(code: str) -> int | float | None:
    """Return what a program assigns to ``answer``.

    Returns:
        The value, or ``None`` if a line raises or its value is no finite real number.
    """
    scope: dict[str, Any] = {
        "__builtins__": {"__import__": _import, "int": int, "max": max, "min": min}
    }
    for line in code.splitlines():
        try:
            exec(line, scope)  # noqa: S102 - written by Formula.program, see above
            if line.startswith("import "):
                continue
            if not in_range(scope[line.partition(" = ")[0]]):
                return None
        except (ArithmeticError, ValueError, TypeError):
            return None
    answer: int | float | None = scope.get("answer")
    return answer
