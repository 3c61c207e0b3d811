"""Formulas, prompts and splits say where they are from."""

from __future__ import annotations

import ast
import re

SOURCE = re.compile(r"\bSource(?: of the idea)?: \S")

WORDED = {"probe.conversation", "probe.tasks.dialog.critic"}
"""Modules whose prompts are no template objects."""

SPLITS = {
    "generators.problems.basics.split_of",
    "generators.problems.mathqa.records.MathSplit",
    "generators.problems.mbpp.split_of",
    "generators.records.Split",
    "probe.analysis.representation.Splits",
    "probe.tasks.items.split_programs",
}
READS_A_SPLIT = {"probe.report.provenance.split_of"}  # out of a manifest


def told(node: ast.Module | ast.FunctionDef | ast.ClassDef) -> str:
    return ast.get_docstring(node) or ""


def test_public_functions_of_statistics_name_their_source(modules: dict[str, ast.Module]) -> None:
    functions = {
        f"{module}.{node.name}": node
        for module, tree in modules.items()
        if module.startswith("probe.statistics.") or module == "probe.metrics"
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert len(functions) > 12
    without = {name for name, node in functions.items() if not SOURCE.search(told(node))}
    assert without == {  # equal texts, sums: no formula
        "probe.metrics.score_word",
        "probe.statistics.intervals.cluster_sums",
    }


def test_prompts_name_their_source(modules: dict[str, ast.Module]) -> None:
    """In the module's docstring, or below each template."""
    without = []
    for module, tree in modules.items():
        made = [
            call
            for call in ast.walk(tree)
            if isinstance(call, ast.Call)
            and ast.unparse(call.func).endswith("Template")
            and "name" in {word.arg for word in call.keywords}
        ]
        below = [
            node.value.value
            for node in tree.body
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ]
        named = sum(bool(SOURCE.search(str(text))) for text in below)
        wanted = len(made) or module in WORDED
        if not SOURCE.search(told(tree)) and named < wanted:
            without.append(module)
    assert not without


def test_splits_name_their_source(modules: dict[str, ast.Module]) -> None:
    found = {
        f"{module}.{node.name}": node
        for module, tree in modules.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and re.fullmatch(r"split_\w+|\w*Splits?", node.name)
    }
    assert found.keys() == SPLITS | READS_A_SPLIT
    assert not [name for name in SPLITS if not SOURCE.search(told(found[name]))]
