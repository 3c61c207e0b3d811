"""Labels of properties: of results, of recorded runs, and which can be probed for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from generators.errors import UsageError
from generators.literals import from_literal, type_name
from generators.records import LineEvent, Origin, Recording, Split, Trace
from generators.trace_files import read_traces
from probe.analysis.properties import (
    FOLDS,
    PROPERTIES,
    call_word,
    known_properties,
    usable_labels,
)
from probe.config import MakeTracesConfig
from probe.tasks.traces import make_traces

CODE = """def f(x):
    y = x - 3
    if x > 100: return 0
    if y > 0:
        return y
    return x
"""


def make_trace(index: int, output: str = "1", *, task_id: int = 1, **fields: object) -> Trace:
    return replace(
        Trace(
            trace_id=f"{task_id}/{index}",
            source="made",
            task_id=task_id,
            split=Split.TEST,
            entry_point="f",
            text="",
            code=CODE,
            setup="",
            call=f"f({index})",
            output=output,
            output_type=type_name(from_literal(output)) if output else "",
            origin=Origin.GENERATED,
        ),
        **fields,
    )


def make_recording(*events: tuple[int, dict[str, str]], **fields: object) -> Recording:
    """A recording of line events ``(line, changed)``, all in the called function."""
    lines = sorted({line for line, _ in events if line})
    made = Recording(
        lines=tuple(lines),
        branches=(),
        steps=sum(line > 0 for line, _ in events),
        complete=True,
        events=tuple(LineEvent(line=line, depth=0, changed=changed) for line, changed in events),
    )
    return replace(made, **fields)


def run_of(x: int) -> Recording:
    """How ``f(x)`` runs."""
    end = [(4, {"y": str(x - 3)}), (5, {}) if x > 3 else (6, {}), (0, {})]
    return make_recording((2, {"x": str(x)}), (3, {}), *end)


def labels_of(name: str, traces: list[Trace]) -> list[str | None]:
    found = PROPERTIES[name].labels(traces)
    return [found[trace.trace_id] for trace in traces]


@pytest.mark.parametrize(
    ("name", "output", "label"),
    [
        ("output_type", "1", "int"),
        ("output_type", "True", "bool"),
        ("output_type", "(1,)", "tuple"),
        ("int_sign", "-7", "negative"),
        ("int_sign", "0", "zero"),
        ("int_sign", "9", "positive"),
        ("int_sign", "True", None),
        ("int_sign", "1.0", None),
        ("int_parity", "-7", "odd"),
        ("int_parity", "0", "even"),
        ("int_parity", "False", None),
        ("length", "[]", "0 to 2"),
        ("length", "'abc'", "3 to 5"),
        ("length", str([0] * 10), "6 to 10"),
        ("length", repr("x" * 11), "over 10"),
        ("length", "(1, 2)", None),
        ("truth", "True", "True"),
        ("truth", "False", "False"),
        ("truth", "0", None),
        ("raises", "0", "returns"),
    ],
)
def test_labels_of_results(name: str, output: str, label: str | None) -> None:
    assert labels_of(name, [make_trace(0, output)]) == [label]


def test_a_call_that_raises_has_no_result() -> None:
    trace = make_trace(0, "", raises="ValueError")
    found = {name: labels_of(name, [trace])[0] for name in PROPERTIES}
    assert found.pop("raises") == "raises"
    assert set(found.values()) == {None}


def test_the_branch_is_the_first_that_some_calls_enter_and_others_do_not() -> None:
    traces = [make_trace(x, recording=run_of(x)) for x in (1, 5, 8)]
    assert labels_of("branch", traces) == ["passed", "entered", "entered"]


def test_a_branch_that_all_calls_enter_is_no_question() -> None:
    traces = [make_trace(x, recording=run_of(x)) for x in (5, 8)]
    assert labels_of("branch", traces) == [None, None]


def test_programs_have_branches_of_their_own() -> None:
    traces = [
        *(make_trace(x, recording=run_of(x)) for x in (1, 5)),
        *(make_trace(x, task_id=2, recording=run_of(x)) for x in (5, 8)),
        *(make_trace(x, task_id=3) for x in (1, 5)),  # not recorded
    ]
    assert labels_of("branch", traces) == ["passed", "entered", None, None, None, None]


def test_a_run_that_was_cut_short_has_no_label() -> None:
    cut = replace(run_of(8), complete=False)
    traces = [make_trace(x, recording=run_of(x)) for x in (1, 5)]
    traces.append(make_trace(8, recording=cut))
    assert labels_of("branch", traces) == ["passed", "entered", None]
    assert labels_of("variable", traces) == ["negative", "positive", None]


def test_the_variable_is_the_first_whose_sign_differs() -> None:
    """Arguments are left out: their values stand in the call."""
    traces = [make_trace(x, recording=run_of(x)) for x in (1, 3, 5)]
    assert labels_of("variable", traces) == ["negative", "zero", "positive"]


def test_values_that_are_no_ints_are_no_signs() -> None:
    runs = [
        make_recording((2, {"x": "1"}), (3, {"a": value, "b": sign}), (0, {}))
        for value, sign in (("[1]", "2"), ("", "-2"), ("True", "0"))
    ]
    traces = [make_trace(n, recording=run) for n, run in enumerate(runs)]
    assert labels_of("variable", traces) == ["positive", "negative", "zero"]


def test_events_that_are_missing_are_no_end() -> None:
    run = run_of(5)
    traces = [
        make_trace(1, recording=run_of(1)),
        make_trace(5, recording=replace(run, events=run.events[:-3])),
        make_trace(8, recording=replace(run, events=())),
        make_trace(9, recording=run_of(9)),
    ]
    assert labels_of("variable", traces) == ["negative", None, None, "positive"]


def test_labels_of_real_runs(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    make_traces(
        MakeTracesConfig(
            source="basics", split=Split.TEST, inputs=6, limit=20, out=path, trace_lines=True
        )
    )
    traces = read_traces(path)
    by_id = {trace.trace_id: trace for trace in traces}
    entered = PROPERTIES["branch"].labels(traces)
    programs: dict[int, set[str]] = {}
    for key, label in entered.items():
        if label is not None:
            programs.setdefault(by_id[key].task_id, set()).add(label)
    assert len(programs) >= 3
    assert all(found == {"entered", "passed"} for found in programs.values())
    signs = PROPERTIES["variable"].labels(traces)
    assert {label for label in signs.values() if label} <= {"negative", "zero", "positive"}
    assert sum(label is not None for label in signs.values()) >= 10


@pytest.mark.parametrize(
    ("call", "word"),
    [
        ("f([1, 2], 3)", "3"),
        ("f('a b')", "b"),
        ("f(-12.5)", "5"),
        ("f([])", "f"),
        ("add_one({'x': None})", "None"),
        ("snake_case('')", "snake_case"),
    ],
)
def test_the_last_word_of_a_call(call: str, word: str) -> None:
    assert call_word(call) == word


class TestUsable:
    def test_labels_of_too_few_programs_are_left_out(self) -> None:
        labels = ["a"] * 6 + ["b"] * 5 + ["c"] * 4 + [None]
        found = usable_labels(labels, range(len(labels)))
        assert (found.labels, dict(found.left_out), found.reason) == (("a", "b"), {"c": 4}, "")

    def test_programs_count_and_not_items(self) -> None:
        labels = ["a"] * 40 + ["b"] * 40
        assert usable_labels(labels, range(80)).labels == ("a", "b")
        programs = [n % (FOLDS - 1) if label == "b" else n for n, label in enumerate(labels)]
        found = usable_labels(labels, programs)
        assert found.labels == ()
        assert found.reason.endswith("are needed; programs by label: a (40), b (4)")

    def test_one_label_or_none(self) -> None:
        found = usable_labels(["a"] * 9, range(9))
        assert found.reason.endswith("programs by label: a (9)")
        assert usable_labels([None, None], [1, 2]).reason == "no item has a label"


def test_unknown_properties_are_refused() -> None:
    assert known_properties(()) == tuple(PROPERTIES.values())
    assert [kind.name for kind in known_properties(["truth", "int_sign"])] == ["int_sign", "truth"]
    with pytest.raises(UsageError, match="no property 'colour'; there are output_type, "):
        known_properties(["truth", "colour"])
