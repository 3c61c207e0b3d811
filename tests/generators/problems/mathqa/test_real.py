"""The published files: which problems remain, and the figures of the data set."""

from __future__ import annotations

import ast
import statistics
from collections import Counter
from pathlib import Path

import pytest

from generators.problems.mathqa.formula import parse_formula
from generators.problems.mathqa.records import MathSplit
from generators.problems.mathqa.source import (
    RAW_FILES,
    MathSource,
    content_sha256,
    load_mathqa,
)
from generators.tolerance import Tolerance, numbers_match

CONTENTS = {
    MathSplit.DEV: "15d5028aaa1cb6e8932123c5e24806f639bb5e25941abf8ef65eeee4c2024b9f",
    MathSplit.TEST: "65e0caafa7423c47f32d3c83d70e3f5a23804b8bd4bb4b8bdca0d419df1f942b",
    MathSplit.CHALLENGE_TEST: "a54016daa0a0c72888bca35617079af114b2fabbd7a0e68b3351041d6bbb3c58",
}


@pytest.fixture(scope="module")
def sources(data_dir: Path) -> dict[MathSplit, MathSource]:
    return {split: load_mathqa(split, data_dir=data_dir) for split in CONTENTS}


@pytest.fixture(scope="module")
def test_split(sources: dict[MathSplit, MathSource]) -> MathSource:
    return sources[MathSplit.TEST]


@pytest.mark.parametrize(
    ("split", "rows", "kept", "drops"),
    [
        (MathSplit.DEV, 4_475, 2_822, [17, 39, 1_597, 0]),
        (MathSplit.TEST, 2_985, 1_883, [13, 36, 1_053, 0]),
        (MathSplit.CHALLENGE_TEST, 604, 403, [2, 7, 192, 0]),
    ],
)
def test_the_published_number_of_problems_remains(
    sources: dict[MathSplit, MathSource], split: MathSplit, rows: int, kept: int, drops: list[int]
) -> None:
    source = sources[split]
    assert source.known
    assert (source.rows, len(source.problems)) == (rows, kept)
    assert list(source.dropped.values()) == drops
    assert rows == kept + sum(drops)
    assert (RAW_FILES[split].rows, RAW_FILES[split].problems) == (rows, kept)


@pytest.mark.parametrize("split", CONTENTS)
def test_the_problems_are_those_of_this_version(
    sources: dict[MathSplit, MathSource], split: MathSplit
) -> None:
    """Changes with any change of texts or programs; then the conversion needs a new version."""
    source = sources[split]
    assert source.content_sha256 == content_sha256(source.problems) == CONTENTS[split]


@pytest.mark.parametrize("split", CONTENTS)
def test_every_program_gives_its_answer(
    sources: dict[MathSplit, MathSource], split: MathSplit
) -> None:
    """Run as they stand, with Python's and SciPy's own modules."""
    for problem in sources[split].problems:
        scope: dict[str, float] = {}
        exec(problem.code, scope)
        assert scope["answer"] == problem.answer, problem.id
        assert numbers_match(problem.answer, problem.option, Tolerance.REL1PCT), problem.id


@pytest.mark.parametrize("split", CONTENTS)
def test_formula_and_program_say_the_same(
    sources: dict[MathSplit, MathSource], split: MathSplit
) -> None:
    for problem in sources[split].problems:
        formula = parse_formula(problem.dsl)
        assert formula.text() == problem.dsl
        assert formula.program(problem.numbers) == problem.code
        assert formula.value(problem.numbers) == pytest.approx(problem.answer, rel=1e-9)


def test_figures_of_the_test_split(test_split: MathSource) -> None:
    problems = test_split.problems
    formulas = [parse_formula(problem.dsl) for problem in problems]
    uses = Counter(step.operation.name for formula in formulas for step in formula.steps)
    common = sum(uses[name] for name in ("divide", "multiply", "add", "subtract"))
    assert round(statistics.mean(len(formula.steps) for formula in formulas), 1) == 4.2
    assert len(uses) == 35
    assert round(common / uses.total(), 2) == 0.94
    lines = statistics.mean(len(problem.code.splitlines()) for problem in problems)
    assert lines == pytest.approx(7.7, abs=0.06)
    words = statistics.mean(len(problem.text.split()) for problem in problems)
    assert words == pytest.approx(50, abs=0.5)


def test_programs_with_imports(test_split: MathSource) -> None:
    """The published programs with ``gcd`` alone lack the import that they need: 9 fewer."""
    importing = [problem.code for problem in test_split.problems if "import" in problem.code]
    gcd_alone = [
        code
        for code in importing
        if {
            node.func.attr
            for node in ast.walk(ast.parse(code))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        == {"gcd"}
    ]
    assert (len(importing), len(gcd_alone)) == (124, 9)
    assert len(importing) - len(gcd_alone) == 115


def test_reference_values_that_are_the_printed_option(test_split: MathSource) -> None:
    right = Counter(
        rule
        for problem in test_split.problems
        for rule in Tolerance
        if numbers_match(problem.option, problem.answer, rule)
    )
    assert right[Tolerance.EXACT8] == 1_649
    assert right[Tolerance.REL1PCT] == 1_883


def test_all_challenge_questions_are_test_questions(
    sources: dict[MathSplit, MathSource],
) -> None:
    test = {problem.text for problem in sources[MathSplit.TEST].problems}
    assert all(one.text in test for one in sources[MathSplit.CHALLENGE_TEST].problems)


@pytest.mark.parametrize("split", CONTENTS)
def test_a_question_comes_back_from_its_text(
    sources: dict[MathSplit, MathSource], split: MathSplit
) -> None:
    for problem in sources[split].problems:
        listing = " ".join(f"n{i} = {n!r}" for i, n in enumerate(problem.numbers))
        assert problem.text == f"# {problem.question} {listing}".rstrip()
