"""What an item shares with what the model was trained on or shown: remembering instead of reading.

Called by the tasks that predict outputs, which store what was found in each sample, so that
scores with and without such items stand side by side. Programs are compared as syntax, as in
:mod:`generators.twins`; nothing is run.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from generators.literals import PARSING
from generators.records import Trace
from generators.twins import normalised_code, normalised_text

__all__ = ["Leak", "find_leaks", "tasks_by_leak"]


class Leak(StrEnum):
    """What is shared."""

    PROGRAM = "program"
    """A training program is the same but for layout, comments and names."""
    TEXT = "text"
    """A training task has the same description but for case and punctuation."""
    INPUT = "input"
    """A training trace gives the same arguments to the same program, or to one of its name."""
    SHOT = "shot"
    """A few-shot example shows the same program or description."""


def find_leaks(
    items: Sequence[Trace], training: Iterable[Trace], shots: Iterable[Trace]
) -> dict[str, list[Leak]]:
    """Return what each item shares with the training traces and with the few-shot examples.

    Args:
        items: The traces that are asked about.
        training: Everything that was trained on.
        shots: Solved examples in the prompt.

    Returns:
        By trace id, for the items that share something; kinds in the order of :class:`Leak`.
    """
    seen, shown = _Programs(training), _Programs(shots)
    found = {}
    for item in items:
        code, text = normalised_code(item.code), normalised_text(item.text)
        leaks = {
            Leak.PROGRAM: code in seen.codes,
            Leak.TEXT: text in seen.texts,
            Leak.INPUT: bool({code, item.entry_point} & seen.inputs[_arguments(item.call)]),
            Leak.SHOT: code in shown.codes or text in shown.texts,
        }
        if any(leaks.values()):
            found[item.trace_id] = [leak for leak, is_there in leaks.items() if is_there]
    return found


def tasks_by_leak(samples: Iterable[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Return by kind which tasks have samples that share something.

    Args:
        samples: Rows with ``task_id`` and ``leaks``.
    """
    found: dict[str, set[int]] = {}
    for row in samples:
        for leak in row["leaks"]:
            found.setdefault(leak, set()).add(row["task_id"])
    return {leak: sorted(tasks) for leak, tasks in sorted(found.items())}


class _Programs:
    """What is known of a set of traces."""

    def __init__(self, traces: Iterable[Trace]) -> None:
        self.codes: set[str] = set()
        self.texts: set[str] = set()
        self.inputs: defaultdict[str, set[str]] = defaultdict(set)
        known: dict[str, str | None] = {}
        for trace in traces:
            if trace.code not in known:
                known[trace.code] = normalised_code(trace.code)
            code = known[trace.code]
            if code:
                self.codes.add(code)
                self.inputs[_arguments(trace.call)].add(code)
            self.inputs[_arguments(trace.call)].add(trace.entry_point)
            self.texts.add(normalised_text(trace.text))
        self.texts.discard("")


def _arguments(call: str) -> str:
    """The arguments of a call in one spelling, whatever the function is called."""
    with PARSING:
        tree = ast.parse(call, mode="eval").body
    if not isinstance(tree, ast.Call):
        return ast.dump(tree)
    return ast.dump(ast.Tuple(elts=[*tree.args, *(word.value for word in tree.keywords)]))
