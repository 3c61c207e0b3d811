"""New calls of a program, made up after the pattern of its example calls.

Called by :mod:`generators.programs`. What the examples have in common is found in
:mod:`generators.shaping`; here calls are drawn after it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from generators.calls import literal_arguments, render_call
from generators.errors import LiteralError
from generators.records import Call, Origin
from generators.shaping.chooser import Chooser
from generators.shaping.drawing import Plan, draw_arguments, draw_value, fits, keep_ties
from generators.shaping.hints import hinted_shapes, widened
from generators.shaping.lessons import Lessons
from generators.shaping.mutation import atoms, mutated, with_constant
from generators.shaping.planning import make_plans
from generators.shaping.program_text import constants

__all__ = ["CallSource", "generate_calls", "make_chooser"]

MAX_MISSES = 100
MAX_PROMISING = 16
GROWTH = 4  # times the greatest number of the examples
LEAST_CEILING = 100
_EXACT = 1 << 50  # greatest range that one random float covers


def generate_calls(examples: Sequence[Call], *, count: int, seed: int, task_id: int) -> list[Call]:
    """Return up to ``count`` new calls in the manner of ``examples``.

    Args:
        examples: Calls of one program; those with arguments that are no literals are passed over.
        count: How many calls are wanted; there are fewer if the space of inputs is small.
        seed: Seed of the run.
        task_id: Task of the program; calls of different tasks are independent.

    Returns:
        Distinct calls, none of them an example. A greater ``count`` only adds calls at the end.
    """
    return CallSource(examples, code="", seed=seed, task_id=task_id).draw(count)


class CallSource:
    """New calls of one program, drawn in batches and steered by what became of those before.

    Most calls are drawn after the shapes of the example calls, and after type hints where these
    allow what no example shows. Some take in constants of the
    program's text, and once a call was promising, half are small changes to such calls. Calls
    that lie where only failures were seen are not made. What comes out depends on the arguments
    and on what was told, in that order, alone.

    Args:
        examples: Calls of the program; those with arguments that are no literals are passed over.
        code: The program.
        seed: Seed of the run.
        task_id: Task of the program; calls of different tasks are independent.
        daring: Change examples often and freely, so that some calls raise.
    """

    def __init__(
        self,
        examples: Sequence[Call],
        *,
        code: str,
        seed: int,
        task_id: int,
        daring: bool = False,
    ) -> None:
        found = [(call, literal_arguments(call)) for call in examples]
        known = [(c, row) for c, row in found if row and _rendered(c.entry_point, row)]
        self._name = known[0][0].entry_point if known else ""
        self._rows = {call.text: row for call, row in known if call.entry_point == self._name}
        rows = list(self._rows.values())
        self._chooser = make_chooser(f"{seed}/{task_id}")
        self._plans = self._planned(rows, examples, code)
        self._starts = list(rows)
        self._promising: list[tuple[Any, ...]] = []
        self._seen = {render_call(self._name, row) for row in rows}
        self._constants = constants(code)
        self._spare = tuple(atoms(rows)) + self._constants
        self._greatest = max(
            [LEAST_CEILING, *(GROWTH * abs(a) for a in self._spare if isinstance(a, int | float))]
        )
        self._lessons = Lessons()
        self._daring = daring

    def _planned(
        self, rows: Sequence[tuple[Any, ...]], examples: Sequence[Call], code: str
    ) -> tuple[Plan, ...]:
        """Return plans after the examples and type hints, after these alone if need be."""
        if rows:
            plans = make_plans(rows)
            return plans + widened(plans, hinted_shapes(code, self._name))
        for call in examples:
            hints = hinted_shapes(code, call.entry_point)
            shapes = tuple(shape for shape in hints if shape is not None)
            if hints and len(shapes) == len(hints):
                self._name = call.entry_point
                row = tuple(draw_value(self._chooser, shape) for shape in shapes)
                return (Plan(rows=(row,), shapes=shapes, relations=()),)
        return ()

    @property
    def able(self) -> bool:
        """Whether there is anything to go by: arguments that are literals, or type hints."""
        return bool(self._plans)

    def draw(self, count: int) -> list[Call]:
        """Return ``count`` distinct new calls, fewer if no more are found."""
        calls: list[Call] = []
        misses = 0
        while self._plans and len(calls) < count and misses < MAX_MISSES:
            row = self._row(desperate=misses > MAX_MISSES // 2)
            text = _rendered(self._name, row)
            if text is None or text in self._seen or self._lessons.refuse(row):
                misses += 1
                continue
            misses = 0
            self._seen.add(text)
            self._rows[text] = row
            calls.append(Call(entry_point=self._name, text=text, origin=Origin.GENERATED))
        return calls

    def tell(self, call: Call, *, sound: bool, promising: bool = False) -> None:
        """Take note of what became of a call, in the order of the calls.

        Args:
            call: A call that was drawn, or an example.
            sound: Whether it can be used: it does not raise, is quick, its output is short.
            promising: Whether calls like it are wanted: it reached branches, or has an output,
                that few others did.
        """
        row = self._rows.get(call.text)
        if row is None:
            return
        self._lessons.add(row, sound=sound)
        if promising:
            self._promising = [*self._promising, row][-MAX_PROMISING:]

    def _row(self, *, desperate: bool) -> tuple[Any, ...]:
        """Make up arguments; change those at hand where fresh ones are no longer new."""
        chooser = self._chooser
        if self._promising and chooser.chance(2):
            return self._mutated(chooser.pick(self._promising))
        if self._starts and (desperate or chooser.chance(4 if self._daring else 12)):
            return self._mutated(chooser.pick(self._starts))
        plan = chooser.pick(self._plans)
        row = draw_arguments(chooser, plan)
        if self._constants and chooser.chance(6):
            row = keep_ties(chooser, plan, with_constant(chooser, row, self._constants))
        return row

    def _mutated(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        for _ in range(1 + self._chooser.below(2)):
            changed = mutated(self._chooser, row, self._spare)
            if self._moderate(changed):
                row = changed
        plan = next((plan for plan in self._plans if fits(row, plan)), None)
        return row if plan is None or self._daring else keep_ties(self._chooser, plan, row)

    def _moderate(self, row: tuple[Any, ...]) -> bool:
        numbers = [atom for atom in atoms(row) if isinstance(atom, int | float)]
        return all(abs(number) <= self._greatest for number in numbers)


def make_chooser(seed: str) -> Chooser:
    """Return a chooser whose choices depend on a seed only, on any machine and Python."""
    stream = random.Random(seed)  # seeded by SHA-512; random() is kept the same for all versions

    def between(low: int, high: int) -> int:
        span = high - low + 1
        if span <= _EXACT:
            return low + int(stream.random() * span)
        return low + stream.getrandbits(span.bit_length() + 16) % span

    return Chooser(between=between)


def _rendered(name: str, row: tuple[Any, ...]) -> str | None:
    try:
        return render_call(name, row)
    except LiteralError:  # an int that outgrew what literals can hold
        return None
