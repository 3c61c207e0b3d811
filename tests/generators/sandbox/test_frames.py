"""Whatever a child writes, the parent gets outcomes or a crash, never an exception."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.literals import canonical_text
from generators.records import LineEvent, OutcomeStatus, Recording
from generators.sandbox.frames import parse_frames
from generators.sandbox.policy import Limits

LIMITS = Limits(value_chars=1000)
STEPS = ("f(1)", "x = 1", "f(2)")


def frame(*row: Any) -> bytes:
    body = json.dumps(row).encode()
    return len(body).to_bytes(4, "big") + body


def ok(index: int, value: str | None, kind: str = "") -> bytes:
    return frame(index, "ok", value, kind, "", "", 0.0, 0.0, None)


LOADED = ok(-1, None)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=4,
)


def test_sound_frames_become_outcomes() -> None:
    data = (
        LOADED
        + ok(0, "[1, 2]", "list")
        + ok(1, None)
        + frame(2, "exception", None, "", "KeyError", "'a'", 0.25, 0.5, None)
    )
    outcomes, sound = parse_frames(data, LIMITS, steps=STEPS)
    assert sound
    assert [outcome.status.value for outcome in outcomes] == ["ok", "ok", "ok", "exception"]
    assert (outcomes[1].value, outcomes[1].value_type) == ("[1, 2]", "list")
    assert outcomes[2].value is None
    assert (outcomes[3].error, outcomes[3].message) == ("KeyError", "'a'")
    assert (outcomes[3].cpu_seconds, outcomes[3].wall_seconds) == (0.25, 0.5)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    for start in (b"", LOADED):
        outcomes, _ = parse_frames(start + data, LIMITS, steps=STEPS)
        assert len(outcomes) <= len(STEPS) + 1


@given(st.lists(JSON, max_size=3) | st.lists(JSON, min_size=9, max_size=9))
def test_any_json(row: list[Any]) -> None:
    outcomes, sound = parse_frames(LOADED + frame(*row), LIMITS, steps=STEPS)
    assert (len(outcomes), sound) in ((1, False), (2, True))


@given(
    st.integers(-2, 4),
    st.sampled_from([*OutcomeStatus, "", "passed"]),
    st.none() | st.text() | st.integers().map(str),
    st.text(),
    st.text(max_size=300),
    st.floats(),
)
def test_what_passes_is_clean(
    index: int, status: str, value: str | None, name: str, message: str, seconds: float
) -> None:
    data = LOADED + frame(index, status, value, name, name, message, seconds, seconds, None)
    outcomes, sound = parse_frames(data, LIMITS, steps=STEPS)
    if not sound:
        assert len(outcomes) == 1
        return
    outcome = outcomes[1]
    assert index == 0
    assert outcome.status.value == status or outcome.status is OutcomeStatus.UNSERIALISABLE
    assert outcome.value is None or canonical_text(outcome.value) == outcome.value
    for text in (outcome.value_type, outcome.error, outcome.message):
        assert text.isprintable()
        assert len(text) <= 200
    assert math.isfinite(outcome.cpu_seconds)
    assert outcome.wall_seconds >= 0


@pytest.mark.parametrize(
    "forged",
    [
        ok(1, "5", "int"),  # not its turn
        ok(-1, None),  # loaded twice
        frame(True, "ok", "5", "int", "", "", 0.0, 0.0, None),
        frame(0, "ok", "5", "int", "", "", 0, 0.0, None),
        frame(0, "ok", 5, "int", "", "", 0.0, 0.0, None),
        frame(0, "timeout", None, "", "", "", 0.0, 0.0, None),  # only the zygote says that
        frame(0, "crashed", None, "", "", "", 0.0, 0.0, None),
        frame(0, "ok", "5", "int", "", "", 0.0, 0.0),
        ok(0, None),  # an expression has a value
        ok(0, "5")[:-1],
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x02[[",
        (200_000).to_bytes(4, "big") + b"[" * 200_000,
    ],
)
def test_forged_frames_are_seen(forged: bytes) -> None:
    outcomes, sound = parse_frames(LOADED + forged, LIMITS, steps=STEPS)
    assert (len(outcomes), sound) == (1, False)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "1 ",
        "[1,2]",
        "0x10",
        "f(1)",
        "__import__('os').getpid()",
        "'a' 'b'",
        '"a"',
        "9" * 999,
        "[" * 400 + "]" * 400,
        "-" * 900 + "1",
        "(" * 1000,
        "1" * 1001,
        "[0]" * 300,
        "",
    ],
)
def test_values_that_are_no_canonical_literals(text: str) -> None:
    outcomes, sound = parse_frames(LOADED + ok(0, text, "int"), LIMITS, steps=STEPS)
    assert sound
    if text != "9" * 999:
        assert outcomes[1].status is OutcomeStatus.UNSERIALISABLE
        assert outcomes[1].value is None


def test_no_more_than_was_asked_for() -> None:
    data = LOADED + ok(0, "1") + ok(1, None) + ok(2, "3")
    assert parse_frames(data, LIMITS, steps=STEPS)[1]
    outcomes, sound = parse_frames(data + ok(3, "4"), LIMITS, steps=STEPS)
    assert (len(outcomes), sound) == (4, False)


def test_a_failed_load_ends_it() -> None:
    failed = frame(-1, "exception", None, "", "NameError", "", 0.0, 0.0, None)
    assert parse_frames(failed, LIMITS, steps=STEPS)[1]
    outcomes, sound = parse_frames(failed + ok(0, "1"), LIMITS, steps=STEPS)
    assert (len(outcomes), sound) == (1, False)


def test_a_load_has_no_value() -> None:
    assert parse_frames(ok(-1, "1"), LIMITS, steps=STEPS) == ([], False)


PROGRAM = "def f(x):\n    if x:\n        return [x]\n"
SOUND = [[1, 2], [0], 3, True, [[1, 0, {"x": "5"}], [2, 0, {"y": ""}], [0, 0, {}]]]


def recorded(cells: Any, index: int = 0, program: str | None = PROGRAM) -> tuple[Any, bool]:
    data = b"" if index < 0 else LOADED
    row = (index, "ok", None if index < 0 else "1", "int", "", "", 0.0, 0.0, cells)
    outcomes, sound = parse_frames(data + frame(*row), LIMITS, steps=STEPS, recorded=program)
    return outcomes[-1].recording if sound else None, sound


def test_a_recording_arrives_as_it_is() -> None:
    recording, sound = recorded(SOUND)
    assert sound
    assert recording == Recording(
        lines=(1, 2),
        branches=(0,),
        steps=3,
        complete=True,
        events=(
            LineEvent(line=1, depth=0, changed={"x": "5"}),
            LineEvent(line=2, depth=0, changed={"y": ""}),
            LineEvent(line=0, depth=0, changed={}),
        ),
    )
    assert recorded(None) == (None, True)


@pytest.mark.parametrize(
    "change",
    [
        {0: [2, 1]},
        {0: [1, 1]},
        {0: [0]},
        {0: [9999]},
        {0: ["1"]},
        {0: {}},
        {1: [-1]},
        {1: [9999]},
        {1: [True]},
        {2: -1},
        {2: 20_001},
        {2: 1.0},
        {3: 1},
        {3: None},
        {4: None},
        {4: [[1, 0, {}]] * 201},
        {4: [[1, 0]]},
        {4: [[-1, 0, {}]]},
        {4: [[9999, 0, {}]]},
        {4: [[1, -1, {}]]},
        {4: [[1, 0, {"x": "f(1)"}]]},
        {4: [[1, 0, {"x": "'" + "y" * 90 + "'"}]]},
        {4: [[1, 0, {"x": 1}]]},
        {4: [[1, 0, {"not a name": "1"}]]},
        {4: [[1, 0, {"x" * 101: "1"}]]},
        {4: [[1, 0, []]]},
    ],
)
def test_forged_recordings_are_seen(change: dict[int, Any]) -> None:
    cells = [change.get(i, cell) for i, cell in enumerate(SOUND)]
    assert recorded(cells) == (None, False)


def test_recordings_that_nobody_asked_for_are_seen() -> None:
    assert recorded(SOUND, program=None) == (None, False)
    assert not recorded(SOUND, index=-1)[1]
    assert recorded(SOUND[:4]) == (None, False)


@given(JSON)
def test_any_recording(cells: Any) -> None:
    recording, sound = recorded(cells)
    assert sound == (cells is None or recording is not None)
