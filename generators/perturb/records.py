"""Changed programs with what they give, and what variants are wanted: the records of this package.

Made by :mod:`generators.perturb.running`, read and written by :mod:`generators.perturb.files`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Self

from generators.errors import FormatError
from generators.perturb.kinds import Change, Family, Kind
from generators.records import Trace
from generators.sandbox.policy import Limits

__all__ = ["VARIANT_SCHEMA", "Drop", "Variant", "VariantPlan"]

VARIANT_SCHEMA = "probe.variant"


class Drop(StrEnum):
    """Why a changed program became no variant; else the name of how its call ended."""

    LOAD_FAILED = "load_failed"
    OTHER_OUTPUT = "other_output"
    """It should mean the same, but one of the program's calls gives something else."""
    SAME_OUTPUT = "same_output"
    """It should mean something else, but the call gives the same."""
    OUTPUT_TOO_LONG = "output_too_long"
    NONDETERMINISTIC = "nondeterministic"


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantPlan:
    """What variants are wanted.

    Attributes:
        calls: Calls of each program that are asked about.
        per_kind: Variants of each kind for each call, at most.
        seed: Of the choice of calls and changes.
        tries: Changed programs of a kind that are run, at most.
        max_output_chars: Longest output of a variant.
        limits: Bounds of a call of a program that means something else; it may never end.
        preserving_limits: The same where it means the same; as generous as those of an assert.
    """

    calls: int = 1
    per_kind: int = 1
    seed: int = 0
    tries: int = 12
    max_output_chars: int = 150
    limits: Limits = field(default_factory=lambda: Limits(cpu_seconds=0.25, wall_seconds=6.0))
    preserving_limits: Limits = field(
        default_factory=lambda: Limits(cpu_seconds=40.0, wall_seconds=120.0)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A changed program and what a call of it gives.

    Attributes:
        variant_id: ``<trace_id>/<kind>/<index>``, unique inside a file.
        kind: How the program was changed.
        change: Where, and what.
        trace: The original program with the call and its output; without its recording.
        code: The changed program.
        output: Canonical literal of what the call gives now.
        output_type: Type name of it.
        other_output: What the next call of the original program gives, ``""`` if there is none.
    """

    variant_id: str
    kind: Kind
    change: Change
    trace: Trace
    code: str
    output: str
    output_type: str
    other_output: str

    @property
    def family(self) -> Family:
        """Whether the change keeps what the program means."""
        return self.kind.family

    def as_trace(self) -> Trace:
        """Return the changed program with the call and what it gives now."""
        return replace(
            self.trace,
            trace_id=self.variant_id,
            code=self.code,
            output=self.output,
            output_type=self.output_type,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object; ``trace`` lacks its empty recording."""
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        trace = self.trace.to_json()
        del trace["recording"]
        return row | {"family": self.family, "change": asdict(self.change), "trace": trace}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Build a variant from a JSON object.

        Raises:
            FormatError: A field is missing, unknown or of the wrong type, or contradicts another.
        """
        names = {field.name for field in fields(cls)} | {"family"}
        if names != row.keys():
            raise FormatError(f"variant lacks or does not know {sorted(names ^ row.keys())}")
        texts = {name: row[name] for name in names - {"change", "trace", "family"}}
        try:
            kind, change = Kind(row["kind"]), Change(**row["change"])
        except (TypeError, ValueError) as error:
            raise FormatError(f"variant: {error}") from None
        sound = type(change.line) is int and isinstance(row["trace"], dict)
        if not sound or not all(
            type(text) is str for text in (*texts.values(), change.before, change.after)
        ):
            raise FormatError("variant: a field is of the wrong type")
        trace = Trace.from_json(row["trace"])
        found = cls(**{**texts, "kind": kind, "change": change, "trace": trace})
        if row["family"] != found.family:
            raise FormatError(f"variant: {kind} is no change of family {row['family']!r}")
        if (found.output == trace.output) is not (found.family is Family.PRESERVING):
            raise FormatError(f"variant: its output contradicts its family {found.family}")
        return found
