"""Watching a program run: which lines and branches a step goes through, and its local variables.

Used by :mod:`generators.sandbox.child`, inside the sandbox. The program is compiled from a tree
that marks its branch outcomes (:mod:`generators.branches`); a trace function follows the lines of
its own code, and no other. What is told here is checked by the parent
(:mod:`generators.sandbox.frames`), as everything that comes out of a sandbox.

Source of the line events: the documentation of ``sys.settrace``.
"""

from __future__ import annotations

import _ast
import _json
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from generators.branches import instrument
from generators.encoding import to_literal
from generators.errors import LiteralError

__all__ = ["MAX_EVENTS", "MAX_NAME_CHARS", "MAX_STEPS", "MAX_VALUE_CHARS", "PROGRAM", "Recorder"]

PROGRAM = "<solution>"  # file name of the program's code
MAX_STEPS = 20_000  # line events, after which a call goes on unwatched
MAX_EVENTS = 200  # events kept with their variables
MAX_VALUE_CHARS = 80
MAX_NAME_CHARS = 100
_MAX_TEXT = 20_000  # characters of all events
_HEADROOM = 60  # recursion depth for what runs beside the program
_REACHED = "@reached"  # no program can spell it
_quote = _json.encode_basestring_ascii
_set_trace, _get_trace = sys.settrace, sys.gettrace
_get_depth, _set_depth = sys.getrecursionlimit, sys.setrecursionlimit


class Recorder:
    """Records one step after the other.

    Args:
        builtins: Namespace in which the program finds the function that notes branches.
        variables: Whether to keep line events with the local variables that changed.
    """

    def __init__(self, builtins: dict[str, Any], *, variables: bool) -> None:
        self._variables = variables
        self._reached: set[int] = set()
        builtins[_REACHED] = self._reached.add
        self._marked = True
        self._watch: _Watch | None = None

    def compile(self, code: str) -> CodeType:
        """Compile a program so that it notes its branches; lines and values stay as they are.

        Raises:
            SyntaxError: As ``compile`` does.
        """
        tree: Any = compile(code, PROGRAM, "exec", _ast.PyCF_ONLY_AST, dont_inherit=True)
        try:
            instrument(tree, _REACHED)
            marked: CodeType = compile(tree, PROGRAM, "exec", dont_inherit=True)
            return marked
        except RecursionError:
            self._marked = False
            return compile(code, PROGRAM, "exec", dont_inherit=True)

    def run(self, function: Callable[..., Any], *given: Any) -> Any:
        """Call ``function`` and watch the program's part in it."""
        self._reached.clear()
        self._watch = watch = _Watch(variables=self._variables)
        enter, depth = watch.enter, _get_depth()
        _set_depth(depth + _HEADROOM)
        _set_trace(enter)
        try:
            return function(*given)
        finally:
            if _get_trace() is not enter:
                watch.complete = False
            _set_trace(None)
            if _get_depth() == depth + _HEADROOM:
                _set_depth(depth)

    def take(self) -> str:
        """Return the recording of the last :meth:`run` as JSON, once; ``null`` if there is none."""
        watch, self._watch = self._watch, None
        if watch is None:
            return "null"
        branches = sorted(number for number in self._reached if type(number) is int)
        complete = "true" if watch.complete and self._marked else "false"
        events = ", ".join(watch.events)
        return f"[{sorted(watch.lines)}, {branches}, {watch.steps}, {complete}, [{events}]]"


class _Watch:
    """Trace functions for one step."""

    def __init__(self, *, variables: bool) -> None:
        self.lines: set[int] = set()
        self.steps = 0
        self.complete = True
        self.events: list[str] = []
        self._room = _MAX_TEXT if variables else 0
        self._depth = -1

    def enter(self, frame: FrameType, event: str, _: object) -> Any:
        """Follow a frame that runs the program's own code, from one resumption to the next."""
        if event != "call" or frame.f_code.co_filename != PROGRAM:
            return None
        self._depth += 1
        return self._with_variables() if self._room else self._line

    def _line(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            if self.steps == MAX_STEPS:
                self.complete = False
                _set_trace(None)
                return None
            self.steps += 1
            self.lines.add(frame.f_lineno)
        return self._line

    def _with_variables(self) -> Callable[[FrameType, str, object], Any]:
        seen: dict[str, str] = {}
        depth, inside = self._depth, True

        def follow(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal seen, inside
            following = self._line(frame, event, argument)
            if not self._room or not following:
                return following
            if event == "line" or (event == "return" and inside):
                now = _texts(frame.f_locals)
                self._note(frame.f_lineno if event == "line" else 0, depth, seen, now)
                seen = now
            if event == "return" and inside:
                self._depth, inside = depth - 1, False  # a generator that is closed returns again
            return follow

        return follow

    def _note(self, line: int, depth: int, before: dict[str, str], now: dict[str, str]) -> None:
        """Keep an event with the variables that changed since the last one."""
        changed = ", ".join(
            f"{_quote(name)}: {_quote(text)}"
            for name, text in now.items()
            if before.get(name) != text
        )
        event = f"[{line}, {depth}, {{{changed}}}]"
        self._room = max(0, self._room - len(event))
        if self._room:
            self.events.append(event)
        if len(self.events) == MAX_EVENTS:
            self._room = 0


def _texts(variables: dict[str, Any]) -> dict[str, str]:
    """Return the literal texts of variables, empty where there is none or a long one."""
    texts = {}
    for name, value in variables.items():
        if type(name) is str and name.isidentifier() and len(name) <= MAX_NAME_CHARS:
            try:
                texts[name] = to_literal(value, max_chars=MAX_VALUE_CHARS)
            except (LiteralError, RecursionError):
                texts[name] = ""
    return texts
