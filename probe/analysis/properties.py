"""Properties of a program's run that a model's states may carry, and how an item is labelled.

Called by the task that probes representations and by its results. A new property adds its line to
:data:`PROPERTIES`. None is in the prompt, which shows the program and the call alone. Some follow
from the result, so they are relabelled from a sample by ``probe verify``; others follow from the
recording of the run, and ask about the part of each program in which its calls differ.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from generators.errors import LiteralError, UsageError
from generators.literals import PARSING, from_literal, type_name
from generators.records import Recording, Trace

__all__ = [
    "FOLDS",
    "PROPERTIES",
    "Property",
    "Usable",
    "call_word",
    "known_properties",
    "usable_labels",
]

FOLDS = 5
"""Parts that the programs are split into; a label of fewer programs cannot be in every part."""

Label = Callable[[Trace], str | None]
FromResult = Callable[[str, str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A property of a run.

    Attributes:
        name: Its name on the command line and in files.
        meaning: What its labels say, as the end of a sentence.
        from_result: From the literal text of the output and the name of the exception to the
            label, if the result alone decides it.
        of_program: From all traces of a program to what labels each of them, if the recorded
            runs decide it.
    """

    name: str
    meaning: str
    from_result: FromResult | None = None
    of_program: Callable[[Sequence[Trace]], Label] | None = None

    def labels(self, traces: Sequence[Trace]) -> dict[str, str | None]:
        """Return the label of each trace by its id; ``None`` where the property says nothing.

        Args:
            traces: All traces of a file: what varies among a program's calls depends on them all.
        """
        found: dict[str, str | None] = {}
        if self.from_result is not None:
            return {t.trace_id: self.from_result(t.output, t.raises) for t in traces}
        programs: dict[tuple[str, int], list[Trace]] = {}
        for trace in traces:
            programs.setdefault((trace.source, trace.task_id), []).append(trace)
        assert self.of_program is not None
        for program in programs.values():
            label = self.of_program(program)
            found |= {trace.trace_id: label(trace) for trace in program}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """Which labels of a property a classifier can be trained and tested on.

    Attributes:
        labels: Those of enough programs, sorted; empty if fewer than two are.
        left_out: Items by label for the others.
        reason: Why the property is skipped, or an empty text.
    """

    labels: tuple[str, ...]
    left_out: Mapping[str, int]
    reason: str


def usable_labels(labels: Sequence[str | None], programs: Sequence[object]) -> Usable:
    """Decide which labels are common enough: each needs a program in every fold.

    Args:
        labels: Label of each item, ``None`` for none.
        programs: Program of each item.
    """
    items = Counter(label for label in labels if label is not None)
    held = {pair for pair in zip(labels, programs, strict=True) if pair[0] is not None}
    spread = Counter(label for label, _ in held)
    kept = tuple(sorted(label for label in items if label and spread[label] >= FOLDS))
    rare = {label: n for label, n in sorted(items.items()) if label not in kept}
    if len(kept) >= 2:
        return Usable(labels=kept, left_out=rare, reason="")
    told = ", ".join(f"{label} ({spread[label]})" for label in sorted(items))
    reason = (
        f"two labels of {FOLDS} programs each are needed; programs by label: {told}"
        if items
        else "no item has a label"
    )
    return Usable(labels=(), left_out=dict(sorted(items.items())), reason=reason)


def known_properties(names: Iterable[str]) -> tuple[Property, ...]:
    """Return the properties of these names, in their own order; all for no names.

    Raises:
        UsageError: There is no such property.
    """
    asked = set(names)
    unknown = sorted(asked - PROPERTIES.keys())
    if unknown:
        raise UsageError(f"no property {unknown[0]!r}; there are {', '.join(PROPERTIES)}")
    return tuple(kind for name, kind in PROPERTIES.items() if not asked or name in asked)


def call_word(call: str) -> str:
    """Return the last word or number of a call: what a control label is drawn for.

    It is known before the run, close to where the states are read, and shared by calls of many
    programs: ``"3"`` for ``f([1, 2], 3)``, ``"b"`` for ``f('a b')``.
    """
    words: list[str] = re.findall(r"[^\W\d]+|\d+", call)
    return words[-1]


