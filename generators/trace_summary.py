"""The summary beside a trace file: what is in it, what is not and why, and how good it is.

Made by :mod:`generators.trace_files`, shown by ``probe make-traces``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from generators.errors import FormatError
from generators.records import Origin, Problem, Trace
from generators.sandbox.policy import warnings_of
from generators.trace_plan import DropReason
from generators.trace_quality import quality

__all__ = ["SUMMARY_SCHEMA", "TraceSummary", "summarise"]

SUMMARY_SCHEMA = "probe.trace-summary"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummary:
    """What is in a trace file, and what is not.

    Attributes:
        programs: Programs that were traced.
        programs_with_traces: Those that gave any trace.
        traces: Traces in all.
        by_origin: Traces per :class:`~generators.records.Origin`.
        drops: Calls that gave no trace, per reason.
        output_types: Traces per type of their output.
        short: Programs with fewer traces than wanted, by task id, and why.
        quality: What :func:`generators.trace_quality.quality` says.
        backends: Sandboxes that the programs ran in; ``process`` isolates nothing.
        sha256: Hash of the trace file.
    """

    programs: int
    programs_with_traces: int
    traces: int
    by_origin: dict[str, int]
    drops: dict[str, int]
    output_types: dict[str, int]
    short: dict[str, str]
    quality: dict[str, Any]
    backends: list[str]
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return the summary as a JSON object, with warnings about its sandboxes."""
        return {**asdict(self), "warnings": warnings_of(self.backends)}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Build a summary from the object of :meth:`to_json`; further fields are passed over.

        Raises:
            FormatError: A field is missing.
        """
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in row]
        if missing:
            raise FormatError(f"trace summary lacks {missing}")
        return cls(**{name: row[name] for name in names})


def summarise(
    rows: Sequence[dict[str, Any]],
    traced: Sequence[Problem],
    source: Sequence[Problem],
    *,
    sha256: str,
) -> TraceSummary:
    """Sum finished programs up.

    Args:
        rows: A row a program: its task id, traces, drops, note and backend.
        traced: The programs, in the same order.
        source: All problems of the source.
        sha256: Hash of the trace file.
    """
    traces = [Trace.from_json(trace) for row in rows for trace in row["traces"]]
    drops: Counter[str] = Counter()
    for row in rows:
        drops.update(row["drops"])
    origins = Counter(trace.origin for trace in traces)
    types = Counter(trace.output_type for trace in traces if not trace.raises)
    return TraceSummary(
        programs=len(rows),
        programs_with_traces=sum(bool(row["traces"]) for row in rows),
        traces=len(traces),
        by_origin={origin.value: origins[origin] for origin in Origin},
        drops={reason.value: drops[reason] for reason in DropReason if drops[reason]},
        output_types=dict(sorted(types.items())),
        short={str(row["task_id"]): row["note"] for row in rows if row["note"]},
        quality=quality(traces, traced, source),
        backends=sorted({row["backend"] for row in rows}),
        sha256=sha256,
    )
