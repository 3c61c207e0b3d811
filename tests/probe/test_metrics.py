"""Scores of predicted outputs."""

from __future__ import annotations

import pytest

from probe.metrics import score_prediction


@pytest.mark.parametrize(
    ("expected", "answer", "exact_text", "exact"),
    [
        ("[1, 2]", "[1, 2]", True, True),
        ("[1, 2]", "[1,2]", False, True),
        ("[1, 2]", "(1, 2)", False, False),
        ("'a'", '"a"', False, True),
        ("1", "True", False, False),
        ("1", "1.0", False, False),
        ("1.0", "1.00", False, True),
        ("{1, 2}", "{2, 1}", False, True),
        ("{1}", "{True}", False, False),
        ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", False, True),
        ("float('nan')", "float('nan')", True, True),
        ("None", "", False, False),
        ("3", "1 + 2", False, False),
        ("3", "__import__('os')", False, False),
        ("[]", "[" * 5000, False, False),
    ],
)
def test_policies(expected: str, answer: str, exact_text: bool, exact: bool) -> None:
    score = score_prediction(expected, answer)
    assert (score.exact_text, score.exact) == (exact_text, exact)
