"""Attacks by values: classes below the builtin ones whose every method is an ambush."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from generators.records import OutcomeStatus
from generators.sandbox.pool import JobResult

Runner = Callable[..., JobResult]
# Every method notes that it was called, lies, and ends the process when asked to.
AMBUSH = """
import os
calls, deadly = [], []
def trap(name):
    def method(self, *rest, **named):
        if deadly:
            os._exit(0)
        calls.append(name)
        return {lie}
    return method
LIES = '''__repr__ __str__ __format__ __bytes__ __reduce__ __reduce_ex__ __getstate__ __copy__
__deepcopy__ __hash__ __len__ __iter__ __reversed__ __contains__ __getitem__ __index__ __int__
__float__ __complex__ __bool__ __lt__ __le__ __gt__ __ge__ __add__ __mul__ __sizeof__ __dir__
__getattribute__ __getattr__ __enter__ __call__ __iadd__ items keys values bit_length encode
as_integer_ratio copy hex'''.split()
def hostile(base, *more):
    names = {name: trap(name) for name in (*LIES, *more)}
    names['__class__'] = property(trap('__class__'))
    return type(base.__name__, (base,), names)
""".replace("{lie}", "'5'")
HELD = {
    "int": ("7", "7"),
    "float": ("2.5", "2.5"),
    "str": ("'abc'", "'abc'"),
    "bytes": ("b'abc'", "b'abc'"),
    "list": ("[1, 2]", "[1, 2]"),
    "tuple": ("(1, 2)", "(1, 2)"),
    "set": ("{3}", "{3}"),
    "frozenset": ("[3]", "frozenset({3})"),
    "dict": ("{'a': 1}", "{'a': 1}"),
    "complex": ("1j", "complex('1j')"),
}


@pytest.mark.parametrize("base", HELD)
@pytest.mark.parametrize("wrapped", ["{}", "[{}]", "(1, {})", "{{'k': {}}}"])
def test_no_method_of_a_value_is_called(run: Runner, base: str, wrapped: str) -> None:
    argument, held = HELD[base]
    value = wrapped.format(f"hostile({base})({argument})")
    result = run(AMBUSH, value, "calls", f"deadly.append(1) or {value}", "1 + 1")
    assert result.steps[0].value == wrapped.format(held), result.steps[0]
    assert result.steps[1].value == "[]"
    assert result.steps[2].value == wrapped.format(held)


@pytest.mark.parametrize("base", HELD)
def test_a_comparison_of_its_own_makes_a_value_unfit(run: Runner, base: str) -> None:
    argument, _ = HELD[base]
    result = run(AMBUSH, f"hostile({base}, '__eq__')({argument})", "calls")
    assert result.steps[0].status is OutcomeStatus.UNSERIALISABLE
    assert result.steps[0].value is None
    assert result.steps[1].value == "[]"


@pytest.mark.parametrize(
    "value",
    [
        "object()",
        "Proxy()",
        "Proxy",
        "NotImplemented",
        "Ellipsis",
        "iter([1])",
        "(i for i in [1])",
        "lambda: 5",
        "memoryview(b'5')",
        "range(5)",
        "type('int', (), {'__repr__': lambda s: '5'})()",
        "types.SimpleNamespace(a=5)",
        "ValueError(5)",
        "sys._getframe()",
        "sys.modules",
        "weakref.proxy(Proxy)",
    ],
)
def test_what_is_no_literal_has_no_value(run: Runner, value: str) -> None:
    code = (
        "import sys, types, weakref\n"
        "class Proxy:\n"
        "    __class__ = int\n"
        "    __eq__ = lambda *_: True\n"
        "    __hash__ = lambda _: 5\n"
        "    __repr__ = __str__ = lambda _: '5'\n"
        "    __index__ = __int__ = __len__ = lambda _: 5\n"
        "    def __getattr__(self, name):\n        return lambda *_: 5\n"
    )
    outcome = run(code, value).steps[0]
    assert outcome.status is OutcomeStatus.UNSERIALISABLE, outcome
    assert outcome.value is None
