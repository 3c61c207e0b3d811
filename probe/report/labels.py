"""Names for people: of runs, policies, baselines, endings and protocol fields.

Called by every module of the report that makes text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from probe.report.inputs import ReportRun

__all__ = [
    "POLICY_NAMES",
    "Labels",
    "baseline_name",
    "finish_name",
    "reason_name",
]

POLICY_NAMES = {"exact_text": "Exact text", "exact": "Exact value"}

_BASELINES = {
    "majority_by_type": "majority by type",
    "copy_other_output": "copy another output",
    "nearest_neighbour": "nearest neighbour",
    "classifier": "linear classifier",
}
_FINISH = {
    "stop": "Ended at the stop string",
    "eos": "Ended with the end-of-text token",
    "length": "Cut off at the token budget (no end marker)",
    "overflow": "Prompt longer than the context",
}
_REASONS = {
    "empty": "empty completion",
    "not_a_literal": "not a Python literal",
    "prompt_overflow": "prompt longer than the context",
    "no_code": "no code",
}


def _shots(number: int) -> str:
    return f"{number}-shot" if number else "zero-shot"


class Labels:
    """Short unique names of execution runs.

    The model's name is left out where all runs ask the same one; the folder's name is added
    where two runs would be called the same.
    """

    def __init__(self, runs: Sequence[ReportRun]) -> None:
        """Name ``runs``, all execution runs of a report."""
        one_model = len({run.model_name for run in runs}) <= 1
        plain = {run.name: self._plain(run, one_model=one_model) for run in runs}
        seen = Counter(plain.values())
        self._names = {
            name: label if seen[label] == 1 else f"{label} ({name})"
            for name, label in plain.items()
        }

    @staticmethod
    def _plain(run: ReportRun, *, one_model: bool) -> str:
        kind = "tuned" if run.tuned else "base"
        who = f"{kind.capitalize()} model" if one_model else f"{run.model_name} ({kind})"
        return f"{who}, {_shots(run.shots)}"

    def __getitem__(self, run: ReportRun) -> str:
        """Return a run's label, fit for the head of a row."""
        return self._names[run.name]

    def inline(self, run: ReportRun) -> str:
        """Return a run's label, fit for the middle of a sentence."""
        label = self._names[run.name]
        if label.startswith(("Base model", "Tuned model")):
            return f"the {label[0].lower()}{label[1:]}"
        return label


def baseline_name(name: str) -> str:
    """Return a trivial baseline's name in words."""
    return _BASELINES.get(name, name.replace("_", " "))


def finish_name(name: str) -> str:
    """Return how a completion ended, in words."""
    return _FINISH.get(name, name)


def reason_name(name: str) -> str:
    """Return why there is no answer, in words."""
    return _REASONS.get(name, name.replace("_", " "))