def _of_value(label: Callable[[object], str | None]) -> FromResult:
    def from_result(output: str, raises: str) -> str | None:
        return None if raises else label(from_literal(output))

    return from_result


def _sign(value: object) -> str | None:
    if type(value) is not int:
        return None
    return "zero" if value == 0 else "positive" if value > 0 else "negative"


def _parity(value: object) -> str | None:
    if type(value) is not int:
        return None
    return "odd" if value % 2 else "even"


def _length(value: object) -> str | None:
    if not isinstance(value, list | str):
        return None
    return next(name for most, name in _LENGTHS if len(value) <= most)


_LENGTHS = ((2, "0 to 2"), (5, "3 to 5"), (10, "6 to 10"), (float("inf"), "over 10"))


def _truth(value: object) -> str | None:
    return str(value) if isinstance(value, bool) else None


def _raises(_: str, raises: str) -> str:
    return "raises" if raises else "returns"


def _branch(program: Sequence[Trace]) -> Label:
    """Label by the first ``if`` whose body some calls of the program enter and others do not."""
    runs = [run for trace in program if (run := _whole(trace))]
    for line in _bodies(program[0].code):
        if len({line in run.lines for run in runs}) == 2:
            return lambda trace: _entered(trace, line)
    return lambda _: None


def _entered(trace: Trace, line: int) -> str | None:
    run = _whole(trace)
    return None if run is None else "entered" if line in run.lines else "passed"


def _whole(trace: Trace) -> Recording | None:
    """Return the recording of a call that was recorded to its end."""
    run = trace.recording
    return run if run is not None and run.complete else None


def _bodies(code: str) -> list[int]:
    """Return the first lines of the bodies of a program's ``if`` statements, in order."""
    try:
        with PARSING:
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return sorted(
        node.body[0].lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and node.body[0].lineno > (node.test.end_lineno or 0)
    )


def _variable(program: Sequence[Trace]) -> Label:
    """Label by the first local int whose sign at the end differs among calls of the program."""
    finals = [_final_signs(trace) for trace in program]
    for name in dict.fromkeys(name for signs in finals for name in signs):
        if len({signs[name] for signs in finals if name in signs}) > 1:
            return lambda trace: _final_signs(trace).get(name)
    return lambda _: None


def _final_signs(trace: Trace) -> dict[str, str]:
    """Return the signs of the called function's own ints at its end, arguments left out."""
    run = _whole(trace)
    if run is None or sum(event.line > 0 for event in run.events) != run.steps:
        return {}  # not recorded with events, or not all of them
    own = [event.changed for event in run.events if event.depth == 0]
    values: dict[str, str] = {}
    for changed in own[1:]:
        values |= changed
    signs = {}
    for name in values.keys() - (own[0].keys() if own else set()):
        try:
            sign = _sign(from_literal(values[name]))
        except LiteralError:  # a value without a literal, or with a long one
            continue
        if sign is not None:
            signs[name] = sign
    return {name: signs[name] for name in values if name in signs}


PROPERTIES = {
    kind.name: kind
    for kind in (
        Property(
            name="output_type",
            meaning="the type of the result",
            from_result=_of_value(type_name),
        ),
        Property(
            name="int_sign",
            meaning="whether an int result is negative, zero or positive",
            from_result=_of_value(_sign),
        ),
        Property(
            name="int_parity",
            meaning="whether an int result is even or odd",
            from_result=_of_value(_parity),
        ),
        Property(
            name="length",
            meaning="how long a list or str result is",
            from_result=_of_value(_length),
        ),
        Property(
            name="truth",
            meaning="whether a bool result is true",
            from_result=_of_value(_truth),
        ),
        Property(
            name="raises",
            meaning="whether the call raises (traces with --keep-exceptions)",
            from_result=_raises,
        ),
        Property(
            name="branch",
            meaning="whether the call enters the body of the program's first if statement that "
            "some of its calls enter and others do not (recorded traces)",
            of_program=_branch,
        ),
        Property(
            name="variable",
            meaning="whether a local int ends negative, zero or positive: the program's first "
            "one whose sign differs among its calls (traces with --trace-lines)",
            of_program=_variable,
        ),
    )
}
"""By name."""
