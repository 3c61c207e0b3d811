"""The protocol card: what was asked, of whom and how; where runs agree and where they differ.

Called by :mod:`probe.report.build`. Known fields have names in words; a field that this module
has never heard of is shown under its own name, never dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from probe.report.inputs import ReportRun
from probe.report.labels import Labels, baseline_name
from probe.report.numbers import scrub, visible
from probe.report.tables import Cell, Table

__all__ = ["field_rows", "protocol_tables"]

_CONFIG_NAMES = {
    "shots": "Solved examples in the prompt",
    "shot_ids": "Tasks of the solved examples",
    "origin": "Origins asked for",
    "per_program": "Items per program, at most",
    "task_ids": "Only these problems",
    "limit": "Items, at most",
    "seed": "Seed",
    "decoding": "Decoding",
    "max_new_tokens": "Token budget of an answer",
    "stop": "Stop strings",
    "batch_invariance_items": "Items decoded once more, alone, at most",
    "chat_template": "Chat template",
    "chat_template_sha256": "Chat template (sha256)",
}
_MODEL_NAMES = {
    "spec": "Model",
    "adapter": "Adapter",
    "parameters": "Parameters",
    "device": "Device",
    "dtype": "Number format",
}
_SOURCE_NAMES = {
    "name": "Source",
    "content_sha256": "Source content (sha256)",
    "sha256": "Source file (sha256)",
    "known": "Content is a listed version",
    "licence": "Licence of the data",
}
_HASH_LENGTH = 64
_SHOWN_HASH = 16


def protocol_tables(runs: Sequence[ReportRun], labels: Labels, key: str) -> tuple[Table, ...]:
    """Make the card of matched runs: common fields first, then those that differ.

    Args:
        runs: Runs of one cohort.
        labels: Their names.
        key: Prefix of the tables' keys.
    """
    fields = [dict(_fields(run)) for run in runs]
    names = list(dict.fromkeys(name for found in fields for name in found))
    values = {name: [found.get(name, "\N{EN DASH}") for found in fields] for name in names}
    same = [name for name in names if len(set(values[name])) == 1]
    apart = [name for name in names if name not in same]
    tables = [
        Table(
            key=f"{key}-common",
            caption="The same in all of these runs" if len(runs) > 1 else "The run's protocol",
            columns=("Field", "Value"),
            rows=tuple((Cell(text=name), _value(values[name][0])) for name in same),
            numeric=False,
        )
    ]
    if apart:
        tables.append(
            Table(
                key=f"{key}-apart",
                caption="Where the runs differ",
                columns=("Field", *(labels[run] for run in runs)),
                rows=tuple(
                    (Cell(text=name), *(_value(value) for value in values[name])) for name in apart
                ),
                numeric=False,
            )
        )
    return tuple(tables)


def field_rows(
    values: dict[str, Any], prefix: str, names: dict[str, str] | None = None
) -> tuple[tuple[Cell, ...], ...]:
    """Return one row a field for any JSON object: known fields first, nested names joined."""
    found = _named(values, names or {}, prefix)
    return tuple((Cell(text=_capital(name)), _value(value)) for name, value in found)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _value(text: str) -> Cell:
    return Cell(text=text)


def _fields(run: ReportRun) -> Iterator[tuple[str, str]]:
    inputs = dict(run.identity.get("inputs") or {})
    traces = dict(inputs.pop("traces", None) or {})
    header = dict(traces.get("header") or {})
    yield from _named(dict(header.get("source") or {}), _SOURCE_NAMES, "Source: ")
    yield "Split", _text(header.get("split") or "all")
    yield "Items", f"{run.n:,}"
    yield "Programs", f"{run.results['n_programs']:,}"
    yield "Trace file (sha256)", _text(traces.get("sha256"))
    yield from _named(dict(header.get("plan") or {}), {}, "Trace plan: ")
    yield from _named(run.config, _CONFIG_NAMES, "Option: ")
    for name, digest in sorted(dict(run.identity.get("prompts") or {}).items()):
        yield "Prompt template", f"{name} ({_text(digest)})"
    policies = run.identity.get("policies") or sorted(run.results["scores"])
    yield "Scorer policies", _text(policies)
    yield "Trivial baselines", ", ".join(baseline_name(n) for n in run.results["baselines"])
    for name, value in sorted(inputs.items()):
        yield from _input(name, value)
    adapter = dict(run.model.get("adapter") or {})
    shown = f"{adapter.get('name', '')} ({_text(run.adapter)})" if run.tuned else "none"
    model = run.model | {"adapter": shown}
    if model.get("name") == model.get("spec"):
        model.pop("name", None)
    yield from _named(model, _MODEL_NAMES, "Model: ")
    yield "Samples (sha256)", _text(run.results["samples_sha256"])


def _input(name: str, value: Any) -> Iterator[tuple[str, str]]:
    title = {
        "baseline_traces": "Baselines learn from",
        "training_traces": "Traces of training programs",
        "shots": "Source of the solved examples",
    }.get(name, f"Input: {name}")
    if name in ("baseline_traces", "training_traces") and not value:
        yield title, "none: baselines learn from other programs of the trace file, in folds"
    elif isinstance(value, dict):
        digest = value.get("content_sha256") or value.get("sha256")
        known = [_text(part) for part in (value.get("name"), digest) if part]
        yield title, ", ".join(known) or _text(value)
    else:
        yield title, _text(value)


def _named(values: dict[str, Any], names: dict[str, str], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the known fields in their order, then the unknown ones by name."""
    for name, title in names.items():
        if name in values:
            yield title, _text(values[name])
    for name, value in sorted(values.items()):
        if name not in names:
            yield f"{prefix}{name.replace('_', ' ')}", _text(value)


def _text(value: Any) -> str:
    """Return a JSON value for people; hashes are cut, the whole of them is in results.json."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}" if abs(value) >= 10_000 else str(value)
        case str() if len(value) == _HASH_LENGTH and value.isalnum():
            return f"{value[:_SHOWN_HASH]}\N{HORIZONTAL ELLIPSIS}"
        case str():
            return visible(scrub(value)) if value.strip() else repr(value)
        case list():
            quoted = any(isinstance(item, str) and not item.strip() for item in value)
            parts = [repr(item) if quoted else _text(item) for item in value]
            return ", ".join(parts) or "none"
        case dict():
            parts = [f"{k.replace('_', ' ')} {_text(v)}" for k, v in sorted(value.items())]
            return visible(", ".join(parts)) or "none"
        case _:
            return str(value)
