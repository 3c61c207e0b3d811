"""Reading what a report is made of: run folders and trace files, checked and put in order.

Called by :mod:`probe.report.build`. That the files of a run are as they were written is checked
where it is read (:func:`probe.runs.read_run`). Whether its samples give its results again is the
business of ``probe verify``; here only their number and the two headline shares are checked, so
that comparisons (from samples) and scores (from results) cannot contradict.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from generators import jsonl
from generators.errors import FormatError, RunError, UsageError
from generators.records import TRACE_SCHEMA, Trace
from probe.report.inputs import (
    POLICIES,
    Inputs,
    ReportRun,
    Sample,
    TraceFile,
    estimate,
)
from probe.report.probes import PROBES
from probe.runs import MANIFEST, RESULTS, SAMPLES, Run, read_run
from probe.tasks.names import EXECUTION, FINETUNE, GRADING
from probe.training.results import LOG, LOG_SCHEMA

__all__ = ["load_inputs"]

_ADVICE = "its results are not those of its samples; `probe verify` says where"

_SAMPLE_TYPES: dict[str, type] = {
    "key": str,
    "task_id": int,
    "origin": str,
    "output_type": str,
    "call": str,
    "expected": str,
    "prompt": str,
    "completion": str,
    "finish": str,
    "reason": str,
    "exact_text": bool,
    "exact": bool,
    "baselines": dict,
    "prompt_tokens": int,
    "completion_tokens": int,
}
_RESULT_FIELDS = {
    EXECUTION: (
        "n_items",
        "n_programs",
        "scores",
        "by_output_type",
        "by_origin",
        "baselines",
        "counts",
        "tokens",
    ),
    FINETUNE: ("steps", "items", "tokens", "seconds", "validation", "adapter_sha256"),
    GRADING: ("n_items", "n_programs", "verdicts", "scores"),
    **{task: kind.fields for task, kind in PROBES.items()},
}


def load_inputs(paths: Sequence[Path], *, check: bool = True) -> Inputs:
    """Read run folders and trace files.

    Args:
        paths: Folders of finished runs, and files of traces.
        check: See :func:`probe.runs.read_run`.

    Raises:
        UsageError: No path, or one path twice.
        RunError: A folder is no finished run, or its files do not belong together.
        FormatError: A file is broken.
    """
    if not paths:
        raise UsageError("a report needs at least one run folder")
    names = _names(paths)
    runs: list[ReportRun] = []
    files: list[TraceFile] = []
    for path, name in zip(paths, names, strict=True):
        if path.is_file():
            files.append(_trace_file(path))
        else:
            runs.append(_report_run(path, name, check=check))
    return Inputs(
        execution=_of(runs, EXECUTION),
        finetune=_of(runs, FINETUNE),
        grade=_of(runs, GRADING),
        probes={task: found for task in PROBES if (found := _of(runs, task))},
        traces=tuple(sorted(files, key=lambda file: (file.name, file.sha256))),
    )


def _of(runs: Sequence[ReportRun], task: str) -> tuple[ReportRun, ...]:
    chosen = [run for run in runs if run.task == task]
    return tuple(sorted(chosen, key=_order))


def _order(run: ReportRun) -> tuple[bool, str, int, str]:
    return run.tuned, run.model_name, -run.shots, run.name


def _names(paths: Sequence[Path]) -> list[str]:
    """Name each path by its last part, or its last two where that is not unique."""
    whole = [path.resolve() for path in paths]
    for path in paths:
        if whole.count(path.resolve()) > 1:
            raise UsageError(f"{path} is given twice")
    last = Counter(path.name for path in whole)
    names = [
        path.name if last[path.name] == 1 else f"{path.parent.name}/{path.name}" for path in whole
    ]
    if len(set(names)) < len(names):
        raise UsageError("two of the runs have the same folder names; rename one")
    return names


def _report_run(path: Path, name: str, *, check: bool) -> ReportRun:
    run = read_run(path, check=check)
    task = run.results.get("task")
    if task not in _RESULT_FIELDS:
        raise RunError(f"{path} is a run of {task!r}; a report is made of {sorted(_RESULT_FIELDS)}")
    lacking = [key for key in _RESULT_FIELDS[task] if key not in run.results]
    if lacking:
        raise FormatError(f"{path / RESULTS}: lacks {lacking}")
    samples = _checked_samples(run) if task == EXECUTION else ()
    rows = _counted_rows(run) if task in PROBES else ()
    losses = _losses(path / LOG) if task == FINETUNE else ()
    found = ReportRun(
        name=name,
        task=task,
        manifest=run.manifest,
        results=run.results,
        samples=samples,
        rows=rows,
        losses=losses,
        reused=tuple("reused_from" in row for row in run.samples),
    )
    try:
        _order(found)
    except (TypeError, ValueError) as error:
        raise FormatError(
            f"{path / MANIFEST}: options or a model of the wrong form: {error}"
        ) from None
    return found


def _checked_samples(run: Run) -> tuple[Sample, ...]:
    path = run.path / SAMPLES
    rows = _counted_rows(run)
    samples = tuple(_sample(path, number, row) for number, row in enumerate(rows, 2))
    for policy in POLICIES:
        share = sum(sample.right(policy) for sample in samples) / len(samples)
        if not _says(run.results["scores"], policy, share):
            raise RunError(f"{run.path}: {policy} is {share} in the samples; {_ADVICE}")
    return samples


def _says(scores: Any, policy: str, share: float) -> bool:
    """Whether results name this share; they may be of any form."""
    try:
        return math.isclose(share, estimate(scores[policy]).estimate)
    except (LookupError, TypeError):
        return False


def _counted_rows(run: Run) -> tuple[dict[str, Any], ...]:
    """Return a run's samples, if they are as many as its results say."""
    if len(run.samples) != run.results["n_items"] or not run.samples:
        raise RunError(
            f"{run.path}: {len(run.samples)} samples, n_items is another number; {_ADVICE}"
        )
    return tuple(run.samples)


def _sample(path: Path, number: int, row: dict[str, Any]) -> Sample:
    for name, kind in _SAMPLE_TYPES.items():
        if type(row.get(name)) is not kind:
            raise FormatError(f"{path}:{number}: field {name!r} is missing or no {kind.__name__}")
    known = {name: row[name] for name in _SAMPLE_TYPES}
    return Sample(answer=str(row.get("answer") or ""), **known)


def _losses(path: Path) -> tuple[tuple[int, float], ...]:
    """Read the training losses; a step that was repeated after a resume counts once."""
    if not path.is_file():
        return ()
    found: dict[int, float] = {}
    for number, row in jsonl.read(path, LOG_SCHEMA):
        if row.get("event") != "train":
            continue
        try:
            found[int(row["step"])] = float(row["loss"])
        except (KeyError, TypeError, ValueError):
            raise FormatError(f"{path}:{number}: a training row without step and loss") from None
    return tuple(sorted(found.items()))


def _trace_file(path: Path) -> TraceFile:
    traces: list[Trace] = []
    for number, row in jsonl.read(path, TRACE_SCHEMA):
        try:
            traces.append(Trace.from_json(row))
        except FormatError as error:
            raise FormatError(f"{path}:{number}: {error}") from None
    return TraceFile(
        name=path.name,
        sha256=jsonl.sha256_file(path),
        header=jsonl.read_header(path, TRACE_SCHEMA),
        traces=len(traces),
        programs=len({(trace.source, trace.task_id) for trace in traces}),
        by_origin=dict(sorted(Counter(str(trace.origin) for trace in traces).items())),
        by_output_type=dict(sorted(Counter(trace.output_type for trace in traces).items())),
    )
