"""How a word problem is put to a model, and what it shall write.

Called by :mod:`probe.tasks.mathqa.task` and by the training examples of MathQA. Templates have a
name, a version and a hash, like all others.

Source: paper, section 7: four solved examples; that each begins with "Please, solve the
mathematical problem:" is recalled with medium confidence. The paper's examples are not public.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from generators.jsonl import sha256_text
from generators.problems.mathqa.records import MathProblem

__all__ = ["TEMPLATES", "MathTemplate", "Target"]


class Target(StrEnum):
    """What a model writes: a Python program, or a formula of MathQA's language."""

    PYTHON = "python"
    DSL = "dsl"


@dataclass(frozen=True, slots=True, kw_only=True)
class MathTemplate:
    """How one problem is put to a model, with or without solved examples before it.

    Attributes:
        name: Name and version, such as ``mathqa/python@1``.
        target: What is written.
        item: A problem up to the place where the answer begins; field ``{problem}``: the question
            and its numbers, ``n0 = 5.0`` and so on.
        solution: The answer as it continues ``item``; field ``{answer}``. It ends with the text
            that ends an answer.
        stop: The text that ends an answer.
    """

    name: str
    target: Target
    item: str
    solution: str
    stop: str

    @property
    def sha256(self) -> str:
        """Hash of everything a model sees of the template, and of where its answer ends."""
        return sha256_text("\0".join([self.target, self.item, self.solution, self.stop]))

    def head(self, shots: Sequence[MathProblem]) -> str:
        """Return the solved examples, up to where the query begins."""
        return "".join(self.query(shot) + self.solved(shot) for shot in shots)

    def query(self, problem: MathProblem) -> str:
        """Return a problem up to the place where its answer begins."""
        return self.item.format(problem=problem.text.removeprefix("# "))

    def solved(self, problem: MathProblem) -> str:
        """Return what is learned for a problem: the reference and the end mark."""
        answer = problem.code if self.target is Target.PYTHON else problem.dsl
        return self.solution.format(answer=answer.strip())


_ITEM = "Please, solve the mathematical problem: {problem}\n"

TEMPLATES = {
    Target.PYTHON: MathTemplate(
        name="mathqa/python@1",
        target=Target.PYTHON,
        item=_ITEM,
        solution="{answer}\n\n",
        stop="\n\n",
    ),
    Target.DSL: MathTemplate(
        name="mathqa/dsl@1",
        target=Target.DSL,
        item=_ITEM,
        solution="{answer}\n\n",
        stop="\n\n",
    ),
}
"""By target. References have no blank line, so one ends an answer."""
