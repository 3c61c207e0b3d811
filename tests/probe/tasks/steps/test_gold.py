"""Gold answers against programs that are run here, by other means than the recorder's.

The programs are this project's own, so they are trusted. Nothing of the sandbox or of the
derivation is used to find the answers.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from generators.literals import exact_equal, from_literal
from generators.records import Trace
from generators.trace_files import read_traces
from probe.step_prompts import StepKind
from probe.tasks.steps.derive import choose_places
from probe.tasks.steps.places import Place

FILE = "<trusted>"
Event = tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def traces(recorded_traces: Path) -> list[Trace]:
    return read_traces(recorded_traces, keep_raising=True)


def places(traces: list[Trace], kind: StepKind) -> list[Place]:
    """All that could be asked, a few of each program."""
    found = choose_places(traces, [kind], seed=1, per_program=12, limit=None).places
    assert len(found) >= 12
    return list(found)


def load(trace: Trace, code: Any = None) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(code or trace.code, FILE, "exec"), space)
    exec(trace.setup, space)
    return space


def followed(trace: Trace) -> list[Event]:
    """Lines of the outermost call with its variables, and at its end line 0."""
    space, events, outermost = load(trace), [], []

    def follow(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != FILE:
            return None
        if event == "call":
            if outermost:
                return None
            outermost.append(frame)
        if event in ("line", "return"):
            line = frame.f_lineno if event == "line" else 0
            events.append((line, copy.deepcopy(frame.f_locals)))
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        eval(trace.call, space)
    finally:
        sys.settrace(before)
    return events


def nth(events: list[Event], line: int, time: int) -> int:
    return [place for place, (found, _) in enumerate(events) if found == line][time - 1]


def test_the_next_line_is_the_one_that_runs_next(traces: list[Trace]) -> None:
    asked = places(traces, StepKind.NEXT_LINE)
    for place in asked:
        events = followed(place.trace)
        at = nth(events, place.line, place.time)
        assert place.answer == (str(events[at + 1][0]) if events[at + 1][0] else "return"), place
        shown = {name: value for name, value in place.state.items() if value}
        assert shown
        for name, text in shown.items():
            assert exact_equal(from_literal(text), events[at][1][name]), place
    assert {place.answer == "return" for place in asked} == {True, False}


def test_a_branch_is_what_its_condition_evaluates_to(traces: list[Trace]) -> None:
    asked = places(traces, StepKind.BRANCH)
    for place in asked:
        events = followed(place.trace)
        (test,) = (
            node.test
            for node in ast.walk(ast.parse(place.trace.code))
            if isinstance(node, ast.If | ast.While) and node.lineno == place.line
        )
        _, variables = events[nth(events, place.line, place.time)]
        code = compile(ast.Expression(test), FILE, "eval")
        found = eval(code, load(place.trace) | variables)
        assert place.answer == str(bool(found)), place
    assert Counter(place.answer for place in asked)["True"] == len(asked) / 2


def test_a_variable_has_the_value_that_it_has(traces: list[Trace]) -> None:
    for place in places(traces, StepKind.VARIABLE):
        events = followed(place.trace)
        at = nth(events, place.line, place.time)
        assert exact_equal(from_literal(place.answer), events[at + 1][1][place.name]), place
        if place.before:
            assert exact_equal(from_literal(place.before), events[at][1][place.name]), place


class _Counting(ast.NodeTransformer):
    """Counts how often the bodies of loops begin."""

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node, ast.For | ast.While):
            node.body[:0] = ast.parse(f"turns.append({node.lineno})").body
        return node


def test_turns_are_counted_by_the_program_itself(traces: list[Trace]) -> None:
    asked = places(traces, StepKind.ITERATIONS)
    for place in asked:
        turns: list[int] = []
        code = ast.fix_missing_locations(_Counting().visit(ast.parse(place.trace.code)))
        space = load(place.trace, code) | {"turns": turns}
        exec(compile(code, FILE, "exec"), space)
        eval(place.trace.call, space)
        assert place.answer == str(turns.count(place.line)), place
    assert len({place.answer for place in asked}) > 3


def test_a_call_raises_what_it_raises(traces: list[Trace]) -> None:
    asked = choose_places(traces, [StepKind.RAISING], seed=1, per_program=6, limit=None).places
    for place in asked:
        try:
            eval(place.trace.call, load(place.trace))
            raised = "no"
        except Exception as error:
            raised = type(error).__name__
        assert place.answer == raised, place
    counts = Counter(place.answer != "no" for place in asked)
    assert counts[True] == counts[False] > 0
