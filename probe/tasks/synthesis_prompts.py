"""How a problem is put to a model that shall write a program, by protocol.

Called by :mod:`probe.tasks.synthesis` and by the training examples of synthesis. Like the
templates of :mod:`probe.prompts`, each has a name, a version and a hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generators.calls import entry_point
from generators.jsonl import sha256_text
from generators.records import Problem

__all__ = ["INCODER", "INSTRUCT", "PAPER", "TEMPLATES", "SynthesisTemplate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisTemplate:
    """How one problem is put to a model, with or without solved examples before it.

    Attributes:
        name: Name and version, such as ``synthesis/paper@1``.
        item: A problem up to the place where its program begins; fields ``{text}``, ``{tests}``.
        untested: The same where no test is shown; fields ``{text}`` and ``{name}``.
        solution: The program as it continues ``item`` in a solved example; field ``{code}``.
        separator: Text between items.
        stop: Texts that end an answer.
    """

    name: str
    item: str
    untested: str
    solution: str
    separator: str
    stop: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Hash of everything a model sees of the template, and of where its answer ends."""
        parts = [self.item, self.untested, self.solution, self.separator, *self.stop]
        return sha256_text("\0".join(parts))

    def head(self, shots: Sequence[Problem], *, asserts: int) -> str:
        """Return the solved examples, up to where the query begins."""
        return "".join(
            self.query(shot, asserts=asserts)
            + self.solution.format(code=shot.code.strip())
            + self.separator
            for shot in shots
        )

    def query(self, problem: Problem, *, asserts: int) -> str:
        """Return a problem up to the place where its program begins.

        Args:
            problem: The problem.
            asserts: So many of its tests are shown, the first ones; with none, the name of the
                function is.
        """
        if asserts == 0:
            return self.untested.format(text=problem.text.strip(), name=_name(problem))
        tests = "\n".join(problem.test_list[:asserts])
        return self.item.format(text=problem.text.strip(), tests=tests)

    def target(self, problem: Problem) -> str:
        """Return what is learned for a problem: its program and the end mark."""
        return self.solution.format(code=problem.code.strip())


def _name(problem: Problem) -> str:
    return entry_point(problem.test_list) or "solution"


PAPER = SynthesisTemplate(
    name="synthesis/paper@1",
    item="You are an expert Python programmer, and here is your task: {text} Your code should "
    "pass these tests:\n\n{tests}\n[BEGIN]\n",
    untested="You are an expert Python programmer, and here is your task: {text} Your function "
    "should be called {name}.\n[BEGIN]\n",
    solution="{code}\n[DONE]",
    separator="\n\n",
    stop=("[DONE]",),
)
"""The paper's prompt. Source: MBPP README; how examples are joined, where it stops: deepseek."""

INCODER = SynthesisTemplate(
    name="synthesis/docstring@1",
    item='"""\n{text}\n{tests}\n"""\n',
    untested='"""\n{text}\nThe function is called {name}.\n"""\n',
    solution="{code}\n",
    separator="\n",
    stop=("\nclass", "\nassert", '\n"""', "\nprint", "\nif", "\n<|/", "\n```"),
)
"""A docstring and nothing else. Source: bigcode-evaluation-harness, after InCoder."""

INSTRUCT = SynthesisTemplate(
    name="synthesis/instruct@1",
    item="Problem:\n{text}\n\nTest cases:\n{tests}\n\nCode:\n",
    untested="Problem:\n{text}\nThe function is called {name}.\n\nCode:\n",
    solution="```python\n{code}\n```\n",
    separator="\n",
    stop=(),
)
"""Blocks for chat models, which answer in a code fence. Source: the layout of deepseek's."""

TEMPLATES = {template.name: template for template in (PAPER, INCODER, INSTRUCT)}
"""By name."""
