"""A hostile file of MathQA: nothing of it reaches the interpreter, and converting it ends."""

from __future__ import annotations

import builtins
import re
import time
from pathlib import Path
from typing import Any

import pytest

from generators.problems.mathqa import running
from generators.problems.mathqa.convert import convert_rows
from generators.problems.mathqa.records import MathSplit

LINE = re.compile(r"import (math|scipy)|(n\d+|t\d+|answer) = [\w\s.,()+\-*/%]+", re.ASCII)
PLAIN = {
    "Problem": "5 and 3",
    "Rationale": "",
    "options": "a ) 8",
    "correct": "a",
    "linear_formula": "add(n0,n1)",
    "category": "general",
}


def convert(**changes: str) -> Any:
    return convert_rows([{**PLAIN, **changes}], MathSplit.DEV)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that the conversion gives to the interpreter."""
    lines: list[str] = []

    def spy(text: str, scope: dict[str, Any]) -> None:
        lines.append(text)
        builtins.exec(text, scope)

    monkeypatch.setattr(running, "exec", spy, raising=False)
    return lines


def attacks(canary: Path) -> list[str]:
    call = f"__import__('pathlib').Path({str(canary)!r}).touch()"
    return [
        call,
        f"add(n0,n1)|{call}|",
        f"add(n0,{call})",
        f"add(n0,n1);{call}",
        f"add(n0,n1)\n{call}",
        f"add(n0,n1\n{call}\n)",
        f"{call}(n0,n1)",
        f"add(n0,const_1\n{call})",
        f"add(n0,const_1_0;{call})",
        f"add(n0,n1)#{call}",
        "add(n0,n1,__builtins__)",
        "add(n0,const_1).__class__",
        "add(n0,{0.__class__})",
        "{n0}(n0,n1)",
    ]


def test_no_text_of_a_file_is_run(tmp_path: Path, ran: list[str]) -> None:
    canary = tmp_path / "canary"
    for attack in attacks(canary):
        for field in PLAIN:
            found = convert(**{field: attack})
            found = convert(**{field: f"{PLAIN[field]} {attack}"})
            assert all(
                LINE.fullmatch(line) for one in found.problems for line in one.code.split("\n")
            )
    assert not canary.exists()
    assert ran
    assert all(LINE.fullmatch(line) for line in ran), [x for x in ran if not LINE.fullmatch(x)]


def test_numbers_are_written_by_this_project(ran: list[str]) -> None:
    found = convert(
        Problem="5 and 3 and 0x10 and 1_000 and 007 and 1e5 \u0663 \uff15", options="a ) 8"
    )
    assert ran[:3] == ["n0 = 5.0", "n1 = 3.0", "n2 = 0.0"]
    assert found.problems[0].answer == 8.0


def test_a_program_has_no_builtins_to_reach_for() -> None:
    for text in ("answer = open", "answer = eval", "answer = __import__('os')", "import os"):
        with pytest.raises((NameError, KeyError)):
            running.run_program(text)


@pytest.mark.parametrize(
    "formula",
    [
        "lcm(n0,n1)|" + "|".join(f"multiply(#{i},#{i})" for i in range(500)),
        "floor(n0)|" + "|".join(f"power(#{i},#0)" for i in range(500)),
        "permutation(n2,n2)",
        "permutation(n3,n2)",
        "factorial(n3)",
        "choose(n3,n2)",
        "power(n3,n3)",
        # 0 by the formula, and something else by the text without parentheses
        "stream_speed(n2,n2)|floor(#0)|permutation(#1,#1)|power(#2,const_0)|multiply(#3,const_8)",
        "stream_speed(n2,n2)|floor(#0)|"
        + "|".join(f"power(#{i},const_5)" for i in range(1, 200))
        + "|power(#200,const_0)|multiply(#201,const_8)",
        "|".join(["add(n0,n1)"] * 20_000),
    ],
    ids=lambda text: text[:30],
)
def test_converting_ends(formula: str) -> None:
    start = time.monotonic()
    found = convert(Problem="5 3 2,000,000,000 1e300", linear_formula=formula)
    assert found.rows == 1
    assert time.monotonic() - start < 20


def test_long_texts_end() -> None:
    start = time.monotonic()
    for text in ("9" * 200_000, "1," * 100_000, "-+." * 100_000, "1,000" * 50_000, "1e" * 100_000):
        convert(Problem=text, options=f"a ) {text}", linear_formula=text)
    convert(linear_formula="add(" * 50_000)
    convert(linear_formula="add(" + "n0," * 50_000 + "n0)")
    assert time.monotonic() - start < 20
