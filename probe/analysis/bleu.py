"""BLEU of programs against their references: does looking alike go with being right?

Called by ``probe analyse``. Source: paper, appendix: no strong correlation was seen.
"""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["bleu", "bleu_signature"]


@cache
def _metric() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    # Sentences of a few lines: orders without any n-gram are left out of the mean.
    return BLEU(effective_order=True, tokenize="13a")


def bleu(code: str, reference: str) -> float:
    """Return the sentence BLEU of a program, 0 to 100, by sacrebleu."""
    return round(float(_metric().sentence_score(code, [reference]).score), 6)


def bleu_signature() -> str:
    """Return sacrebleu's own description of the metric, with its version."""
    metric = _metric()
    metric.sentence_score("x", ["x"])  # the signature knows the number of references only then
    return str(metric.get_signature())
