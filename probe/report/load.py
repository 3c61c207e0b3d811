"""Reading what a report is made of: run folders and trace files, checked and put in order.

Called by :mod:`probe.report.build`. Nothing is scored here: numbers of a single run are those of
its ``results.json``; the samples are read for comparisons and for the item browser. Whether the
samples give those numbers again is the business of ``probe verify``; here only the hash, the
number of items and the two headline shares are checked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generators import jsonl
from generators.errors import FormatError, RunError, UsageError
from generators.records import TRACE_SCHEMA, Trace
from probe.runs import RESULTS, SAMPLES, Run, read_run
from probe.statistics import Estimate

__all__ = [
    "EXECUTION",
    "FINETUNE",
    "POLICIES",
    "SYNTHESIS_GRADE",
    "Inputs",
    "ReportRun",
    "Sample",
    "TraceFile",
    "estimate",
    "load_inputs",
]

EXECUTION = "execution"
FINETUNE = "finetune"
SYNTHESIS_GRADE = "synthesis-grade"
POLICIES = ("exact_text", "exact")

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
    SYNTHESIS_GRADE: ("n_items", "n_programs", "verdicts", "scores"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One item of an execution run, as its line in ``samples.jsonl`` says.

    Attributes:
        key: ``<task_id>/<index>``, unique inside a run.
        task_id: Program the item belongs to.
        origin: ``assert`` or ``generated``.
        output_type: Type name of the true output.
        call: The call as Python text.
        expected: Literal text of the true output.
        prompt: What the model saw.
        completion: What the model said, without the stop string.
        finish: How the completion ended: ``stop``, ``eos``, ``length`` or ``overflow``.
        answer: Text taken for the answer, maybe empty.
        reason: Why there is no literal answer, or an empty text.
        exact_text: Whether the answer is right as text.
        exact: Whether the answer is right by type and value.
        baselines: Predicted text of each trivial baseline.
        prompt_tokens: Length of the prompt in tokens.
        completion_tokens: Length of the completion in tokens.
    """

    key: str
    task_id: int
    origin: str
    output_type: str
    call: str
    expected: str
    prompt: str = field(repr=False)
    completion: str = field(repr=False)
    finish: str
    answer: str
    reason: str
    exact_text: bool
    exact: bool
    baselines: dict[str, str]
    prompt_tokens: int
    completion_tokens: int

    def right(self, policy: str) -> bool:
        """Return whether the answer is right under ``exact_text`` or ``exact``."""
        return self.exact_text if policy == "exact_text" else self.exact


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRun:
    """One run of a report.

    Attributes:
        name: Short unique name, usually the folder's.
        task: ``execution``, ``finetune`` or ``synthesis-grade``.
        manifest: Content of ``manifest.json``.
        results: Content of ``results.json``.
        samples: Items in file order; empty for runs that are no execution runs.
        losses: Training loss as ``(step, loss)``; empty unless a fine-tuning run.
    """

    name: str
    task: str
    manifest: dict[str, Any] = field(repr=False)
    results: dict[str, Any] = field(repr=False)
    samples: tuple[Sample, ...] = field(default=(), repr=False)
    losses: tuple[tuple[int, float], ...] = field(default=(), repr=False)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the run's results: configuration, inputs, prompts, model."""
        found: dict[str, Any] = self.manifest["identity"]
        return found

    @property
    def config(self) -> dict[str, Any]:
        """The resolved options of the run."""
        return dict(self.identity.get("config") or {})

    @property
    def model(self) -> dict[str, Any]:
        """The identity of the model that answered or was tuned."""
        return dict(self.identity.get("model") or {})

    @property
    def model_name(self) -> str:
        """The model as it was asked for; a folder is reduced to its name."""
        spec = str(self.model.get("spec") or self.model.get("name") or "unnamed model")
        return Path(spec).name if spec.startswith(("/", "~", ".")) else spec

    @property
    def adapter(self) -> str | None:
        """Hash of the adapter, ``None`` for a base model."""
        found = self.model.get("adapter_sha256") or self.model.get("adapter")
        if isinstance(found, dict):
            found = found.get("sha256")
        return str(found) if found else None

    @property
    def tuned(self) -> bool:
        """Whether an adapter was loaded."""
        return self.adapter is not None

    @property
    def shots(self) -> int:
        """Number of solved examples in the prompt."""
        return int(self.config.get("shots") or 0)

    def score(self, policy: str) -> Estimate:
        """Return the run's share of right items under a policy, with its interval."""
        return estimate(self.results["scores"][policy])


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFile:
    """What a file of traces holds.

    Attributes:
        name: File name.
        sha256: Hash of its bytes.
        header: Its header line.
        traces: Number of traces.
        programs: Number of programs.
        by_origin: Traces by origin.
        by_output_type: Traces by output type.
    """

    name: str
    sha256: str
    header: dict[str, Any] = field(repr=False)
    traces: int
    programs: int
    by_origin: dict[str, int]
    by_output_type: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything a report is made of, in an order that does not depend on the arguments'.

    Attributes:
        execution: Evaluations of output prediction: base before tuned, more shots first.
        finetune: Fine-tuning runs.
        grade: Graded synthesis samples.
        traces: Trace files.
    """

    execution: tuple[ReportRun, ...] = ()
    finetune: tuple[ReportRun, ...] = ()
    grade: tuple[ReportRun, ...] = ()
    traces: tuple[TraceFile, ...] = ()

    @property
    def runs(self) -> tuple[ReportRun, ...]:
        """All runs: fine-tuning, then execution, then grading."""
        return self.finetune + self.execution + self.grade


def estimate(score: dict[str, Any]) -> Estimate:
    """Return a stored estimate as a record.

    Raises:
        FormatError: A field is missing or unknown.
    """
    try:
        return Estimate(**score)
    except TypeError as error:
        raise FormatError(f"a score of {RESULTS} is no estimate: {error}") from None


def load_inputs(paths: Sequence[Path]) -> Inputs:
    """Read run folders and trace files.

    Args:
        paths: Folders of finished runs, and files of traces.

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
            runs.append(_report_run(path, name))
    return Inputs(
        execution=_of(runs, EXECUTION),
        finetune=_of(runs, FINETUNE),
        grade=_of(runs, SYNTHESIS_GRADE),
        traces=tuple(sorted(files, key=lambda file: (file.name, file.sha256))),
    )


