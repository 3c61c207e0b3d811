"""How files are damaged, and what has to hold of every reader of a damaged one.

A file is damaged as disks, editors and wrong programs do it: bytes changed, cut out or put in,
lines doubled, swapped or lost, fields of another type, fields missing, numbers that are none.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generators.errors import ProbeError

CASES = 500

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=4), st.none(), max_size=2),
)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Damage a file."""
    for _ in range(draw(st.integers(1, 3))):
        content = draw(st.sampled_from([_bytes, _lines, _fields]))(draw, content)
    return content


def _bytes(draw: st.DrawFn, content: bytes) -> bytes:
    begin = draw(st.integers(0, len(content)))
    end = draw(st.integers(begin, min(len(content), begin + 40)))
    return content[:begin] + draw(st.binary(max_size=6)) + content[end:]


def _lines(draw: st.DrawFn, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    place = draw(st.integers(0, len(lines) - 1))
    match draw(st.sampled_from(["lose", "double", "swap", "cut"])):
        case "lose":
            del lines[place]
        case "double":
            lines.insert(place, lines[place])
        case "swap":
            lines[0], lines[place] = lines[place], lines[0]
        case _:
            del lines[place:]
    return b"".join(lines)


def _fields(draw: st.DrawFn, content: bytes) -> bytes:
    """Change or drop a field of a line, or of a whole JSON document."""
    whole = content.lstrip().startswith((b"{\n", b"["))
    lines = [content] if whole else content.splitlines(keepends=True)
    if not lines:
        return content
    place = draw(st.integers(0, len(lines) - 1))
    try:
        value = json.loads(lines[place])
    except (ValueError, RecursionError):
        return content
    lines[place] = json.dumps(_changed(draw, value)).encode() + b"\n"
    return b"".join(lines)


def _changed(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        rest = {key: other for key, other in value.items() if key != name}
        return rest if draw(st.booleans()) else rest | {name: _changed(draw, value[name])}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], _changed(draw, value[place]), *value[place + 1 :]]
    return draw(ODD)


def attempted(read: Callable[[Path], Any], path: Path) -> tuple[Any, str | None]:
    """Return what was read, or else what the error says."""
    try:
        return read(path), None
    except ProbeError as error:
        return None, str(error)


def survives(
    content: bytes,
    path: Path,
    read: Callable[[Path], Any],
    holds: Callable[[Any], bool] = lambda _: True,
) -> None:
    """Read damaged content many times over.

    Args:
        content: The whole file.
        path: Where it is put, damaged.
        read: Reads it; a :class:`ProbeError` of one line is what is expected.
        holds: What has to be true of anything that was read nevertheless.
    """

    @settings(
        max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(damaged(content))
    def check(broken: bytes) -> None:
        path.write_bytes(broken)
        found, told = attempted(read, path)
        assert holds(found) if told is None else told and "\n" not in told

    with warnings.catch_warnings():
        # A failing example is a whole file, and hypothesis warns instead of saying what went
        # wrong: https://github.com/HypothesisWorks/hypothesis/issues/4784
        warnings.filterwarnings("ignore", "Generating overly large repr")
        check()
