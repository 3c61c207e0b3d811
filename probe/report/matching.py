"""Which runs may stand side by side.

Called by :mod:`probe.report.build` and :mod:`probe.report.compare`. Runs are *matched* when they
answer the same items under the same protocol; model, adapter and prompt may differ and are then
named beside the comparison. Every field that is not declared to be free must be equal, so a field
that this module has never heard of keeps runs apart rather than letting them pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from generators.jsonl import canonical_json, sha256_text
from probe.prompts import EXECUTION_V1, ChatMode
from probe.report.inputs import ReportRun
from probe.scratchpad import ANSWER_TOKENS, SCRATCHPAD_TOKENS, SCRATCHPAD_V1

__all__ = [
    "CHOICE_FIELDS",
    "PROMPT_FIELDS",
    "Cohort",
    "FieldDifference",
    "cohorts",
    "declared",
    "families",
    "field_differences",
    "required_fields",
    "same_weights",
]

PROMPT_FIELDS = (
    "shots",
    "shot_ids",
    "shot_source",
    "chat_template",
    "chat_template_sha256",
)
"""Options that may differ between matched runs; a difference is declared beside the numbers."""

CHOICE_FIELDS = ("task_ids", "limit", "per_program", "origin")
"""Options that only choose items: the items themselves are compared instead."""

_CHECK_FIELDS = ("batch_invariance_items",)
"""Options of checks that do not touch the answers."""


_DECODING = ("stop", "max_new_tokens")
"""Fields of the decoding that may follow from the way of asking; then they are declared with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """A protocol field in which two runs differ.

    Attributes:
        field: Name of the field.
        first: Its value in the first run, as short text.
        second: Its value in the second run.
    """

    field: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Runs that are matched with each other.

    Attributes:
        runs: The runs, in report order.
        apart: In what they differ from the first cohort's first run; empty for that cohort.
    """

    runs: tuple[ReportRun, ...]
    apart: tuple[FieldDifference, ...] = ()

    @property
    def n_items(self) -> int:
        """Number of items that each of the runs answers."""
        return len(self.runs[0].samples)

    @property
    def n_programs(self) -> int:
        """Number of programs the items belong to."""
        return len({sample.task_id for sample in self.runs[0].samples})


def required_fields(run: ReportRun) -> dict[str, Any]:
    """Return every field that must be equal for a run to be matched with another."""
    identity = run.identity
    inputs = dict(identity.get("inputs") or {})
    inputs.pop("shots", None)
    free = {*PROMPT_FIELDS, *CHOICE_FIELDS, *_CHECK_FIELDS}
    fields: dict[str, Any] = {"items": _items_sha256(run)}
    fields |= {name: value for name, value in run.config.items() if name not in free}
    usual = SCRATCHPAD_V1 if run.scratchpad else EXECUTION_V1
    replies = run.config.get("chat_template") == ChatMode.MODEL
    if fields.get("stop") == ([] if replies else [usual.end]):
        fields["stop"] = "as the prompt wants"
    if run.scratchpad and fields.get("max_new_tokens") == SCRATCHPAD_TOKENS:
        fields["max_new_tokens"] = ANSWER_TOKENS  # as much more as the scratchpad takes
    fields |= {name: _content(value) for name, value in inputs.items()}
    fields["scorer policies"] = identity.get("policies")
    return fields


def _content(value: Any) -> Any:
    """Return an input's hash where it has one: the same bytes are the same input."""
    return value["sha256"] if isinstance(value, dict) and "sha256" in value else value


def _items_sha256(run: ReportRun) -> str:
    items = sorted([s.key, s.task_id, s.call, s.expected, s.origin] for s in run.samples)
    return sha256_text(canonical_json([items, sorted(_keys(run))]))


def _keys(run: ReportRun) -> set[str]:
    return {sample.key for sample in run.samples} | {row["key"] for row in run.rows}


