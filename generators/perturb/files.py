"""Files of variants: the same bytes for the same traces and plan, written whole or not at all.

    variants.jsonl           header, then one variant a line
    variants.summary.json    how many there are of each kind, and why there are no more

Called by ``probe make-variants``; :func:`read_variants` by the task that asks about them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from platform import python_version_tuple
from typing import Any

from generators import jsonl
from generators.errors import DataError, FormatError, LiteralError
from generators.literals import from_literal
from generators.perturb.kinds import Family, Kind
from generators.perturb.records import VARIANT_SCHEMA, Variant, VariantPlan
from generators.perturb.roles import Vocabulary
from generators.perturb.running import ProgramVariants, by_program, make_variants
from generators.progress import Progress
from generators.records import TRACE_SCHEMA, Trace
from generators.sandbox.policy import choose_backend, warnings_of
from generators.stored import held, stored_summary, write_summary
from generators.trace_files import read_traces

__all__ = ["VARIANT_SUMMARY_SCHEMA", "read_variants", "write_variants"]

VARIANT_SUMMARY_SCHEMA = "probe.variant-summary"


def read_variants(path: Path) -> list[Variant]:
    """Read and check a file of variants.

    Raises:
        DataError: The file cannot be read, or holds none.
        FormatError: A line is broken, an output is no literal, or an id comes twice.
    """
    variants: list[Variant] = []
    seen: set[str] = set()
    for number, row in jsonl.read(path, VARIANT_SCHEMA):
        try:
            variant = Variant.from_json(row)
            from_literal(variant.output)
            from_literal(variant.trace.output)
        except (FormatError, LiteralError) as error:
            raise FormatError(f"{path}:{number}: {error}") from None
        if variant.variant_id in seen:
            raise FormatError(f"{path}:{number}: variant_id {variant.variant_id!r} comes twice")
        seen.add(variant.variant_id)
        variants.append(variant)
    if not variants:
        raise DataError(f"{path} holds no variants")
    return variants


def write_variants(
    path: Path,
    traces: Path,
    plan: VariantPlan,
    *,
    limit: int | None = None,
    workers: int = 2,
    trust_programs: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make the variants of the programs of a trace file, or find them made, and sum them up.

    The same traces, plan and limit give the same bytes, whatever ``workers``.

    Args:
        path: The file of variants.
        traces: The trace file.
        plan: What variants are wanted.
        limit: Only the first so many programs.
        workers: Programs run at a time.
        trust_programs: Allow a sandbox that does not isolate.
        progress: Told of each finished program.

    Returns:
        The summary that lies beside the file.

    Raises:
        RunError: ``path`` holds other variants, or another process is writing it.
        DataError: A file cannot be read or written, or the trace file has no calls with a value.
        SandboxError: The sandbox broke down.
    """
    found = read_traces(traces)
    if not found:
        raise DataError(f"{traces} has no trace of a call that returns a value")
    programs = by_program(found)[:limit]
    backend = choose_backend(trust_programs=trust_programs)
    head = _header(traces, plan, limit, backend)
    with held(path):
        if path.exists():
            return stored_summary(path, VARIANT_SCHEMA, VARIANT_SUMMARY_SCHEMA, head, "variants")
        made = make_variants(
            programs,
            Vocabulary(trace.code for trace in found),
            plan,
            workers=workers,
            trust_programs=trust_programs,
            progress=progress,
        )
        with closing(made):
            return _publish(path, head, list(made), programs)


def _header(traces: Path, plan: VariantPlan, limit: int | None, backend: str) -> dict[str, Any]:
    above = jsonl.read_header(traces, TRACE_SCHEMA)
    head = jsonl.header(
        VARIANT_SCHEMA,
        source=above.get("source", {}),
        split=above.get("split", ""),
        traces={"sha256": jsonl.sha256_file(traces), "plan": above.get("plan", {})},
        plan=asdict(plan),
        limit=limit,
        backend=backend,
        packages={
            "execution-probe": metadata.version("execution-probe"),
            "python": ".".join(python_version_tuple()[:2]),
        },
    )
    parsed: dict[str, Any] = json.loads(jsonl.canonical_json(head))
    return parsed


def _publish(
    path: Path,
    head: dict[str, Any],
    made: Sequence[ProgramVariants],
    programs: Sequence[Sequence[Trace]],
) -> dict[str, Any]:
    """Write the summary, then the file that it belongs to."""
    variants = [variant for program in made for variant in program.variants]
    text = "".join(map(jsonl.dump_line, [head, *(variant.to_json() for variant in variants)]))
    summary = jsonl.header(
        VARIANT_SUMMARY_SCHEMA,
        programs=len(programs),
        programs_with_variants=sum(bool(program.variants) for program in made),
        calls=len({variant.trace.trace_id for variant in variants}),
        variants=len(variants),
        families={
            family.value: sum(variant.family is family for variant in variants) for family in Family
        },
        kinds={kind.value: _of_kind(kind, made) for kind in Kind},
        changed_type=sum(v.output_type != v.trace.output_type for v in variants),
        backends=[head["backend"]],
        warnings=warnings_of([head["backend"]]),
        sha256=jsonl.sha256_text(text),
    )
    write_summary(path, summary)
    with jsonl.atomic_writer(path) as stream:
        stream.write(text)
    return summary


@dataclass(frozen=True, slots=True, kw_only=True)
class _KindCount:
    """One kind's part of the summary.

    Attributes:
        variants: How many there are.
        programs: Of how many programs.
        without_place: Programs that the kind has no room in.
        drops: Changed programs that became no variant, by reason.
    """

    variants: int
    programs: int
    without_place: int
    drops: dict[str, int]


def _of_kind(kind: Kind, made: Sequence[ProgramVariants]) -> dict[str, Any]:
    drops: Counter[str] = Counter()
    for program in made:
        drops.update({why: n for (what, why), n in program.drops.items() if what is kind})
    counts = [sum(variant.kind is kind for variant in program.variants) for program in made]
    return asdict(
        _KindCount(
            variants=sum(counts),
            programs=sum(count > 0 for count in counts),
            without_place=sum(kind in program.without_place for program in made),
            drops=dict(sorted(drops.items())),
        )
    )