def _of(runs: Sequence[ReportRun], task: str) -> tuple[ReportRun, ...]:
    chosen = [run for run in runs if run.task == task]
    return tuple(sorted(chosen, key=lambda r: (r.tuned, r.model_name, -r.shots, r.name)))


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


def _report_run(path: Path, name: str) -> ReportRun:
    run = read_run(path)
    task = run.results.get("task")
    if task not in _RESULT_FIELDS:
        raise RunError(f"{path} is a run of {task!r}; a report is made of {sorted(_RESULT_FIELDS)}")
    lacking = [key for key in _RESULT_FIELDS[task] if key not in run.results]
    if lacking:
        raise FormatError(f"{path / RESULTS}: lacks {lacking}")
    samples = _checked_samples(run) if task == EXECUTION else ()
    losses = _losses(path / "log.jsonl") if task == FINETUNE else ()
    return ReportRun(
        name=name,
        task=task,
        manifest=run.manifest,
        results=run.results,
        samples=samples,
        losses=losses,
    )


def _checked_samples(run: Run) -> tuple[Sample, ...]:
    path = run.path / SAMPLES
    advice = "its results are not those of its samples; `probe verify` says where"
    if run.results.get("samples_sha256") != jsonl.sha256_file(path):
        raise RunError(f"{run.path}: {SAMPLES} has another hash than {RESULTS} says; {advice}")
    samples = tuple(_sample(path, number, row) for number, row in enumerate(run.samples, 2))
    if len(samples) != run.results["n_items"] or not samples:
        raise RunError(f"{run.path}: {len(samples)} samples, n_items is another number; {advice}")
    for policy in POLICIES:
        share = sum(sample.right(policy) for sample in samples) / len(samples)
        if not math.isclose(share, estimate(run.results["scores"][policy]).estimate):
            raise RunError(f"{run.path}: {policy} is {share} in the samples; {advice}")
    return samples


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
    for _, row in jsonl.read_rows(path):
        step, loss = row.get("step"), row.get("loss")
        if isinstance(step, int) and isinstance(loss, int | float) and math.isfinite(loss):
            found[step] = float(loss)
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