def field_differences(first: ReportRun, second: ReportRun) -> tuple[FieldDifference, ...]:
    """Return the fields that keep two runs apart; empty if they are matched."""
    ours, theirs = required_fields(first), required_fields(second)
    found = [
        _difference(name, ours.get(name), theirs.get(name))
        for name in sorted(ours.keys() | theirs.keys(), key=lambda name: (name != "items", name))
        if canonical_json(ours.get(name)) != canonical_json(theirs.get(name))
    ]
    if found and found[0].field == "items":
        found[0] = _items_difference(first, second)
    return tuple(found)


def _difference(name: str, first: Any, second: Any) -> FieldDifference:
    return FieldDifference(field=name, first=_short(first), second=_short(second))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _items_difference(first: ReportRun, second: ReportRun) -> FieldDifference:
    ours, theirs = _keys(first), _keys(second)
    shared = len(ours & theirs)
    return FieldDifference(
        field="items",
        first=f"{len(ours)} items",
        second=f"{len(theirs)} items, {shared} keys in common",
    )


def cohorts(runs: Sequence[ReportRun]) -> tuple[Cohort, ...]:
    """Put matched runs together.

    The cohort with both base and tuned runs comes first, then the one with more runs.
    """
    groups: dict[str, list[ReportRun]] = {}
    for run in runs:
        groups.setdefault(canonical_json(required_fields(run)), []).append(run)
    ordered = sorted(
        groups.values(), key=lambda g: (-len({run.tuned for run in g}), -len(g), g[0].name)
    )
    return tuple(
        Cohort(
            runs=tuple(group),
            apart=field_differences(ordered[0][0], group[0]) if place else (),
        )
        for place, group in enumerate(ordered)
    )


def families(
    runs: Sequence[ReportRun],
    setting: Callable[[ReportRun], Any],
    free: Sequence[str],
    least: int = 2,
) -> list[list[ReportRun]]:
    """Group runs of the same model, adapter and prompt that differ in one setting.

    Args:
        runs: Runs of one kind.
        setting: What they shall differ in.
        free: Required fields, prompt fields, or ``problems``, that belong to the setting.
        least: So many values of the setting make a group.

    Returns:
        Groups with at least so many values of the setting, ordered by value; of two runs with the
        same value the first counts.
    """
    groups: dict[str, dict[str, ReportRun]] = {}
    for run in runs:
        fields = required_fields(run) | {name: run.config.get(name) for name in PROMPT_FIELDS}
        fields |= {"weights": _weights(run), "adapter": run.adapter}
        fields["problems"] = sorted({row["task_id"] for row in run.rows})
        same = canonical_json({name: x for name, x in fields.items() if name not in free})
        groups.setdefault(same, {}).setdefault(canonical_json(setting(run)), run)
    return [
        sorted(group.values(), key=lambda run: canonical_json(setting(run)))
        for group in groups.values()
        if len(group) >= least
    ]


def declared(first: ReportRun, second: ReportRun) -> tuple[FieldDifference, ...]:
    """Return the prompt fields in which two matched runs differ."""
    ours, theirs = (
        {name: run.config.get(name) for name in (*PROMPT_FIELDS, *_DECODING)}
        for run in (first, second)
    )
    ours["prompt template"] = first.identity.get("prompts")
    theirs["prompt template"] = second.identity.get("prompts")
    return tuple(
        _difference(name, ours[name], theirs[name])
        for name in ours
        if canonical_json(ours[name]) != canonical_json(theirs[name])
    )


def same_weights(first: ReportRun, second: ReportRun) -> bool:
    """Return whether two runs asked the same base weights, with or without an adapter."""
    return canonical_json(_weights(first)) == canonical_json(_weights(second))


def _weights(run: ReportRun) -> Any:
    """Return the hashes of a run's base weights, or else the model's name (a server's URL)."""
    model = run.model
    kept = (name for name in model if "weights" in name or name == "files")
    found = {name: model[name] for name in kept if model[name]}
    return found or run.model_name
