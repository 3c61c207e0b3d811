"""A small data folder of word problems, written for these tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from probe.config import DataOptions, MathConfig


def make_row(question: str, formula: str, answer: float) -> dict[str, Any]:
    return {
        "Problem": question,
        "Rationale": "as it says",
        "options": f"a ) {answer} , b ) 7 , c ) 9 , d ) 11 , e ) 13",
        "correct": "a",
        "annotated_formula": formula,
        "linear_formula": f"{formula}|",
        "category": "general",
    }


WORDS = ("apples", "coins", "miles", "cups", "stones", "lamps")


def make_rows(first: int, count: int) -> list[dict[str, Any]]:
    """Questions whose words differ, with formulas of ever other shapes."""
    rows = []
    for place in range(count):
        a, b = first + place + 2, first + 3 * place + 3
        word = WORDS[place % len(WORDS)]
        rows.append(
            make_row(f"{word} cost {a} and {b} . how many {word} together ?", "add(n0,n1)", a + b)
        )
        rows.append(make_row(f"{a} rows of {b} {word} make how many ?", "multiply(n0,n1)", a * b))
        rows.append(
            make_row(
                f"of {b} {word} and {a} more , half is lost ; what remains of them ?",
                "add(n0,n1)|divide(#0,const_2)",
                (a + b) / 2,
            )
        )
    return rows


@pytest.fixture(scope="session")
def math_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "mathqa").mkdir()
    odd = [
        make_row("the square of 7 ?", "power(n0,const_2)", 49),
        make_row("minus 8 ?", "negate(n0)", -8),
        make_row("the root of 49 ?", "sqrt(n0)", 7),
        make_row("what is left of 9 and 5 and 3 ?", "subtract(n0,n1)|subtract(#0,n2)", 1),
        make_row("a quarter of 40 less 1 ?", "divide(n0,const_4)|subtract(#0,n1)", 9),
    ]
    files = {"dev": odd + make_rows(0, 8), "test": make_rows(20, 4), "challenge_test": odd[:1]}
    for name, rows in files.items():
        (folder / "mathqa" / f"{name}.json").write_text(json.dumps(rows))
    return folder


@pytest.fixture
def config(math_folder: Path, tmp_path: Path) -> MathConfig:
    return MathConfig(
        out=tmp_path / "run",
        data=DataOptions(data_dir=math_folder, accept_unknown=True),
        shots=3,
        max_new_tokens=5000,  # characters of the fake
        batch_invariance_items=2,
    )
