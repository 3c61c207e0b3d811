"""The two ways to ask for the output of a call: the answer at once, or after a scratchpad.

Called by the execution task; fine-tuning takes its solved examples from here too, so that a model
is trained in the words that it is asked in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from generators.errors import UsageError
from generators.records import Trace
from probe.config import DEFAULT_SHOT_IDS, DataOptions
from probe.prompts import EXECUTION_V1, ExecutionTemplate, execution_prompt
from probe.scratchpad import (
    ANSWER_TOKENS,
    SCRATCHPAD_TOKENS,
    SCRATCHPAD_V1,
    scratchpad_fits,
    scratchpad_lines,
    scratchpad_prompt,
)
from probe.tasks.recorded_shots import recorded_shots
from probe.tasks.shots import few_shot_examples

__all__ = ["Wording", "check_asked_as_trained", "check_recorded", "recorded_examples", "wording"]

Examples = Callable[[str, int, DataOptions], tuple[list[Trace], dict[str, Any] | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a call is put to a model.

    Attributes:
        template: Its name, hash and end marker.
        max_new_tokens: Usual budget of an answer.
        repeated: Usual number of items that are decoded once more, alone: few where answers are
            long, because each then takes as long as all of them together.
        prompt: From solved examples and a trace to the prompt.
        examples: The solved examples of a source, and the source's manifest.
        fields: What a sample keeps for scoring beside what all samples keep.
    """

    template: ExecutionTemplate
    max_new_tokens: int
    repeated: int
    prompt: Callable[[Sequence[Trace], Trace], str]
    examples: Examples
    fields: Callable[[Trace], dict[str, Any]]


def wording(*, scratchpad: bool) -> Wording:
    """Return how calls are put, with a scratchpad or without."""
    return _SCRATCHPAD if scratchpad else _DIRECT


def check_recorded(traces: Sequence[Trace], path: object) -> None:
    """Refuse traces without the events that scratchpads are made of.

    Raises:
        UsageError: A trace has none.
    """
    bare = sum(trace.recording is None or not trace.recording.events for trace in traces)
    if bare:
        raise UsageError(
            f"{bare} of {len(traces)} traces in {path} have no line events; "
            "a scratchpad wants traces made with --trace-lines"
        )


def check_asked_as_trained(adapter: dict[str, Any] | None, template: ExecutionTemplate) -> None:
    """Refuse to ask an adapter for scratchpads that it did not learn, or the other way round.

    Only an adapter that lies in the folder of a fine-tuning run says what it learned.

    Raises:
        UsageError: Trained on scratchpads and asked without, or the other way round.
    """
    prompts = (adapter or {}).get("prompts")
    if prompts is None:
        return
    learned, asked = SCRATCHPAD_V1.name in prompts, template is SCRATCHPAD_V1
    if learned != asked:
        raise UsageError(
            f"the adapter was trained {'with' if learned else 'without'} --scratchpad; it cannot "
            f"be asked {'with' if asked else 'without'}"
        )


def recorded_examples(
    name: str, count: int, data: DataOptions
) -> tuple[list[Trace], dict[str, Any] | None]:
    """Return the solved examples as the sandbox recorded them.

    Of each usual few-shot task the assert whose run is the longest that fits, so that the
    examples show loops turning.
    """
    if not count:
        return [], None
    recorded, source = recorded_shots(name, data)
    examples = []
    for task in DEFAULT_SHOT_IDS[:count]:
        runs = [trace for trace in recorded if trace.task_id == task and scratchpad_fits(trace)]
        examples += [max(runs, key=lambda t: len(scratchpad_lines(t)))] if runs else []
    if len(examples) < count:
        raise UsageError(
            f"source {name} gives {len(examples)} of {count} recorded few-shot examples; "
            "pass fewer --shots or --shot-source"
        )
    return examples, source


def _scratchpad_fields(trace: Trace) -> dict[str, Any]:
    return {
        "scratchpad": "\n".join(scratchpad_lines(trace)),
        "scratchpad_whole": scratchpad_fits(trace),
    }


_DIRECT = Wording(
    template=EXECUTION_V1,
    max_new_tokens=ANSWER_TOKENS,
    repeated=20,
    prompt=partial(execution_prompt, EXECUTION_V1),
    examples=few_shot_examples,
    fields=lambda _: {},
)
_SCRATCHPAD = Wording(
    template=SCRATCHPAD_V1,
    max_new_tokens=SCRATCHPAD_TOKENS,
    repeated=4,
    prompt=scratchpad_prompt,
    examples=recorded_examples,
    fields=_scratchpad_fields,
)
