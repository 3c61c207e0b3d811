"""Trace files: written program by program, resumable, the same bytes for the same request.

    traces.jsonl             header, then one trace a line: complete, or not there
    traces.summary.json      what was traced and what was dropped, and how good it is
    traces.times.jsonl       how long each call took: the one file that is never the same twice
    traces.jsonl.partial     header, then one finished program a line with the line's hash, while
                             it is made

The header names all that the traces depend on, so that it decides whether a file that is there
already is the one asked for. Called by ``probe make-traces``; :func:`read_traces` by everything
that uses traces.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from platform import python_version_tuple
from typing import Any

from generators import jsonl
from generators.differences import first_difference
from generators.errors import DataError, FormatError, LiteralError, RunError
from generators.literals import from_literal
from generators.locks import remove_scraps
from generators.problems.sources import Source
from generators.progress import Progress
from generators.records import TRACE_SCHEMA, Problem, Split, Trace
from generators.sandbox.policy import Backend, choose_backend
from generators.stored import held, lacks_summary, sealed, stored_summary, unsealed, write_summary
from generators.trace_plan import CountTokens
from generators.trace_summary import SUMMARY_SCHEMA, TraceSummary, summarise
from generators.tracing import ProgramTraces, TracePlan, trace_programs

__all__ = ["read_traces", "times_path", "write_traces"]

TIMES_SCHEMA = "probe.trace-times"
PARTIAL_SCHEMA = "probe.trace-partial"


def times_path(path: Path) -> Path:
    """Return where the times of a trace file are."""
    return path.with_name(f"{path.stem}.times.jsonl")


def read_traces(path: Path, *, keep_raising: bool = False) -> list[Trace]:
    """Read and check a trace file.

    Args:
        path: The file.
        keep_raising: Also return traces of calls that raise; they have no output to predict.

    Raises:
        DataError: The file cannot be read.
        FormatError: A line is broken, an output is no literal, or an id comes twice.
    """
    traces: list[Trace] = []
    seen: set[str] = set()
    for number, row in jsonl.read(path, TRACE_SCHEMA):
        try:
            trace = Trace.from_json(row)
            if not trace.raises:
                from_literal(trace.output)
        except (FormatError, LiteralError) as error:
            raise FormatError(f"{path}:{number}: {error}") from None
        if trace.trace_id in seen:
            raise FormatError(f"{path}:{number}: trace_id {trace.trace_id!r} comes twice")
        seen.add(trace.trace_id)
        if keep_raising or not trace.raises:
            traces.append(trace)
    return traces


def write_traces(
    path: Path,
    source: Source,
    split: Split | None,
    plan: TracePlan,
    *,
    workers: int = 2,
    trust_programs: bool = False,
    limit: int | None = None,
    count_tokens: CountTokens | None = None,
    progress: Progress | None = None,
) -> TraceSummary:
    """Trace programs of a source into a file, or finish or find such a file.

    The same source, split, plan and limit give the same bytes, whatever ``workers``, the hash
    seed of this process, and interruptions.

    Args:
        path: The trace file.
        source: Where the programs come from.
        split: Only programs of this split; ``None`` for all.
        plan: What traces are wanted.
        workers: Programs run at a time.
        trust_programs: Allow a sandbox that does not isolate.
        limit: Only the first so many programs.
        count_tokens: Length of a text in tokens; for a plan with caps in tokens.
        progress: Told of each finished program.

    Raises:
        RunError: ``path`` or its unfinished rest holds other traces, or another process is
            writing it.
        DataError: There are no such programs, or a file cannot be read or written.
        SandboxError: The sandbox broke down; what was done stays and is resumed.
    """
    problems = (source.problems if split is None else source.split(split))[:limit]
    if not problems:
        raise DataError(f"{source.name} has no programs in split {split or 'all'}")
    head = _header(source, split, plan, limit)
    with held(path):
        remove_scraps(path.parent, times_path(path).name)
        partial = path.with_name(f"{path.name}.partial")
        if path.exists():
            summary = _stored(path, head)
            _remove_rest(partial, head)
            return summary
        done = _resume(partial, head, problems)
        rest = problems[len(done) :]
        if rest:
            backend = choose_backend(trust_programs=trust_programs)
            programs = trace_programs(
                rest,
                plan,
                workers=workers,
                trust_programs=trust_programs,
                count_tokens=count_tokens,
                progress=progress,
            )
            with closing(programs):
                _append(partial, head, programs, backend=backend, fresh=not done)
        summary = _publish(path, head, partial, source, problems)
        partial.unlink(missing_ok=True)
        return summary


def _header(
    source: Source, split: Split | None, plan: TracePlan, limit: int | None
) -> dict[str, Any]:
    head = jsonl.header(
        TRACE_SCHEMA,
        source=source.identity(),
        split=split.value if split else "all",
        limit=limit,
        plan=asdict(plan),
        packages={
            "execution-probe": metadata.version("execution-probe"),
            "python": ".".join(python_version_tuple()[:2]),
        },
    )
    parsed: dict[str, Any] = json.loads(jsonl.canonical_json(head))
    return parsed


def _stored(path: Path, head: dict[str, Any]) -> TraceSummary:
    """Return the summary of a file that is there already."""
    row = stored_summary(path, TRACE_SCHEMA, SUMMARY_SCHEMA, head, "traces")
    try:
        return TraceSummary.from_json(row)
    except FormatError:
        raise lacks_summary(path) from None


def _remove_rest(partial: Path, head: dict[str, Any]) -> None:
    """Remove what was left by a process that was killed after it had written the traces."""
    with suppress(DataError):  # something else, or nothing
        if jsonl.read_header(partial, PARTIAL_SCHEMA).get("traces") == head:
            partial.unlink()


def _resume(partial: Path, head: dict[str, Any], problems: Sequence[Problem]) -> list[int]:
    """Return the task ids of the programs that are done, after mending a torn line."""
    if not partial.exists():
        return []
    jsonl.mend(partial)
    if partial.stat().st_size == 0:
        return []
    stored = jsonl.read_header(partial, PARTIAL_SCHEMA)
    differs = first_difference(stored.get("traces"), head)
    if differs:
        raise RunError(
            f"{partial} is the unfinished rest of other traces ({differs}); "
            "delete it or choose another --out"
        )
    rows = list(jsonl.read(partial, PARTIAL_SCHEMA))
    done = [row.get("task_id") for _, row in rows]
    wanted = [problem.task_id for problem in problems]
    if done != wanted[: len(done)]:
        raise RunError(f"{partial} does not list its programs in order; delete it to start again")
    for number, row in rows:
        try:
            unsealed(row)
        except FormatError as error:
            raise FormatError(f"{partial}:{number}: {error}; delete it to start again") from None
    return wanted[: len(done)]


def _append(
    partial: Path,
    head: dict[str, Any],
    programs: Iterable[ProgramTraces],
    *,
    backend: Backend,
    fresh: bool,
) -> None:
    with jsonl.open_to_append(partial, anew=fresh) as stream:
        if fresh:
            jsonl.append_lines(stream, [jsonl.header(PARTIAL_SCHEMA, traces=head)])
        for program in programs:
            row = {
                "task_id": program.problem.task_id,
                "traces": [trace.to_json() for trace in program.traces],
                "seconds": program.seconds,
                "drops": program.drops,
                "note": program.note,
                "backend": backend.value,
            }
            jsonl.append_lines(stream, [sealed(row)])


def _publish(
    path: Path, head: dict[str, Any], partial: Path, source: Source, problems: Sequence[Problem]
) -> TraceSummary:
    """Turn the finished rest into the trace file and what lies beside it, the file last."""
    rows = [row for _, row in jsonl.read(partial, PARTIAL_SCHEMA)]
    traces = [trace for row in rows for trace in row["traces"]]
    text = "".join(map(jsonl.dump_line, [head, *traces]))
    seconds = [pair for row in rows for pair in row["seconds"]]
    times = [
        {"trace_id": trace["trace_id"], "cpu_seconds": cpu, "wall_seconds": wall}
        for trace, (cpu, wall) in zip(traces, seconds, strict=True)
    ]
    summary = summarise(rows, problems, source.problems, sha256=jsonl.sha256_text(text))
    jsonl.write(times_path(path), jsonl.header(TIMES_SCHEMA, traces_sha256=summary.sha256), times)
    write_summary(path, jsonl.header(SUMMARY_SCHEMA, **summary.to_json()))
    with jsonl.atomic_writer(path) as stream:
        stream.write(text)
    return summary
