"""Names for people: of runs, policies, baselines, endings and protocol fields.

Called by every module of the report that makes text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from probe.report.inputs import ReportRun
from probe.tasks.names import DIALOG

__all__ = [
    "FINISH_NAMES",
    "POLICY_NAMES",
    "Labels",
    "baseline_name",
    "finish_name",
    "reason_name",
    "set_titles",
    "who_answered",
]

POLICY_NAMES = {"exact_text": "Exact text", "exact": "Exact value"}

_BASELINES = {
    "majority_by_type": "majority by type",
    "copy_other_output": "copy another output",
    "nearest_neighbour": "nearest neighbour",
    "classifier": "linear classifier",
    "majority": "most frequent answer elsewhere",
    "other_call": "answer in another call",
    "line_plus_one": "the line below",
    "frequent_successor": "most frequent successor",
    "always_true": "always true",
    "value_before": "value before",
    "first_length": "length of the first argument",
}
FINISH_NAMES = {
    "stop": "Ended at the stop string",
    "eos": "Ended with the end-of-text token",
    "length": "Cut off at the token budget (no end marker)",
    "overflow": "Prompt longer than the context",
}
_REASONS = {
    "empty": "empty completion",
    "not_a_literal": "not a Python literal",
    "not_a_word": "not a word that can be an answer",
    "truncated": "scratchpad cut off before its result",
    "prompt_overflow": "prompt longer than the context",
    "no_code": "no code",
    "no_answer": "no answer in the reply",
    "ambiguous": "two answers in the reply",
}


def set_titles(facts: Sequence[Sequence[str]]) -> list[str]:
    """Return what the heading of each set of runs says beside the kind of its section.

    Args:
        facts: By set, what may tell it from the others: ``["1 sample each", "greedy"]``.

    Returns:
        For one set alone nothing; else the facts that the sets do not all share, or numbers where
        those tell too little.
    """
    if len(facts) == 1:
        return [""]
    shared = set.intersection(*map(set, facts))
    named = [", ".join(fact for fact in own if fact not in shared) for own in facts]
    if "" in named or len(set(named)) < len(named):
        return [f" (set {place})" for place in range(1, len(facts) + 1)]
    return [f": {name}" for name in named]


class Labels:
    """Short unique names of execution runs.

    The model's name is left out where all runs ask the same one; the folder's name is added
    where two runs would be called the same.
    """

    def __init__(self, runs: Sequence[ReportRun]) -> None:
        """Name ``runs``, all execution runs of a report."""
        one_model = len({run.model_name for run in runs}) <= 1
        plain = {run.name: _plain(run, one_model=one_model) for run in runs}
        seen = Counter(plain.values())
        self._names = {
            name: (who, prompt if seen[who, prompt] == 1 else f"{prompt}, run {name}")
            for name, (who, prompt) in plain.items()
        }

    def __getitem__(self, run: ReportRun) -> str:
        """Return a run's label, fit for the head of a row: ``Base model, 3-shot``."""
        who, prompt = self._names[run.name]
        return f"{who}, {prompt}"

    def inline(self, run: ReportRun) -> str:
        """Return a run's label, fit for a sentence: ``the base model (3-shot)``."""
        who, prompt = self._names[run.name]
        if who in ("Base model", "Tuned model"):
            who = f"the {who.lower()}"
        return f"{who} ({prompt})"


def _plain(run: ReportRun, *, one_model: bool) -> tuple[str, str]:
    prompt = f"{run.shots}-shot" if run.shots else "zero-shot"
    prompt = "worked conversations" if run.task == DIALOG else prompt
    prompt += " with scratchpad" if run.scratchpad else ""
    if one_model:
        return ("Tuned model" if run.tuned else "Base model"), prompt
    return f"{run.model_name}, {'tuned' if run.tuned else 'base'}", prompt


def who_answered(run: ReportRun) -> str:
    """Return a run's label where other models stand beside it."""
    return ", ".join(_plain(run, one_model=False))


def baseline_name(name: str) -> str:
    """Return a trivial baseline's name in words."""
    return _BASELINES.get(name, name.replace("_", " "))


def finish_name(name: str) -> str:
    """Return how a completion ended, in words."""
    return FINISH_NAMES.get(name, name)


def reason_name(name: str) -> str:
    """Return why there is no answer, in words."""
    return _REASONS.get(name, name.replace("_", " "))
