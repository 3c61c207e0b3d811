"""What is read from a program's text: lines that hold one statement, bodies, names."""

from __future__ import annotations

import pytest

from generators.records import LineEvent, Origin, Recording, Split, Trace
from probe.tasks.steps.entry_point import EntryPoint, read_entry_point
from probe.tasks.steps.walks import Skip, Walk, walk_through

CODE = '''import math

def helper(x): return x

def f(items, n):
    """Words."""
    total = (n +
             1)
    a, b = 0, 1; c = 2
    for i, x in enumerate(items):
        total += x
        if x > 1: break
        elif x == -1:
            items[i] = 0
            continue
    while total > 10:
        total -= 3
        items.append(total)
    try:
        a = 1 / n
    except ZeroDivisionError as error:
        a = 0
    with open("x") as file:
        b = 1
    def inner():
        q = 1
        return q
    return [
        y for y in items
    ]
'''


@pytest.fixture(scope="module")
def entry() -> EntryPoint:
    found = read_entry_point(CODE, "f")
    assert found is not None
    return found


def test_plain_lines_hold_one_statement(entry: EntryPoint) -> None:
    assert entry.lines == range(5, 31)
    # not: the docstring is plain but never runs; 7-8 and 28-30 span lines; 9 and 12 hold two;
    # 23 is a with; 26-27 belong to another function
    assert entry.plain == {6, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24, 25}


def test_bodies_and_what_guards_them(entry: EntryPoint) -> None:
    assert entry.bodies == {
        10: range(11, 16),
        12: range(12, 13),
        13: range(14, 16),
        16: range(17, 19),
    }
    assert entry.conditions == {12, 13, 16}
    assert entry.loops == {10, 16}
    assert entry.guarded == {20, 21, 22, 24}


def test_names_that_a_line_sets_or_changes(entry: EntryPoint) -> None:
    named = {line: names for line, names in entry.names.items() if names and line in entry.plain}
    assert named == {
        10: ("i", "x"),
        11: ("total",),
        14: ("items",),
        17: ("total",),
        18: ("items",),
        20: ("a",),
        22: ("a",),
        24: ("b",),
    }
    assert entry.forgotten == {"error"}
    assert not entry.silent


@pytest.mark.parametrize(
    "line",
    ["global q", "while True: break", "while 1: break", "'words'", "q: int", "if 0: pass"],
)
def test_lines_without_a_step_are_told(line: str) -> None:
    found = read_entry_point(f"def f():\n    'doc'\n    {line}\n    return 1", "f")
    assert found is not None
    assert found.silent


@pytest.mark.parametrize(
    "code",
    [
        "f = lambda x: x",
        "@cache\ndef f(x):\n    return x",
        "def f(x):\n    yield x",
        "def g():\n    def f(x):\n        return x",
        "def f(:",
    ],
)
def test_what_is_no_plain_function(code: str) -> None:
    assert read_entry_point(code, "f") is None


def make_trace(events: tuple[LineEvent, ...], *, steps: int, complete: bool = True) -> Trace:
    return Trace(
        trace_id="11/0",
        source="s",
        task_id=11,
        split=Split.TEST,
        entry_point="f",
        text="",
        code="def f(x):\n    y = x\n    return y",
        setup="",
        call="f(1)",
        output="1",
        output_type="int",
        origin=Origin.ASSERT,
        recording=Recording(lines=(), branches=(), steps=steps, complete=complete, events=events),
    )


def make_event(line: int, depth: int = 0, **changed: str) -> LineEvent:
    return LineEvent(line=line, depth=depth, changed=changed)


WHOLE = (make_event(2, x="1"), make_event(3, y="1"), make_event(0))


def test_a_walk_keeps_the_state_of_every_step() -> None:
    trace = make_trace(WHOLE, steps=2)
    walk = walk_through(trace, read_entry_point(trace.code, "f"))
    assert isinstance(walk, Walk)
    assert [(s.line, s.time, s.following, dict(s.after)) for s in walk.steps] == [
        (2, 1, 3, {"x": "1", "y": "1"}),
        (3, 1, 0, {"x": "1", "y": "1"}),
    ]
    assert walk.steps[0].before == {"x": "1"}


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        (make_trace((), steps=2), Skip.NO_EVENTS),
        (make_trace(WHOLE[:-1], steps=2), Skip.CUT),
        (make_trace(WHOLE, steps=3), Skip.CUT),
        (make_trace(WHOLE, steps=2, complete=False), Skip.CUT),
        (make_trace((make_event(1), make_event(0)), steps=1), None),
        (make_trace((make_event(9), make_event(0)), steps=1), Skip.NO_FUNCTION),
    ],
)
def test_a_recording_that_is_not_whole_gives_no_walk(trace: Trace, reason: Skip | None) -> None:
    found = walk_through(trace, read_entry_point(trace.code, "f"))
    assert (found == reason) if reason else isinstance(found, Walk)
